#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every fault of the proxy, before a server that says what it got."""
import contextlib
import hashlib
import http.client
import http.server
import json
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "process"))
from faults import Faults  # noqa: E402
from project import expect, run_tests  # noqa: E402

PROXY = pathlib.Path(__file__).resolve().parent / "proxy.py"
REPLY = bytes(range(256)) * 400
SENT = b"0123456789" * 30_000


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps what it got; replies REPLY to a GET, the length and SHA-256 of the body to others."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = b""
        while size := int(self.rfile.readline(), 16):
            out += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return out

    def handle_any(self):
        body = self.body()
        self.server.got.append((self.command, self.path, dict(self.headers), body))
        status = 404 if "missing" in self.path else 200
        reply = REPLY if self.command in ("GET", "HEAD") else f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()
        self.send_response(status)
        self.send_header("ETag", '"abc0"')
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply)

    do_GET = do_HEAD = do_PUT = do_POST = handle_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # connections end early here because that is what is tested


class World:
    def __enter__(self):
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.got = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.proxy = subprocess.Popen([sys.executable, PROXY, "--to", f"http://127.0.0.1:{self.server.server_port}"],
                                      stdout=subprocess.PIPE, text=True)
        self.url = self.proxy.stdout.readline().strip()
        self.place = urllib.parse.urlsplit(self.url).netloc
        self.faults = Faults(self.url + "/_faults")
        return self

    def __exit__(self, *_):
        self.proxy.kill()
        self.proxy.wait()
        self.proxy.stdout.close()
        self.server.shutdown()
        self.server.server_close()

    def ask(self, method, path, body=None, connection=None):
        """Status, fields and body; None where the connection ended before all of it was there."""
        mine = connection or http.client.HTTPConnection(self.place, timeout=30)
        try:
            mine.request(method, path, body=body)
            reply = mine.getresponse()
            return reply.status, dict(reply.headers), reply.read()
        except (http.client.HTTPException, OSError):
            return None
        finally:
            if connection is None:
                mine.close()

    def got(self):
        return [body for method, _, _, body in self.server.got if method == "PUT"]

    def fault(self, do, **told):
        self.server.got.clear()
        self.faults.rules({"do": do, "match": "/here", **told})

    def happened(self, times=1):
        expect(self.faults.done() == [times], f"the fault happened {self.faults.done()} times, not {times}")


def told_of(body):
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


def differing(one, other):
    expect(len(one) == len(other), f"{len(one)} and {len(other)} bytes")
    return [at for at, pair in enumerate(zip(one, other)) if pair[0] != pair[1]]


def untouched(_):
    with World() as world, contextlib.closing(http.client.HTTPConnection(world.place, timeout=30)) as connection:
        for _ in range(3):
            status, fields, body = world.ask("GET", "/a%20b?x=1", connection=connection)
            expect((status, body, fields["ETag"]) == (200, REPLY, '"abc0"'), "a reply as it is")
            expect(world.ask("PUT", "/up", SENT, connection)[2] == told_of(SENT), "a request as it is")
            expect(world.ask("HEAD", "/up", connection=connection)[2] == b"", "no body for HEAD")
        chunked = world.ask("PUT", "/up", iter([b"one", b"two"]), connection)
        expect(chunked[2] == told_of(b"onetwo"), f"a chunked request: {chunked}")
        hosts = {headers["Host"] for _, _, headers, _ in world.server.got}
        expect(hosts == {world.place}, f"Host is the client's: {hosts}")
        counts = world.faults.counts()
        expect(counts["routes"]["PUT"] == {"requests": 4, "request_bytes": 3 * len(SENT) + 6,
                                           "reply_bytes": sum(len(told_of(b)) for b in world.got())}, f"{counts}")
        expect(counts["objects"]["/a b"]["reply_bytes"] == 3 * len(REPLY), f"by object: {counts}")


def of_bodies(_):
    with World() as world:
        world.fault("corrupt_request", at=250_000)
        expect(world.ask("PUT", "/here", SENT) is not None, "it is replied")
        expect(differing(world.got()[0], SENT) == [250_000], "one byte of the request")
        world.happened()
        world.fault("corrupt_reply", share=0.5)
        expect(differing(world.ask("GET", "/here")[2], REPLY) == [len(REPLY) // 2], "one byte of the reply")
        world.happened()
        world.fault("truncate_request", by=7)
        expect(world.ask("PUT", "/here", SENT)[2] == told_of(SENT[:-7]), "a shorter request that is complete")
        world.fault("truncate_reply", by=7)
        expect(world.ask("GET", "/here")[2] == REPLY[:-7], "a shorter reply that is complete")
        world.fault("double_body")
        expect(world.ask("PUT", "/here", SENT)[2] == told_of(SENT + SENT), "the body twice")
        for do in ("cut_reply", "lengthen_reply"):
            world.fault(do, by=3)
            expect(world.ask("GET", "/here") is None, f"{do}: it ends early")
            world.happened()
        for do in ("cut_request", "lengthen_request"):
            world.fault(do, by=3)
            expect(world.ask("PUT", "/here", SENT) is None, f"{do}: it ends early")
            world.happened()
            expect(all(len(body) <= len(SENT) for body in world.got()), f"{do}: nobody made up bytes")
        for do, method in (("slow_request", "PUT"), ("slow_reply", "GET")):
            world.fault(do, rate=10_000_000)
            expect(world.ask(method, "/here", SENT if method == "PUT" else None)[0] == 200, do)
            world.happened()


def of_calls(_):
    with World() as world:
        world.fault("status", status=503, headers={"Retry-After": "1"}, times=2)
        for status in (503, 503, 200):
            reply = world.ask("PUT", "/here", SENT)
            expect(reply[0] == status, f"{reply}, not {status}")
        expect(len(world.got()) == 1, "a refused request reaches nobody")
        world.fault("double_request")
        expect(world.ask("PUT", "/here", SENT)[2] == told_of(SENT) and world.got() == [SENT, SENT], "done twice")
        world.fault("lose_reply")
        expect(world.ask("PUT", "/here", SENT) is None and world.got() == [SENT], "done, without a word")
        world.fault("stale_etag")
        expect(world.ask("GET", "/here")[1]["ETag"] == '"abc1"', "another ETag")
        world.fault("latency", delay=0.01)
        expect(world.ask("GET", "/here")[0] == 200, "later")
        world.happened()
        world.fault("hold")
        asked = []
        thread = threading.Thread(target=lambda: asked.append(world.ask("GET", "/here")))
        thread.start()
        world.faults.wait_until_held()
        expect(not world.server.got and not asked, "it is held")
        world.faults.release()
        thread.join()
        expect(asked[0][0] == 200, "and released")


def choosing(_):
    with World() as world:
        world.fault("status", status=500, skip=1, times=1)
        expect([world.ask("GET", path)[0] for path in ("/here", "/other", "/here", "/here")] == [200, 200, 500, 200],
               "the second that matches")
        world.fault("corrupt_reply", times=None, chance=0.5)
        wrong = [world.ask("GET", "/here")[2] != REPLY for _ in range(40)]
        expect(5 < sum(wrong) < 35 and world.faults.done() == [sum(wrong)], f"some of them: {wrong}")
        world.fault("corrupt_reply", times=None)
        expect(world.ask("GET", "/here/missing")[2] == REPLY, "a failure is left alone")
        world.happened(0)
        refused = world.ask("POST", "/_faults", json.dumps({"rules": [{"do": "magic"}]}).encode())
        expect(refused[0] == 400 and b"magic" in refused[2], f"{refused}")


def broken_client(_):
    """Bytes of a request that never ended are counted, and its server hears of the end."""
    with World() as world:
        with socket.create_connection(urllib.parse.urlsplit(world.url).netloc.split(":")) as raw:
            raw.sendall(b"PUT /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + bytes(400))
        while not world.faults.reached("request_bytes", 400):
            pass
        expect(not world.faults.reached("request_bytes", 401), "no more than were sent")
        expect(world.ask("PUT", "/up", b"1")[0] == 200, "it goes on")


TESTS = [
    ("without a fault nothing changes", untouched),
    ("faults of a body", of_bodies),
    ("faults of a whole call", of_calls),
    ("which calls a rule is for", choosing),
    ("a client that goes", broken_client),
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, None))
