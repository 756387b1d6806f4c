#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What lies between Tutti and the clouds: a proxy that alone knows the way, credentials that end, a slow network.

Run under tests/servers/with_servers.py proxy:versitygw proxy:strict_gcs proxy:azurite -- ... Servers that speak TLS, or
know more than one key, are started here.
"""
import base64
import collections
import contextlib
import datetime
import functools
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from clouds_test import Proxy, failed
from fault_world import FaultWorld
from project import Wrong, expect, pause, test_main
import with_servers

COMMAND_SECONDS = 120
HOSTS = {scheme: f"{scheme}.test.invalid" for scheme in ("s3", "gs", "az")}  # no resolver knows them
LARGE = 16 << 20  # beyond, objects go in parts
LIFE_S = 20  # of credentials
KEYS = 20


# ---- servers of our own

def make_certificate(folder):
    """A CA and what it signed: for the names that the proxy knows, and for 127.0.0.1."""
    def openssl(*arguments):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    openssl("-subj", "/CN=CA of a test", "-out", "ca.pem", "-keyout", "ca.key")
    names = ",".join(["IP:127.0.0.1", *(f"DNS:{host}" for host in HOSTS.values())])
    openssl("-subj", "/CN=a test", "-addext", f"subjectAltName={names}", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-out", "certificate.pem", "-keyout", "key.pem")


def tls_s3(keys, *where):
    server = with_servers.versitygw(*where)
    server["env"] |= {"VGW_CERT": str(keys / "certificate.pem"), "VGW_KEY": str(keys / "key.pem")}
    return server


def tls_gs(keys, *where):
    server = with_servers.gcs(*where)
    told = {"-scheme": "https", "-public-host": HOSTS["gs"], "-external-url": f"https://{HOSTS['gs']}"}
    for name, value in told.items():
        server["argv"][server["argv"].index(name) + 1] = value
    server["argv"] += ["-cert-location", keys / "certificate.pem", "-private-key-location", keys / "key.pem"]
    return server


def tls_az(keys, *where):
    """It takes tokens, too: of anybody, but not after their end. Its log says how it answered."""
    server = with_servers.azurite(*where)
    server["argv"].remove("--silent")
    server["argv"] += ["--cert", keys / "certificate.pem", "--key", keys / "key.pem", "--oauth", "basic",
                       "--disableProductStyleUrl"]
    return server


def with_tls(make, keys, *where):
    server = make(keys, *where)
    return server | {name: server[name].replace("http:", "https:") for name in ("url", "root") if name in server}


def keyed_s3(_, folder, *where):
    """versitygw with a key for each time that credentials are given; it knows no session tokens."""
    server = with_servers.versitygw(folder, *where)
    known = {f"key-{n}": {"access": f"key-{n}", "secret": f"secret-{n}", "role": "admin"} for n in range(KEYS)}
    (folder / "users").mkdir()
    (folder / "users/users.json").write_text(json.dumps({"accessAccounts": known}), encoding="utf-8")
    server["env"] |= {"VGW_IAM_DIR": str(folder / "users")}
    return server


class Servers:
    """Their URLs, by what the test calls them, and the CA that knows those with TLS."""

    def __init__(self, folder, stack):
        make_certificate(folder)
        self.folder, self.ca, self.urls = folder, folder / "ca.pem", {}
        makers = {"keyed": keyed_s3, **{name: functools.partial(with_tls, make)
                                        for name, make in (("s3", tls_s3), ("gs", tls_gs), ("az", tls_az))}}
        os.environ["SSL_CERT_FILE"] = str(self.ca)  # for ourselves, when we ask whether a server is ready
        for name, make in makers.items():
            with_servers.SERVERS[name] = functools.partial(make, folder)
            self.urls[name] = next(iter(with_servers.start(name, folder / name, stack).values()))
        del os.environ["SSL_CERT_FILE"]

    def port(self, name):
        return urllib.parse.urlsplit(self.urls[name]).port

    def refused_by_azurite(self):
        """The lines of its log."""
        return [line for line in (self.folder / "az.log").read_text("utf-8").splitlines() if re.search(r'" (401|403) ', line)]


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # connections end early here because that is what is tested


@contextlib.contextmanager
def serving(handler, **state):
    """A server of ours with this state, until the end."""
    with Server(("127.0.0.1", 0), handler) as server:
        vars(server).update(state)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class NetworkWorld(FaultWorld):
    """With more connections, and without what the environment of the test's caller says of clouds and proxies."""

    def __init__(self, tutti, connections=""):
        super().__init__(tutti)
        with open(self.folder / "tutti.yaml", "a", encoding="utf-8") as file:
            file.write(connections)
        for name in list(self.env):
            if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "IDENTITY_", "SSL_CERT_")) or name.lower().endswith("_proxy"):
                del self.env[name]
        self.env.update(HOME=str(self.folder), AWS_EC2_METADATA_DISABLED="true")

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)  # the owner of a run ends when it wants to

    def said(self, *arguments, status=0):
        """By a command that ends with this status."""
        return self.end(self.start(*arguments), status)

    def end(self, process, status=0):
        try:
            text, _ = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Wrong(f"it hangs: {process.communicate()[0]}") from None
        expect(process.returncode == status, f"{process.args[1:]}: status {process.returncode}, not {status}: {text}")
        return text

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def same(self, one, other):
        left, right = ({str(path.relative_to(self.folder / name)): path.read_bytes()
                        for path in (self.folder / name).rglob("*") if path.is_file()} for name in (one, other))
        expect(left == right, f"{one} and {other} differ: {sorted(left)} and {sorted(right)}")

    def around(self, *places):
        """From each place to the next; every object proven at each."""
        objects = sum(path.is_file() for path in (self.folder / places[0]).rglob("*"))
        for source, target in zip(places, places[1:]):
            self.said("cp", source, target, "--manifest", "manifest.jsonl")
            lines = [json.loads(line) for line in (self.folder / "manifest.jsonl").read_text("utf-8").splitlines()]
            unproven = [line for line in lines if line["proof"] not in ("store", "end_to_end")]
            expect(len(lines) == objects and not unproven, f"{source} to {target}: {len(lines)} of {objects}, unproven: {unproven[:3]}")
            (self.folder / "manifest.jsonl").unlink()


# ---- a proxy that alone knows the way

class Tunnels(http.server.BaseHTTPRequestHandler):
    """A proxy for CONNECT alone, which knows names that nobody else knows. The server's state: `ports` by HOST:PORT; `word`,
    the user and password it wants; `status` of its refusal, or 200; `opened` and `refused` by HOST:PORT; `passed` bytes
    there and back; `cut`: of the next tunnel with more than so many bytes that way, nothing else comes through.
    """
    piece = 64 * 1024

    def do_CONNECT(self):
        proxy = self.server
        given = base64.b64decode(self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")).decode()
        port = proxy.ports.get(self.path)
        status = 407 if given != proxy.word else proxy.status if port else 502
        if status != 200:
            proxy.refused[self.path] += 1
            self.send_error(status)
            return
        with socket.create_connection(("127.0.0.1", port)) as there:
            proxy.opened[self.path] += 1
            self.send_response_only(200, "Connection established")
            self.end_headers()
            back = threading.Thread(target=self.pass_on, args=(there, self.connection, "back"))
            back.start()
            self.pass_on(self.connection, there, "there")
            back.join()
        self.close_connection = True

    def pass_on(self, source, target, way):
        """Until one of them ends; then the other one ends, too."""
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(self.piece):
                passed += len(piece)
                self.server.passed[way] += len(piece)
                if passed > self.server.cut.get(way, passed):
                    self.server.cut.pop(way, None)
                    break
                target.sendall(piece)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        pass


WORKFLOW = """
workflow: from_afar
tasks:
  copy: {uses: copy, with: {from: "hs3://BUCKET/again/", to: "haz://BUCKET/again/"}}
  write: {uses: sql, with: {connection: warehouse, query: "copy (select 7 as n) to 'hs3://BUCKET/seven.parquet' (format parquet)"}}
  read: {needs: write, uses: sql, with: {connection: warehouse, query: "select n from read_parquet('hs3://BUCKET/seven.parquet')"}}
"""
PROXY_WORD = "somebody:a-pass-word"


@contextlib.contextmanager
def behind_a_proxy(servers, tutti):
    """A world whose connections hs3, hgs and haz only the proxy finds; and the proxy."""
    connections = (f'      hs3: {{type: s3, endpoint: "https://{HOSTS["s3"]}", auth: {{secret: s3_key}}, attempts: 3}}\n'
                   f'      hgs: {{type: gcs, endpoint: "https://{HOSTS["gs"]}", auth: none, project: p}}\n'
                   f'      haz: {{type: azure, endpoint: "https://{HOSTS["az"]}/devstoreaccount1", access_key: {{secret: az_key}}}}\n'
                   '      warehouse: {type: duckdb}\n')
    ports = {f"{host}:443": servers.port(scheme) for scheme, host in HOSTS.items()}
    with NetworkWorld(tutti, connections) as world, \
            serving(Tunnels, ports=ports, word=PROXY_WORD, status=200, opened=collections.Counter(), cut={},
                    refused=collections.Counter(), passed=collections.Counter()) as proxy:
        world.env |= {"SSL_CERT_FILE": str(servers.ca), "HTTPS_PROXY": f"http://{PROXY_WORD}@127.0.0.1:{proxy.server_port}"}
        yield world, proxy


def through_a_proxy_alone(servers, tutti):
    """HTTPS to three clouds by CONNECT: nothing goes another way, and a tunnel that is cut costs nothing but time."""
    with behind_a_proxy(servers, tutti) as (world, proxy):
        numbers = random.Random(1)
        for name, size in (("a", 10), ("b b", 70_000), ("d/empty", 0), ("d/\u00fc", 2_000_000), ("large", LARGE + 3_000_000)):
            world.write(f"in/{name}", numbers.randbytes(size))
        s3, gs, az = (f"{name}://{world.bucket}/" for name in ("hs3", "hgs", "haz"))
        for bucket in (s3, gs, az):
            world.said("mb", bucket)
        world.around("in/", s3, gs, az, "out/")
        world.same("in", "out")
        expect(set(proxy.opened) == set(proxy.ports) and not proxy.refused, f"{proxy.opened} {proxy.refused}")
        sent = 3 * (LARGE + 5_070_010)
        expect(proxy.passed["there"] > sent and proxy.passed["back"] > sent, f"{sent} bytes: {proxy.passed}")
        for cut, copy in (({"there": 3_000_000}, ("in/", s3 + "again/")), ({"back": 3_000_000}, (s3 + "again/", "again/"))):
            proxy.cut = dict(cut)
            world.said("cp", *copy)
            expect(not proxy.cut, f"no tunnel was cut: {cut}")
        world.same("in", "again")
        world.write("workflows/w.yaml", WORKFLOW.replace("BUCKET", world.bucket).encode())
        world.said("run", "workflows/w.yaml")  # by the project's owner, and by the program for SQL
        shown = json.loads(world.said("show", "latest", "--outputs", "-o", "json"))
        outputs = {each["name"]: each["output"] for each in shown["task_runs"]}
        expect(outputs["copy"]["objects"] == 5 and outputs["read"]["rows"] == [{"n": 7}], f"{outputs}")
        world.env["no_proxy"] = HOSTS["s3"]
        opened = proxy.opened.total()
        world.said("ls", s3, status=3)  # who goes past the proxy finds nobody
        expect(proxy.opened.total() == opened, "no_proxy")


def proxies_that_refuse(servers, tutti):
    """What a proxy, or a certificate behind it, does not let through: said as it is, without the password."""
    with behind_a_proxy(servers, tutti) as (world, proxy):
        bucket = f"hs3://{world.bucket}/"
        world.said("mb", bucket)
        url = world.env["HTTPS_PROXY"]

        def refused(says, status=3):
            text = world.said("ls", bucket, status=status)
            expect(says in text and "a-wrong-word" not in text and "a-pass-word" not in text, text)
            tested, = json.loads(world.said("-q", "connections", "test", "hs3", "--bucket", world.bucket, "-o", "json", status=status))
            expect("a-wrong-word" not in json.dumps(tested) and "a-pass-word" not in json.dumps(tested), f"{tested}")
            return tested

        del world.env["SSL_CERT_FILE"]
        expect("SSL_CERT_FILE" in failed(refused("SSL_CERT_FILE", 4), "tls")["remedy"], "an unknown CA")
        world.env["SSL_CERT_FILE"] = str(servers.ca)
        for status, ends in ((403, 4), (502, 3)):
            proxy.status = status
            expect("proxy" in failed(refused(f"answered {status}", ends), "connection")["remedy"], f"{status}")
        proxy.status = 200
        world.env["HTTPS_PROXY"] = url.replace("a-pass-word", "a-wrong-word")
        expect("proxy" in failed(refused("user and password", 4), "connection")["remedy"], "a wrong password")
        world.env["HTTPS_PROXY"] = "http://somebody:a-wrong-word@127.0.0.1:1"
        expect("proxy" in failed(refused("proxy"), "connection")["remedy"], "nobody listens there")
        world.env["HTTPS_PROXY"] = "http://somebody:a-wrong-word@proxy.test.invalid:1"
        expect("proxy" in failed(refused("proxy"), "name")["remedy"], "nobody knows its name")
        world.env["HTTPS_PROXY"] = "http://somebody:a-wrong-word@with-an-at@127.0.0.1:1"  # %40 would be right
        refused("proxy", 2)
        world.env["HTTPS_PROXY"] = url
        world.said("ls", bucket)


# ---- credentials that end

class Issuer(http.server.BaseHTTPRequestHandler):
    """Gives `make(number)` to whoever asks, and notes when: `given`. Asked the second time it is out of order, once."""

    def do_GET(self):
        issuer = self.server
        out_of_order = len(issuer.given) == 1 and not issuer.failed
        issuer.failed |= out_of_order
        status, text = (503, "{}") if out_of_order else (200, json.dumps(issuer.make(len(issuer.given))))
        if status == 200:
            issuer.given.append(time.monotonic())
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def key_of_aws(number):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=LIFE_S)
    return {"AccessKeyId": f"key-{number}", "SecretAccessKey": f"secret-{number}", "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


def token_of_azure(_):
    now = int(time.time())
    told = {"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/a-tenant/", "iat": now, "nbf": now, "exp": now + LIFE_S}
    parts = [base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in (b'{"alg":"none"}', json.dumps(told).encode(), b"unsigned")]
    return {"access_token": ".".join(parts), "expires_in": str(LIFE_S), "token_type": "Bearer"}


class KeyGate(Proxy):
    """S3 that knows when a key ends: `given` times by number, `ended` those that end at once; `refused` are counted."""

    def forward(self):
        gate = self.server
        number = int(re.search(r"Credential=key-(\d+)/", self.headers["Authorization"])[1])
        if number in gate.ended or time.monotonic() - gate.given[number] > LIFE_S:
            gate.refused += 1
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            text = b"<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Message>it has ended</Message></Error>"
            self.send_response_only(400)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else text)
            return
        self.path = gate.to + self.path
        super().forward()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward


def credentials_that_end(servers, tutti):
    """Transfers that outlive their credentials: of a container at S3, of a machine's identity at Azure. Others are asked for
    in time, again where that fails, and nothing is refused."""
    with contextlib.ExitStack() as stack:
        aws, azure = (stack.enter_context(serving(Issuer, make=make, given=[], failed=False)) for make in (key_of_aws, token_of_azure))
        gate = stack.enter_context(serving(KeyGate, to=servers.urls["keyed"], given=aws.given, ended=set(), refused=0))
        world = stack.enter_context(NetworkWorld(
            tutti, f'      keys: {{type: s3, endpoint: "http://127.0.0.1:{gate.server_port}"}}\n'
                   f'      lasting_keys: {{type: s3, endpoint: "{servers.urls["keyed"]}", auth: {{secret: s3_key}}}}\n'
                   f'      tokens: {{type: azure, endpoint: "{servers.urls["az"]}"}}\n'
                   f'      lasting_tokens: {{type: azure, endpoint: "{servers.urls["az"]}", access_key: {{secret: az_key}}}}\n'))
        world.env |= {"SSL_CERT_FILE": str(servers.ca), "IDENTITY_HEADER": "a-word",
                      "IDENTITY_ENDPOINT": f"http://127.0.0.1:{azure.server_port}/token",
                      "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{aws.server_port}/credentials"}
        numbers = random.Random(2)
        for number in range(100):  # so many that they begin all the time
            world.write(f"in/{number:02}", numbers.randbytes(350_000))
        world.write("in/large", numbers.randbytes(LARGE + 1))
        for name in ("lasting_keys", "lasting_tokens"):
            world.said("mb", f"{name}://{world.bucket}/")
        answered = len(servers.refused_by_azurite())
        began = time.monotonic()
        # What Azure has is read back: as many bytes once more.
        copies = [world.start("cp", "in/", f"{name}://{world.bucket}/in/", "--bandwidth", rate)
                  for name, rate in (("keys", "2.2MB/s"), ("tokens", "4.4MB/s"))]
        for copy in copies:
            world.end(copy)
        expect(time.monotonic() - began > LIFE_S, "it was too fast to need others")
        for issuer in (aws, azure):
            expect(issuer.failed and len(issuer.given) >= 2, f"given {len(issuer.given)} times")
        expect(gate.refused == 0, f"{gate.refused} requests with a key that had ended")
        refused = servers.refused_by_azurite()[answered:]
        expect(not refused, f"refused by Azurite: {refused}")
        for name in ("keys", "tokens"):
            world.said("cp", f"lasting_{name}://{world.bucket}/in/", f"{name}/")
            world.same("in", name)

        # Ended before their time: the service says so, and others are asked for.
        given = len(aws.given)
        gate.ended.add(given)
        listed = json.loads(world.said("ls", f"keys://{world.bucket}/in/", "-o", "json"))
        expect(len(listed) == 101 and gate.refused == 1 and len(aws.given) == given + 2,
               f"{len(listed)} listed, {gate.refused} refused, {len(aws.given) - given} given")


def ended_before_a_head(servers, tutti):
    """A reply to HEAD has no body that could say ExpiredToken: 400 alone must do."""
    with contextlib.ExitStack() as stack:
        aws = stack.enter_context(serving(Issuer, make=key_of_aws, given=[], failed=True))
        gate = stack.enter_context(serving(KeyGate, to=servers.urls["keyed"], given=aws.given, ended={0}, refused=0))
        world = stack.enter_context(NetworkWorld(
            tutti, f'      keys: {{type: s3, endpoint: "http://127.0.0.1:{gate.server_port}"}}\n'
                   f'      lasting_keys: {{type: s3, endpoint: "{servers.urls["keyed"]}", auth: {{secret: s3_key}}}}\n'))
        world.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"http://127.0.0.1:{aws.server_port}/credentials"
        world.write("large", bytes(LARGE + 1))
        world.said("mb", f"lasting_keys://{world.bucket}/")
        world.said("cp", "large", f"keys://{world.bucket}/large")
        expect(gate.refused == 1 and len(aws.given) == 2, f"{gate.refused} refused, {len(aws.given)} given")


class LateGate(KeyGate):
    """Its refusals come one after the other, so that the later ones are of a key that was replaced meanwhile."""

    def forward(self):
        if "Credential=key-0/" in self.headers["Authorization"] and 0 in self.server.ended:
            with self.server.turn:
                self.server.late += 1
            pause(0.05 * self.server.late)
        super().forward()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward


def ended_under_many(servers, tutti):
    """Many requests are refused for one key: it is replaced once."""
    with contextlib.ExitStack() as stack:
        aws = stack.enter_context(serving(Issuer, make=key_of_aws, given=[], failed=True))
        gate = stack.enter_context(serving(LateGate, to=servers.urls["keyed"], given=aws.given, ended=set(), refused=0,
                                           late=0, turn=threading.Lock()))
        world = stack.enter_context(NetworkWorld(
            tutti, f'      keys: {{type: s3, endpoint: "http://127.0.0.1:{gate.server_port}"}}\n'
                   f'      lasting_keys: {{type: s3, endpoint: "{servers.urls["keyed"]}", auth: {{secret: s3_key}}}}\n'))
        world.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"http://127.0.0.1:{aws.server_port}/credentials"
        for number in range(300):
            world.write(f"in/{number}", bytes(30_000))
        world.said("mb", f"lasting_keys://{world.bucket}/")
        copy = world.start("cp", "in/", f"keys://{world.bucket}/in/", "--bandwidth", "4MB/s")
        pause(1)
        gate.ended.add(0)
        world.end(copy)
        expect(gate.refused > 1 and len(aws.given) == 2, f"{gate.refused} refused, {len(aws.given)} given")


# ---- a slow network

def slowly(tutti):
    """Every request waits, every body is slow: all is proven as ever, and requests do not wait for each other."""
    wait_s, rate = 0.1, 6_000_000
    with NetworkWorld(tutti) as world:
        numbers = random.Random(3)
        for number in range(40):
            world.write(f"in/small/{number}", numbers.randbytes(number * 900))
        for name in ("s3", "gs", "az"):
            world.stores[name].faults.rules({"do": "latency", "delay": wait_s, "times": None},
                                            {"do": "slow_reply", "rate": rate, "times": None},
                                            {"do": "slow_request", "rate": rate, "times": None})
        began = time.monotonic()
        world.around("in/", world.address("s3", "first/"))
        took, requests = time.monotonic() - began, world.stores["s3"].faults.total("requests")
        expect(requests >= 40 and took < requests * wait_s, f"{requests} requests in {took:.1f} s: one after the other")
        world.write("in/large", numbers.randbytes(20 << 20))
        world.around("in/", *(world.address(name, "all/") for name in ("s3", "gs", "az")), "out/")
        world.same("in", "out")
        for name in ("s3", "gs", "az"):
            done = world.stores[name].faults.done()
            expect(all(done), f"{name}: {done}")


TESTS = [
    ("through a proxy alone", through_a_proxy_alone),
    ("proxies that refuse", proxies_that_refuse),
    ("credentials that end", credentials_that_end),
    ("ended before a HEAD", ended_before_a_head),
    ("ended under many", ended_under_many),
]


def main():
    with tempfile.TemporaryDirectory(prefix="tutti-network.") as folder, contextlib.ExitStack() as stack:
        servers = Servers(pathlib.Path(folder), stack)
        tests = [(name, functools.partial(test, servers)) for name, test in TESTS]
        return test_main(__doc__, [*tests, ("slowly", slowly)])


if __name__ == "__main__":
    sys.exit(main())
