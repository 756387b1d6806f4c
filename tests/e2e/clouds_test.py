#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The data commands on real servers: S3 (versitygw), Google Cloud Storage (fake-gcs-server), Azure (Azurite).

Run under tests/servers/with_servers.py, which starts them and says where they are.
"""
import contextlib
import gzip
import http.client
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

TESTS_FOLDER = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS_FOLDER / "process"), str(TESTS_FOLDER / "servers")]
from project import Wrong, expect, test_main  # noqa: E402
from with_servers import AZURITE_KEY  # noqa: E402

SETTINGS = """
project: clouds
secrets: {{s3_key: {{env: TEST_S3_KEY}}, az_key: {{env: TEST_AZ_KEY}}}}
profiles:
  clouds:
    sandbox: true
    connections:
      s3: {{type: s3, endpoint: "{TUTTI_TEST_S3}", auth: {{secret: s3_key}}}}
      plain: {{type: s3, endpoint: "{TUTTI_TEST_S3}", auth: {{secret: s3_key}}, checksum: md5}}
      below: {{type: s3, endpoint: "{TUTTI_TEST_S3}", auth: {{secret: s3_key}}, root: "s3://{bucket}/deep/er"}}
      wrong: {{type: s3, endpoint: "{TUTTI_TEST_S3}", auth: {{secret: wrong_key}}}}
      gone: {{type: s3, endpoint: "http://127.0.0.1:1", auth: none, attempts: 2}}
      gs: {{type: gcs, endpoint: "{TUTTI_TEST_GCS}", auth: none}}
      az: {{type: azure, endpoint: "{TUTTI_TEST_AZURE}", access_key: {{secret: az_key}}}}
      pulling: {{type: azure, endpoint: "{TUTTI_TEST_AZURE_PULL}", access_key: {{secret: az_key}}}}
      wrong_az: {{type: azure, endpoint: "{TUTTI_TEST_AZURE}", access_key: {{secret: wrong_az_key}}}}
"""


class World:
    """A folder with a project whose profile is the servers, and a bucket of its own."""
    count = 0

    def __init__(self, tutti, connections=""):
        World.count += 1
        self.tutti = tutti
        self.bucket = f"bucket-{os.getpid()}-{World.count}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tutti-clouds."))
        self.env = {**os.environ, "TUTTI_PROFILE": "clouds", "TEST_S3_KEY": "testkey:testsecret",
                    "TEST_AZ_KEY": AZURITE_KEY, "WRONG_KEY": "testkey:not-the-secret", "WRONG_AZ_KEY": "bm90LXRoZS1zZWNyZXQ="}
        text = SETTINGS.format(bucket=self.bucket, **os.environ).replace(
            "az_key: {env: TEST_AZ_KEY}", "az_key: {env: TEST_AZ_KEY}, wrong_key: {env: WRONG_KEY}, wrong_az_key: {env: WRONG_AZ_KEY}")
        (self.folder / "tutti.yaml").write_text(text + connections, encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def run(self, *arguments, status=0):
        done = subprocess.run([self.tutti, *arguments], cwd=self.folder, env=self.env, check=False, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        expect(done.returncode == status, f"{' '.join(arguments)}: status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json"))

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def names(self, prefix):
        return {each["uri"][len(prefix):]: each["size"] for each in self.json("ls", "-r", prefix)}

    def same(self, one, other):
        left = {str(path.relative_to(self.folder / one)): path.read_bytes()
                for path in (self.folder / one).rglob("*") if path.is_file()}
        right = {str(path.relative_to(self.folder / other)): path.read_bytes()
                 for path in (self.folder / other).rglob("*") if path.is_file()}
        expect(left == right, f"{one} and {other} differ: {sorted(left)} and {sorted(right)}")


def make_files(world, seed=1):
    numbers = random.Random(seed)
    for name, size in (("a.csv", 10), ("b b.csv", 70_000), ("d/e.txt", 0), ("d/f\u00fc.bin", 2_000_000),
                       ("big.bin", 35_000_000)):
        world.write(f"in/{name}", numbers.randbytes(size))


def around_the_clouds(tutti):
    """Folder -> S3 -> Google -> Azure -> folder, each step proven, the manifest proven again."""
    with World(tutti) as world:
        make_files(world)
        s3, gs, az = (f"{name}://{world.bucket}/" for name in ("s3", "gs", "az"))
        for bucket in (s3, gs, az):
            world.run("mb", bucket)
            expect("already" in world.run("mb", bucket, status=1), "a bucket is made once")
        for number, (source, target) in enumerate(((("in/"), s3), (s3, gs), (gs, az), (az, "out/"))):
            report = world.json("cp", source, target, "--manifest", f"{number}.jsonl")
            expect(report["objects"] == 5, f"{source} to {target}: {report}")
            lines = [json.loads(line) for line in (world.folder / f"{number}.jsonl").read_text("utf-8").splitlines()]
            expect(len(lines) == 5 and all(line["proof"] in ("store", "end_to_end") for line in lines), f"proofs: {lines}")
            expect(world.json("verify", f"{number}.jsonl")["proven"] == 5, "verify")
        world.same("in", "out")
        expect(world.names(s3) == world.names(az) == world.names(gs), "the same names and sizes everywhere")
        again = world.json("cp", s3, gs, "--if-exists", "verify")
        expect(again["objects"] == 0 and again["skipped"] == 5, f"equal objects are left: {again}")
        for bucket in (s3, gs, az):
            world.run("rb", bucket, status=1)  # it is not empty
            expect(len(world.names(bucket)) == 5, "what is in it stays")
            world.run("rm", "--yes", bucket)
            world.run("rb", bucket)


def many_between_services(tutti):
    """Objects that are still being read hold up no write, over either transport, however many are on their way."""
    mirror = f"      mirror: {{type: s3, endpoint: \"{os.environ['TUTTI_TEST_S3'].replace('127.0.0.1', 'localhost')}\", auth: {{secret: s3_key}}}}\n"
    with World(tutti, mirror) as world, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        numbers = random.Random(2)
        for number in range(200):
            world.write(f"in/{number}", numbers.randbytes(600_000))
        s3, gs, az = (f"{name}://{world.bucket}/" for name in ("s3", "gs", "az"))
        for bucket in (s3, gs, az):
            world.run("mb", bucket)
        world.run("cp", "in/", s3 + "from/")
        world.run("cp", s3 + "from/", f"mirror://{world.bucket}/to/")
        world.run("cp", s3 + "to/", "out/")
        world.same("in", "out")
        done = world.json("cp", s3 + "from/", f"mirror://{world.bucket}/all/", gs, az)
        expect(done["objects"] == 600, f"to three: {done}")
        world.env["http_proxy"] = f"http://127.0.0.1:{server.server_port}"
        done = world.json("cp", s3 + "from/", f"mirror://{world.bucket}/proxied/")
        expect(done["objects"] == 200, f"through a proxy: {done}")
        server.shutdown()


def several_destinations(tutti):
    """One reading, four stores of which one refuses: the others have all, and the manifest says who lacks what."""
    with World(tutti) as world:
        make_files(world)
        targets = [f"{name}://{world.bucket}/" for name in ("s3", "gs", "az")]
        for bucket in targets:
            world.run("mb", bucket)
        report = world.json("cp", "in/", *targets, "out/", "--manifest", "all.jsonl")
        expect(report["objects"] == 20 and world.json("verify", "all.jsonl")["proven"] == 20, f"to all: {report}")
        world.same("in", "out")
        world.run("rm", "--yes", targets[0])
        world.run("cp", "in/", "gs://nobody-made-it/", targets[0], "--manifest", "half.jsonl", "--max-failures", "9", status=1)
        lines = [json.loads(line) for line in (world.folder / "half.jsonl").read_text("utf-8").splitlines()]
        expect(sorted(line["done"] for line in lines) == ["failed"] * 5 + ["written"] * 5, f"half: {lines}")
        expect(all(line["to"]["address"].startswith("gs:") == (line["done"] == "failed") for line in lines), f"who: {lines}")


def sync_and_filters(tutti):
    with World(tutti) as world:
        make_files(world)
        s3 = f"s3://{world.bucket}/"
        world.run("mb", s3)
        first = world.json("sync", "in/", s3 + "x/", "--exclude", "*.bin")
        expect(first["copied"] == 3, f"filtered: {first}")
        expect(world.json("sync", "in/", s3 + "x/")["copied"] == 2, "the rest")
        for flag in ((), ("--checksum",), ("--size-only",)):
            expect(world.json("sync", "in/", s3 + "x/", *flag)["copied"] == 0, f"nothing to do {flag}")
        (world.folder / "in/a.csv").write_bytes(b"0123456789")  # of equal size
        past = time.time() - 10_000
        os.utime(world.folder / "in/a.csv", (past, past))
        expect(world.json("sync", "in/", s3 + "x/")["copied"] == 0, "by time it is old")
        expect(world.json("sync", "in/", s3 + "x/", "--checksum")["copied"] == 1, "by digest it is another")
        (world.folder / "in/big.bin").unlink()
        plan = world.json("sync", "in/", s3 + "x/", "--delete", "--dry-run")
        expect(plan["removed"] == 1 and len(world.names(s3 + "x/")) == 5, f"only said: {plan}")
        text = world.run("sync", "in/", s3 + "x/", "--delete", "--max-delete", "0", status=2)
        expect("--max-delete" in text and len(world.names(s3 + "x/")) == 5, text)
        for nothing, says in (("inn/", "there is no object"), ("in/a.csv", "`tutti cp` copies one object"),
                              (s3 + "x/a.csv/", "`tutti cp` copies one object"), (s3 + "none/", "there is no object")):
            text = world.run("sync", nothing, s3 + "z/" if nothing.startswith("s3") else s3 + "x/", "--delete", status=2)
            expect(says in text and len(world.names(s3 + "x/")) == 5, text)
        world.run("sync", "in/", s3 + "x/", "--delete")
        world.run("sync", s3 + "x/", "back/")
        world.same("in", "back")
        expect(world.json("du", s3)["objects"] == 4, "du")
        world.run("mv", s3 + "x/", s3 + "y/")
        expect(sorted(world.names(s3)) == sorted("y/" + name for name in world.names(s3 + "y/")), "moved")
        text = world.run("rm", s3 + "y/", status=2)
        expect("--yes" in text and len(world.names(s3)) == 4, text)
        world.run("cp", "in/", "below://")
        expect(len(world.names(s3 + "deep/er/")) == 4, "a connection's root is a folder of the bucket")
        text = world.run("cp", s3 + "deep/", "below://", status=2)
        expect("inside" in text, text)


def sync_with_backup(tutti):
    """What is replaced or removed is kept elsewhere first; a backup that has other bytes of that name stops it."""
    with World(tutti) as world:
        s3, gs = f"s3://{world.bucket}/", f"gs://{world.bucket}/"
        for bucket in (s3, gs):
            world.run("mb", bucket)
        for name, text in (("same", b"1"), ("changed", b"22"), ("d/gone", b"333")):
            world.write(f"in/{name}", text)
        world.run("sync", "in/", s3 + "x/")
        world.write("in/changed", b"other")
        (world.folder / "in/d/gone").unlink()
        for inside in (s3 + "x/old/", s3):
            text = world.run("sync", "in/", s3 + "x/", "--backup", inside, status=2)
            expect("destination and backup lie in each other" in text, text)
        sync = ("sync", "in/", s3 + "x/", "--delete", "--backup")
        report = world.json(*sync, gs + "old/")
        expect(report["backed_up"] == 2 and report["removed"] == 1 and report["copied"] == 1, f"{report}")
        expect(world.run("cat", gs + "old/changed") == "22" and world.run("cat", gs + "old/d/gone") == "333", "kept")
        expect(world.run("cat", s3 + "x/changed") == "other", "and replaced")
        world.write("in/changed", b"another")
        text = world.run(*sync, gs + "old/", status=1)
        expect("different" in text and world.run("cat", s3 + "x/changed") == "other", text)
        expect(world.json(*sync, s3 + "old/")["backed_up"] == 1, "within a bucket")
        expect(world.run("cat", s3 + "old/changed") == "other" and world.run("cat", s3 + "x/changed") == "another", "last")


def limits(tutti):
    """A copy keeps to a limit, and goes on faster as soon as it is lifted."""
    with World(tutti) as world:
        s3 = f"s3://{world.bucket}/"
        world.run("mb", s3)
        world.write("in/a", random.Random(2).randbytes(3_000_000))
        before = time.monotonic()
        world.run("cp", "in/a", s3, "--bandwidth", "2MB/s")
        expect(time.monotonic() - before > 1.2, "--bandwidth is kept")
        for wrong in (("--bandwidth", "fast"), ("--requests", "many")):
            text = world.run("connections", "limit", "s3", *wrong, status=2)
            expect("write" in text, text)
        expect("did you mean" in world.run("connections", "limit", "s4", "--off", status=2), "a misspelt name")
        world.run("connections", "limit", "s3", "--bandwidth", "200KB/s", "--requests", "50/s")
        expect("200KB/s" in world.run("connections", "limit"), "shown")
        copying = subprocess.Popen([tutti, "cp", "in/a", s3 + "b"], cwd=world.folder, env=world.env)
        try:
            raise Wrong(f"200 KB/s is not kept: {copying.wait(2)}")
        except subprocess.TimeoutExpired:
            pass
        world.run("connections", "limit", "s3", "--off")
        expect(copying.wait(60) == 0 and world.names(s3)["b"] == 3_000_000, "and lifted")


def failures(tutti):
    """Objects that fail are listed, the others go on, and the manifest finishes it."""
    with World(tutti) as world:
        s3 = f"s3://{world.bucket}/"
        world.run("mb", s3)
        for n in range(20):
            world.write(f"in/{n:02}", bytes([n]) * 1000)
        world.write("other", b"in the way")
        for n in ("03", "07"):
            world.run("cp", "other", f"{s3}x/{n}")
        copy = ("cp", "in/", s3 + "x/", "--if-exists", "fail", "--manifest", "copied.jsonl")
        text = world.run(*copy, status=1)
        expect("2 objects failed" in text and "/03: " in text and "--only-failed copied.jsonl" in text, text)
        expect(world.names(s3 + "x/")["04"] == 1000 and len(world.names(s3 + "x/")) == 20, "the others are there")
        text = world.run("verify", "copied.jsonl", status=1)
        expect("it was not copied" in text and "18 objects" in text, text)
        world.run("rm", "--yes", s3 + "x/03")
        report = world.json("cp", "in/", s3 + "x/", "--only-failed", "copied.jsonl", "--if-exists", "replace")
        expect(report["objects"] == 2 and report["failed"] == 0, f"only those: {report}")
        world.run("cp", s3 + "x/", "out/")
        world.same("in", "out")
        world.write("names", b"03\n05\n")
        expect(world.json("cp", "in/", s3 + "y/", "--names-from", "names")["objects"] == 2, "a list of names")
        world.write("broken", b"not a manifest\n")
        text = world.run("cp", "in/", s3 + "x/", "--only-failed", "broken", status=2)
        expect("broken, line 1" in text, text)
        text = world.run("cp", "other", f"{s3}x/03", "--if-exists", "fail", status=1)
        expect("exists already" in text and "failed:" not in text, text)  # the one object's error is the command's


def inside_a_bucket(tutti):
    """Copies within a bucket are made by the service, and proven all the same."""
    with World(tutti) as world:
        make_files(world)
        for scheme in ("s3", "gs", "az"):
            bucket = f"{scheme}://{world.bucket}/"
            world.run("mb", bucket)
            world.run("cp", "in/", bucket + "a/")
            report = world.json("cp", bucket + "a/", bucket + "b/", "--manifest", f"{scheme}.jsonl")
            expect(report["objects"] == 5 and report["failed"] == 0, f"{scheme}: {report}")
            lines = [json.loads(line) for line in (world.folder / f"{scheme}.jsonl").read_text("utf-8").splitlines()]
            expect(all(line["proof"] in ("store", "end_to_end") for line in lines), f"proofs: {lines}")
            if scheme != "az":
                expect(all(line["computed_by"] == "store" for line in lines), f"by the service: {lines}")
            world.run("mv", bucket + "b/", bucket + "c/")
            expect(all(not name.startswith("b/") for name in world.names(bucket)), "moved")
            world.run("cp", bucket + "c/", f"out-{scheme}/")
            world.same("in", f"out-{scheme}")


def between_buckets(tutti):
    """Of one service: the bytes do not come by; who may not read there lets them pass through."""
    with World(tutti) as world:
        make_files(world)
        for scheme in ("s3", "gs", "az"):
            one, other = f"{scheme}://{world.bucket}/", f"{scheme}://{world.bucket}-2/"
            for bucket in (one, other):
                world.run("mb", bucket)
            world.run("cp", "in/", one + "x/")
            report = world.json("cp", one + "x/", other, "--manifest", "copied.jsonl")
            lines = [json.loads(line) for line in (world.folder / "copied.jsonl").read_text("utf-8").splitlines()]
            expect(report["objects"] == 5 and all(line["computed_by"] == "store" or line["proof"] == "end_to_end"
                                                  for line in lines), f"{scheme}: {lines}")
            expect(world.json("verify", "copied.jsonl")["proven"] == 5, scheme)
            world.run("cp", other, f"out-{scheme}/")
            world.same("in", f"out-{scheme}")
            expect(world.json("cp", one + "x/", other, "--if-exists", "verify")["skipped"] == 5, f"{scheme}: again")
        before = world.names(f"s3://{world.bucket}/")
        world.run("cp", f"s3://{world.bucket}-2/", "below://")  # a root in the other bucket
        after = world.names(f"s3://{world.bucket}/")
        expect(len(after) == len(before) + 5, f"below a root: {sorted(after)}")


SAID = {"contentType": "text/csv", "contentEncoding": "gzip", "contentLanguage": "de",
        "contentDisposition": 'attachment; filename="a b.csv"', "cacheControl": "public, max-age=60",
        "metadata": {"owner": "ana", "my_key": "1", "Upper": "2"}}


def put_described(world, opener, name, data):
    """Into the bucket at Google, with all that an object can say of its bytes."""
    head = f"--xyz\r\nContent-Type: application/json\r\n\r\n{json.dumps(SAID)}\r\n--xyz\r\nContent-Type: text/csv\r\n\r\n"
    url = f"{world.env['TUTTI_TEST_GCS']}/upload/storage/v1/b/{world.bucket}/o?uploadType=multipart&name={name}"
    request = urllib.request.Request(url, head.encode() + data + b"\r\n--xyz--\r\n", method="POST",
                                     headers={"Content-Type": "multipart/related; boundary=xyz"})
    opener.open(request, timeout=30).close()


def lost_by(world, *arguments):
    """By object: what the manifest of this copy says was lost; and what was said of it at the end."""
    text = world.run("cp", *arguments, "--manifest", "lost.jsonl")
    lines = [json.loads(line) for line in (world.folder / "lost.jsonl").read_text("utf-8").splitlines()]
    expect(len(lines) == 2 and all(line["done"] == "written" for line in lines), f"{arguments}: {lines}")
    return {tuple(line.get("lost", ())) for line in lines}, text


def described(tutti):
    """Google -> S3 -> Azure -> folder: the bytes as they are stored, with their headers; losses are named."""
    with World(tutti) as world:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        gs, s3, az = (f"{name}://{world.bucket}/" for name in ("gs", "s3", "az"))
        for bucket in (gs, s3, az):
            world.run("mb", bucket)
        stored = {"small.gz": gzip.compress(b"stored compressed\n" * 1000),
                  "large.gz": gzip.compress(random.Random(1).randbytes(17 << 20), compresslevel=1)}
        for name, data in stored.items():
            put_described(world, opener, name, data)
        lost, text = lost_by(world, gs, s3)
        expect(lost == {("metadata.Upper",)}, f"to S3: {lost}")
        expect("2 objects lost what S3 cannot hold: Upper; the manifest lists them" in text, text)
        lost, text = lost_by(world, s3, az, "--tags")
        expect(lost == {("metadata.my_key",)}, f"to Azure: {lost}")
        lost, text = lost_by(world, s3 + "*.gz", s3 + "inside/")
        expect(lost == {()} and "lost" not in text, f"inside of S3: {lost}, {text}")
        for bucket, meta in ((s3, "x-amz-meta-"), (s3 + "inside/", "x-amz-meta-"), (az, "x-ms-meta-")):
            for name, data in stored.items():
                url = world.run("presign", bucket + name, "--expires", "10m").strip()
                with opener.open(url, timeout=30) as reply:
                    expect(reply.read() == data, f"{bucket}{name}: the stored bytes")
                    headers = reply.headers
                for key, value in (("Content-Type", "text/csv"), ("Content-Encoding", "gzip"), ("Content-Language", "de"),
                                   ("Content-Disposition", 'attachment; filename="a b.csv"'),
                                   ("Cache-Control", "public, max-age=60"), (meta + "owner", "ana")):
                    expect(headers[key] == value, f"{bucket}{name}: {key}: {headers[key]}")
        (world.folder / "out").mkdir()
        lost, text = lost_by(world, az, "out/")
        try:
            os.setxattr(world.folder / "out", "user.tutti-test", b"x")
            expect(lost == {()} and "lost" not in text, f"to a folder with attributes: {lost}, {text}")
        except OSError:
            expect(all("metadata.owner" in each for each in lost) and "a folder cannot hold" in text, f"{lost}, {text}")
        for name, data in stored.items():
            expect((world.folder / "out" / name).read_bytes() == data, name)


def unfinished_uploads(tutti):
    """What a killed copy left is listed by age, and ended with --yes alone."""
    with World(tutti) as world:
        (world.folder / "big.bin").write_bytes(random.Random(3).randbytes(200_000_000))
        for bucket in (f"s3://{world.bucket}/",):
            world.run("mb", bucket)
            for trial in range(40):
                process = subprocess.Popen([world.tutti, "cp", "big.bin", bucket + "d/big.bin"], cwd=world.folder,
                                           env=world.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(0.1 + trial * 0.02)  # tidy: allow sleep, the kill comes at a time of its own
                process.kill()
                process.wait()
                left = world.json("rm", "--uploads", "--older-than", "0s", "--dry-run", bucket)
                if left["count"] > 0:
                    break
                if f"{bucket}d/big.bin" in json.dumps(world.json("ls", "-r", bucket)):
                    world.run("rm", "--yes", bucket + "d/big.bin")
            expect({each["uri"] for each in left["uploads"]} == {bucket + "d/big.bin"}, f"{bucket}: {left}")
            young = world.json("rm", "--uploads", bucket, "--yes")
            expect(young["count"] == 0 and young["younger"] == left["count"], f"younger than a week: {young}")
            text = world.run("rm", "--uploads", "--older-than", "0s", bucket, status=2)
            expect("--yes" in text, text)
            expect("would end" in world.run("rm", "--uploads", "--older-than", "0s", "--dry-run", bucket + "d/"), "--dry-run")
            expect(world.json("rm", "--uploads", "--older-than", "0s", "--yes", bucket + "e/")["count"] == 0, "elsewhere")
            ended = world.json("rm", "--uploads", "--older-than", "0s", "--yes", bucket)
            expect(ended["count"] == left["count"] and not ended["dry_run"], f"{ended}")
            expect(world.json("rm", "--uploads", "--older-than", "0s", bucket)["count"] == 0, "none is left")
            world.run("cp", "big.bin", bucket + "d/big.bin")
            world.run("rb", bucket, status=1)
            world.run("rm", "--yes", bucket)
            world.run("rb", bucket)  # nothing hidden is left in it


def presigned(tutti):
    with World(tutti) as world:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for scheme in ("s3", "az"):
            bucket = f"{scheme}://{world.bucket}/"
            world.run("mb", bucket)
            world.write("one.txt", b"for others")
            world.run("cp", "one.txt", bucket + "d/one two.txt")
            url = world.run("presign", bucket + "d/one two.txt", "--expires", "10m").strip()
            expect(opener.open(url, timeout=30).read() == b"for others", url)
        text = world.run("presign", "one.txt", status=2)
        expect("no signed URLs" in text, text)


def refusals(tutti):
    with World(tutti) as world:
        s3 = f"s3://{world.bucket}/"
        world.run("mb", s3)
        world.write("one.txt", b"1")
        text = world.run("cp", "one.txt", f"wrong://{world.bucket}/one.txt", status=4)
        expect("secret" in text and "not-the-secret" not in text, text)
        text = world.run("ls", "gone://bucket/", status=3)
        expect("after 2 attempts" in text, text)
        text = world.run("cp", "one.txt", "s3://no-such-bucket-here/one.txt", status=2)
        expect("no such bucket" in text, text)
        text = world.run("cat", s3 + "nothing", status=2)
        expect("no such object" in text, text)
        world.run("cp", "one.txt", s3 + "one.txt", "--if-exists", "fail")
        text = world.run("cp", "one.txt", s3 + "one.txt", "--if-exists", "fail", status=1)
        expect("exists" in text, text)
        world.write("broken.jsonl", b"{}\n")
        text = world.run("verify", "broken.jsonl", status=2)
        expect("line 1" in text, text)


def killed(tutti):
    """kill -9 at random moments: nothing half-written is ever seen, and the same command finishes."""
    strict = f'      strict: {{type: gcs, endpoint: "{os.environ["TUTTI_TEST_STRICT_GCS"]}", auth: none, project: p}}\n'
    with World(tutti, strict) as world:
        make_files(world)
        numbers = random.Random(7)
        for n in range(60):
            world.write(f"in/many/{n:03}", numbers.randbytes(5000))
        sizes = {str(path.relative_to(world.folder / "in")): path.stat().st_size
                 for path in (world.folder / "in").rglob("*") if path.is_file()}
        # fake-gcs-server makes an object of what a session has, when it is asked how far that is.
        s3, gs = f"s3://{world.bucket}/", f"strict://{world.bucket}/"
        world.run("mb", s3)
        world.run("mb", gs)
        kills = 0
        for source, target in (("in/", s3), (s3, gs), (gs, "out/")):
            longest_s = 0.4
            for trial in range(7):
                process = subprocess.Popen([world.tutti, "cp", "--if-exists", "verify", source, target], cwd=world.folder,
                                           env=world.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    process.wait(numbers.random() * longest_s)
                    longest_s /= 2  # it was faster
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills += 1
                seen = world.names(target) if "://" in target else {
                    str(path.relative_to(world.folder / target)): path.stat().st_size
                    for path in (world.folder / target).rglob("*") if path.is_file() and ".tutti-staging" not in path.parts}
                for name, size in seen.items():
                    expect(sizes.get(name) == size, f"{target}{name} is half-written: {size} of {sizes.get(name)}")
                if seen == sizes and "://" in target:
                    world.run("rm", "--yes", target)  # the next one has all to do again
            world.run("cp", "--if-exists", "verify", source, target)
        shutil.rmtree(world.folder / "out/.tutti-staging", ignore_errors=True)
        world.same("in", "out")
        print(f"  {kills} kills")
        expect(kills >= 5, f"only {kills} of 21 kills came while it ran")


def checks_of(tested):
    return {each["check"]: each for each in tested["checks"]}


def verdicts_of(tested):
    return {name: each["verdict"] for name, each in checks_of(tested).items()}


def failed(tested, step):
    """The check of that step, which must be the one that failed, with a remedy."""
    wrong = [each for each in tested["checks"] if each["verdict"] == "failed"]
    expect([each["check"] for each in wrong] == [step], f"{step} should fail: {json.dumps(tested, indent=1)}")
    expect(wrong[0]["remedy"] and not tested["works"], f"no remedy: {wrong}")
    return wrong[0]


def connections_that_work(tutti):
    """Every provider, with a bucket and without, reading alone and writing."""
    with World(tutti) as world:
        world.write("one.txt", b"1")
        for scheme, region in (("s3", True), ("gs", False), ("az", False)):
            bucket = f"{scheme}://{world.bucket}/"
            world.run("mb", bucket)
            tested, = world.json("connections", "test", scheme, "--bucket", world.bucket)
            expect(tested["works"], f"{scheme}: {tested}")
            seen = verdicts_of(tested)
            expect(seen["list"] == "ok" and seen["read"] == "not tried" and "write" not in seen, f"an empty bucket: {seen}")
            expect(seen["tls"] == "not tried" and seen["clock"] == "ok" and ("region" in seen) == region, f"{scheme}: {seen}")
            world.run("cp", "one.txt", bucket + "d/one.txt")
            tested, = world.json("connections", "test", bucket + "d/")
            expect(verdicts_of(tested)["read"] == "ok" and "write" not in verdicts_of(tested), f"{scheme}: {tested}")
            tested, = world.json("connections", "test", bucket + "d/", "--write")
            seen = verdicts_of(tested)
            expect(tested["works"] and seen["write"] == seen["remove"] == "ok", f"{scheme}: {seen}")
            expect(checks_of(tested)["write"]["what"].startswith(bucket + "d/tutti-test-"), f"{tested}")
            expect(list(world.names(bucket)) == ["d/one.txt"], "what was written is removed")
            expect({"bucket": world.bucket, "uri": bucket} in world.json("ls", f"{scheme}://"), f"buckets of {scheme}")
            expect(bucket in world.run("ls", f"{scheme}://"), f"buckets of {scheme}")
            tested, = world.json("connections", "test", scheme)
            bucket_check = checks_of(tested)["bucket"]
            expect(tested["works"] and verdicts_of(tested)["credentials"] == "ok", f"{scheme} without a bucket: {tested}")
            expect(bucket_check["verdict"] == "not tried" and "--bucket" in bucket_check["what"], f"{bucket_check}")
        text = world.run("connections", "test", "below", "--write")
        expect("testsecret" not in text and "secret 's3_key'" in text, text)
        expect(len(world.names(f"s3://{world.bucket}/")) == 1, "a root is enough to test with")
        expect(world.json("ls", "below://") == [], "a connection with a root has objects, not buckets")
        text = world.run("ls", "wrong://", status=4)
        expect("signature" in text and "not-the-secret" not in text, text)
        text = world.run("connections", "test", "below", "--bucket", "x-y-z", status=2)
        expect("leave --bucket away" in text, text)
        text = world.run("connections", "test", "s4", status=2)
        expect("no connection" in text, text)


def connections_listed(tutti):
    with World(tutti) as world:
        rows = {each["name"]: each for each in world.json("connections", "list")}
        expect(rows["s3"]["credentials"] == "secret 's3_key'", f"{rows['s3']}")
        expect(rows["below"]["address"].startswith(f"s3://{world.bucket}/deep/er at http://127.0.0.1"), f"{rows['below']}")
        expect(rows["az"]["credentials"] == "access_key in secret 'az_key'", f"{rows['az']}")
        expect(rows["gs"]["credentials"].startswith("none"), f"{rows['gs']}")
        text = world.run("connections")
        for secret in ("testsecret", "not-the-secret", AZURITE_KEY):
            expect(secret not in text, "a secret is shown")
        del world.env["TEST_S3_KEY"]
        expect("secret 's3_key'" in world.run("connections", "list", "s3"), "a secret that is not set is no obstacle")
        tested, = json.loads(world.run("-q", "connections", "test", "s3", "--bucket", world.bucket, "-o", "json", status=2))
        expect("TEST_S3_KEY" in failed(tested, "credentials")["what"], f"{tested}")


class Answering(http.server.BaseHTTPRequestHandler):
    """A service that answers each request alike: `server.answer` is status, headers, body."""

    def do_GET(self):
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_PUT = do_DELETE = do_CONNECT = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def answering(status, body, context=None):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as running:
        running.answer = (status, {"Content-Type": "application/xml"}, body)
        if context is not None:
            running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"{'http' if context is None else 'https'}://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()


def unknown_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def s3_error(code, more=""):
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>it says so</Message>{more}</Error>".encode()


def connections_that_do_not_work(tutti):
    """Each mistake fails in its own step, and the exit status says of what kind it is."""
    with World(tutti) as world:
        world.run("mb", f"s3://{world.bucket}/")
        world.run("mb", f"az://{world.bucket}/")

        def test(name, step, status, *arguments):
            tested, = json.loads(world.run("-q", "connections", "test", name, *arguments, "-o", "json", status=status))
            return failed(tested, step)

        def add(name, settings):
            with open(world.folder / "tutti.yaml", "a", encoding="utf-8") as file:
                file.write(f"      {name}: {settings}\n")

        bucket = ("--bucket", world.bucket)
        for name in ("wrong", "wrong_az"):
            test(name, "credentials", 4, *bucket)
            test(name, "credentials", 4)  # they are refused without a bucket, too
        for scheme in ("s3", "gs", "az"):
            test(scheme, "bucket", 2, "--bucket", "no-such-bucket-here")
        expect(test("gone", "connection", 3, *bucket)["remedy"], "nothing listens there")
        add("nowhere", '{type: s3, endpoint: "https://no-such-host.invalid", auth: none}')
        test("nowhere", "name", 3, *bucket)
        with answering(403, s3_error("RequestTimeTooSkewed", "<ServerTime>2020-01-01T00:00:00Z</ServerTime>")) as url:
            add("skewed", f'{{type: s3, endpoint: "{url}", auth: {{secret: s3_key}}}}')
            expect("clock" in test("skewed", "clock", 4, *bucket)["remedy"], "the clock")
        with answering(400, s3_error("AuthorizationHeaderMalformed", "<Region>eu-west-9</Region>")) as url:
            add("elsewhere", f'{{type: s3, endpoint: "{url}", auth: {{secret: s3_key}}}}')
            expect("eu-west-9" in test("elsewhere", "region", 2, *bucket)["remedy"], "the right region")
        with answering(403, s3_error("AccessDenied")) as url:
            add("closed", f'{{type: s3, endpoint: "{url}", auth: {{secret: s3_key}}}}')
            test("closed", "list", 4, *bucket)
            tested, = world.json("connections", "test", "closed")  # listing buckets is not needed
            expect("may not list buckets" in checks_of(tested)["bucket"]["what"], f"{tested}")
        with answering(407, b"") as url:
            world.env["https_proxy"] = url
            expect("user and password" in test("nowhere", "connection", 4, *bucket)["remedy"], "a proxy that refuses")
        with answering(503, b"") as url:
            world.env["https_proxy"] = url
            expect("no_proxy" in test("nowhere", "connection", 3, *bucket)["remedy"], "a proxy that is busy")
            del world.env["https_proxy"]
        with answering(200, b"<html>a page</html>", unknown_certificate(world.folder)) as url:
            add("untrusted", f'{{type: s3, endpoint: "{url}", auth: none}}')
            expect("SSL_CERT_FILE" in test("untrusted", "tls", 4, *bucket)["remedy"], "an unknown certificate")
            world.env["SSL_CERT_FILE"] = str(world.folder / "cert.pem")
            tested, = json.loads(world.run("-q", "connections", "test", "untrusted", *bucket, "-o", "json", status=3))
            expect(verdicts_of(tested)["tls"] == "ok", f"{tested}")
        text = world.run("connections", "test", "gone", "wrong", "s3", *bucket, status=1)
        expect("failed" in text and "of 3 connections" in text and "not-the-secret" not in text, text)


def connections_of_this_machine(tutti):
    """Folders, a database and a web service; a profile's built-in clouds are not asked by the way."""
    with World(tutti) as world, answering(404, b"") as url:
        (world.folder / "tutti.yaml").write_text(f"""
project: here
secrets: {{token: {{env: TEST_TOKEN}}}}
profiles:
  clouds:
    connections:
      landing: {{type: local, root: landing}}
      buckets: {{type: local, buckets: clouds}}
      inbox: {{type: file, root: inbox}}
      warehouse: {{type: duckdb}}
      later: {{type: snowflake}}
      web: {{type: http, url: "{url}", auth: {{bearer: {{secret: token}}}}}}
""", encoding="utf-8")
        world.env["TEST_TOKEN"] = "a-token-of-ours"
        (world.folder / "inbox").mkdir()
        tested = {each["name"]: each for each in world.json("connections", "test", "--write")}
        expect(sorted(tested) == ["buckets", "inbox", "landing", "later", "warehouse", "web"], f"{sorted(tested)}")
        for name in ("inbox", "landing"):
            seen = verdicts_of(tested[name])
            expect(seen["space"] == seen["write"] == seen["read"] == seen["remove"] == "ok", f"{name}: {seen}")
        expect(not list((world.folder / "inbox").glob("tutti-test-*")), "what was written is removed")
        expect(verdicts_of(tested["web"])["answer"] == "ok" and "TOKEN" not in json.dumps(tested), f"{tested['web']}")
        expect(verdicts_of(tested["warehouse"])["folder"] == "ok", f"{tested['warehouse']}")
        expect("later version" in checks_of(tested["later"])["settings"]["what"], f"{tested['later']}")
        (world.folder / "inbox").rmdir()
        tested, = json.loads(world.run("connections", "test", "inbox", "-o", "json", status=2))
        expect("mkdir" in failed(tested, "folder")["remedy"], f"{tested}")
        del world.env["TEST_TOKEN"]
        tested, = json.loads(world.run("connections", "test", "web", "-o", "json", status=2))
        expect("TEST_TOKEN" in failed(tested, "credentials")["remedy"], f"{tested}")


def pulls(settings=None):
    """What the pulling service read; with settings: it forgets that, and has these."""
    data = None if settings is None else json.dumps(settings).encode()
    with urllib.request.urlopen(os.environ["TUTTI_PULLS_AZURE"], data=data, timeout=10) as reply:
        return json.load(reply)


def lines_of(world, name):
    text = (world.folder / name).read_text("utf-8")
    expect("X-Amz-" not in text and "Signature" not in text and "sig=" not in text, f"a signed URL is in {name}: {text}")
    return {line["from"]["address"].rpartition("/in/")[2]: line for line in map(json.loads, text.splitlines())}


def pulled_from_elsewhere(tutti):
    """Azure reads from S3 by itself: no byte passes, it is proven all the same, and what it cannot read passes."""
    with World(tutti) as world:
        make_files(world)
        source, there = f"s3://{world.bucket}/in/", f"pulling://{world.bucket}/"
        world.run("mb", f"s3://{world.bucket}/")
        world.run("mb", there)
        world.run("cp", "in/", source)
        pulls({})
        # Nobody asks a service to read from a private network unless told so.
        world.run("cp", source, f"{there}auto/", "--manifest", "auto.jsonl")
        expect(pulls() == {"pulled": [], "refused": []}, f"{pulls()}")
        expect({line["route"] for line in lines_of(world, "auto.jsonl").values()} == {"through"}, "auto")

        said = world.run("cp", source, f"{there}all/", "--pull", "always", "--manifest", "all.jsonl", "-v")
        expect("4 read by the destination's service itself" in said, said)
        expect("X-Amz-" not in said and "Signature" not in said, said)
        lines = lines_of(world, "all.jsonl")
        expect(lines.pop("d/e.txt")["route"] == "through", "an empty object has nothing to pull")
        for name, line in lines.items():
            expect(line["route"] == "pulled" and line["sent_bytes"] == 0 and "crc64nvme" in line["digests"], f"{name}: {line}")
            # This source knows a CRC32C, Azure computes a CRC64: only reading it back tells.
            expect(line["proof"] == "end_to_end" and line["read_back_bytes"] == line["bytes"], f"{name}: {line}")
        read = pulls()["pulled"]
        expect(sum(each["bytes"] for each in read) == 10 + 70_000 + 2_000_000 + 35_000_000, f"{read}")
        expect(len(read) == 6, f"the large one in three pieces: {read}")
        world.run("cp", f"{there}all/", "out/")
        world.same("in", "out")
        expect(world.json("verify", "all.jsonl")["proven"] == 5, "verify")

        again = world.json("cp", source, f"{there}all/", "--pull", "always", "--if-exists", "verify")
        expect(again["objects"] == 0 and again["pulled"] == 0, f"{again}")
        taken = world.run("cp", f"{source}a.csv", f"{there}all/a.csv", "--pull", "always", "--if-exists", "fail", status=1)
        expect("exists" in taken or "is there" in taken, taken)
        full = world.json("cp", source, f"{there}all/", "--pull", "always", "--verify", "full", "--manifest", "full.jsonl")
        expect(full["pulled"] == 4, f"{full}")
        for name, line in lines_of(world, "full.jsonl").items():
            expect(line["proof"] == "end_to_end" and line["read_back_bytes"] == line["bytes"], f"{name}: {line}")
        # This S3 computes a CRC64 of what arrives in parts without a checksum, as Amazon's does: nothing is read back.
        world.run("cp", "in/big.bin", f"{source.replace('s3:', 'plain:')}other")
        world.run("cp", f"{source}other", f"{there}other", "--pull", "always", "--manifest", "other.jsonl")
        line, = map(json.loads, (world.folder / "other.jsonl").read_text("utf-8").splitlines())
        expect((line["route"], line["proof"], line["read_back_bytes"]) == ("pulled", "store", 0), f"{line}")
        pulls({"damage": True})
        said = world.run("cp", f"{source}other", f"{there}bad", "--pull", "always", status=1)
        expect("the service read bytes with" in said and "bad" not in world.names(there), said)
        pulls({})
        world.run("rm", "--yes", f"{source}other")
        world.run("sync", source, f"{there}synced/", "--pull", "always")
        expect(world.names(f"{there}synced/") == world.names(source), "sync")


def pulled_from_google_and_azure(tutti):
    """Each proven by what its service knows, at one version."""
    with World(tutti) as world:
        make_files(world)
        for name in ("gs", "az"):  # and "pulling", which is the account of "az"
            world.run("mb", f"{name}://{world.bucket}/")
        world.run("cp", "in/", f"gs://{world.bucket}/in/", f"az://{world.bucket}/in/")
        pulls({})
        done = world.json("cp", f"gs://{world.bucket}/in/", f"pulling://{world.bucket}/gs/", "--pull", "always", "--manifest", "gs.jsonl")
        expect(done["pulled"] == 4, f"{done}")
        for name, line in lines_of(world, "gs.jsonl").items():  # an MD5 is compared by Azure itself, of one piece
            small = line["route"] == "pulled" and line["bytes"] <= 16 << 20
            expect(line["proof"] == ("store" if small else "end_to_end"), f"{name}: {line}")
        world.run("cp", f"pulling://{world.bucket}/gs/", "from-gs/")
        world.same("in", "from-gs")
        pulls({})
        # Another endpoint is another service: the source is asked for its version, and signed by the account's key.
        done = world.json("cp", f"az://{world.bucket}/in/", f"pulling://{world.bucket}/az/", "--pull", "always", "--manifest", "az.jsonl")
        expect(done["pulled"] == 4 and len(pulls()["pulled"]) == 6, f"{done} {pulls()}")
        lines_of(world, "az.jsonl")
        world.run("cp", f"pulling://{world.bucket}/az/", "out/")
        world.same("in", "out")


def pulls_that_fail(tutti):
    """Refused: the bytes pass through, and it is said. Damaged on the way: nothing is seen."""
    with World(tutti) as world:
        for i in range(12):
            world.write(f"in/{i}", bytes([i]) * 100_000)
        source, there = f"s3://{world.bucket}/in/", f"pulling://{world.bucket}/"
        world.run("mb", f"s3://{world.bucket}/")
        world.run("mb", there)
        world.run("cp", "in/", source)
        for status in (403, 409, 400, 404):
            pulls({"refuse": status})
            said = world.run("cp", source, f"{there}{status}/", "--pull", "always", "--manifest", "m.jsonl")
            expect("asked of it in vain" in said and "CannotVerifyCopySource" in said, said)
            expect("X-Amz-" not in said and "127.0.0.1" not in said, f"the URL is told: {said}")
            expect({line["route"] for line in lines_of(world, "m.jsonl").values()} == {"through"}, "through")
            expect(world.names(f"{there}{status}/") == world.names(source), f"{status}")
        pulls({"damage": True})
        said = world.run("cp", f"{source}7", f"{there}bad", "--pull", "always", status=1)
        expect("was read back" in said and "it was removed again" in said and "X-Amz-" not in said, said)
        expect("bad" not in world.names(there), "what is damaged is not left there")
        pulls({})
        # Azurite alone reads only its own blobs: refused, too.
        world.run("mb", f"az://{world.bucket}-b/")
        said = world.run("cp", source, f"az://{world.bucket}-b/", "--pull", "always")
        expect("asked of it in vain" in said, said)
        expect(world.names(f"az://{world.bucket}-b/") == world.names(source), "Azurite")


class Proxy(http.server.BaseHTTPRequestHandler):
    """A forward proxy for plain HTTP; asked for anything in the form of a server, it refuses."""
    protocol_version = "HTTP/1.1"
    hosts = []

    def forward(self):
        url = urllib.parse.urlsplit(self.path)
        if url.scheme != "http":
            self.send_error(400)
            return
        Proxy.hosts.append(url.netloc)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection(url.netloc, timeout=60)
        upstream.putrequest(self.command, self.path[self.path.index(url.netloc) + len(url.netloc):], skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "proxy-connection", "expect"):
                upstream.putheader(name, value)
        upstream.endheaders(body)
        reply = upstream.getresponse()
        data = reply.read()
        self.send_response_only(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = reply.headers.get("Content-Length", str(len(data))) if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(data)
        upstream.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

    def log_message(self, *_):
        pass


def through_a_proxy(tutti):
    """Where the environment names a proxy, every request to every cloud goes through it, signed and checked as ever."""
    with World(tutti) as world, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        make_files(world)
        s3, gs, az = (f"{name}://{world.bucket}/" for name in ("s3", "gs", "az"))
        world.env["http_proxy"] = f"http://127.0.0.1:{server.server_port}"
        for bucket in (s3, gs, az):
            world.run("mb", bucket)
        for source, target in (("in/", s3), (s3, gs), (gs, az), (az, "out/")):
            world.run("cp", source, target, "--verify", "full")
        world.same("in", "out")
        there = {urllib.parse.urlsplit(os.environ[f"TUTTI_TEST_{name}"]).netloc for name in ("S3", "GCS", "AZURE")}
        expect(set(Proxy.hosts) == there, f"{set(Proxy.hosts)}, not {there}")
        seen = len(Proxy.hosts)
        world.env["no_proxy"] = "127.0.0.1"
        world.run("ls", s3)
        expect(len(Proxy.hosts) == seen, "no_proxy")
        server.shutdown()


class TokenGate(Proxy):
    """A Google service whose tokens end after 20 seconds, and the metadata server that gives them."""
    life_s = 20
    given = {}
    refused = 0

    def forward(self):
        if self.path.startswith("/computeMetadata/"):
            token = f"token-{len(TokenGate.given)}"
            TokenGate.given[token] = time.monotonic()
            self.answer(200, json.dumps({"access_token": token, "expires_in": self.life_s, "token_type": "Bearer"}))
            return
        given = TokenGate.given.get(self.headers.get("Authorization", "").removeprefix("Bearer "), -1e9)
        if time.monotonic() - given > self.life_s:
            TokenGate.refused += 1
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer(401, json.dumps({"error": {"code": 401, "message": "Invalid Credentials"}}))
            return
        self.path = os.environ["TUTTI_TEST_GCS"] + self.path
        super().forward()

    def answer(self, status, text):
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward


def tokens_that_end(tutti):
    """A transfer that outlives its token asks for another in time; nothing of it is refused."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenGate) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        with World(tutti, f'      tokens: {{type: gcs, endpoint: "http://{host}", project: p}}\n') as world:
            world.env.update(GCE_METADATA_HOST=host, HOME=str(world.folder))
            bucket = f"tokens://{world.bucket}/"
            world.run("mb", bucket)
            TokenGate.given.clear()
            numbers = random.Random(3)
            for number in range(25):
                world.write(f"in/{number}", numbers.randbytes(1_000_000))
            world.run("cp", "in/", bucket, "--bandwidth", "1MB/s")
            expect(len(TokenGate.given) >= 2, f"{len(TokenGate.given)} tokens")
            expect(TokenGate.refused == 0, f"{TokenGate.refused} requests with a token that had ended")
            world.run("cp", f"gs://{world.bucket}/", "out/")
            world.same("in", "out")
        server.shutdown()


TESTS = [
    ("connections of this machine", connections_of_this_machine),
    ("connections that work", connections_that_work),
    ("connections listed", connections_listed),
    ("connections that do not work", connections_that_do_not_work),
    ("around the clouds", around_the_clouds),
    ("through a proxy", through_a_proxy),
    ("tokens that end", tokens_that_end),
    ("many objects between services", many_between_services),
    ("several destinations", several_destinations),
    ("sync, filters, mv, rm", sync_and_filters),
    ("sync with a backup", sync_with_backup),
    ("limits", limits),
    ("failures are listed", failures),
    ("inside a bucket", inside_a_bucket),
    ("between buckets", between_buckets),
    ("what travels with the bytes", described),
    ("unfinished uploads", unfinished_uploads),
    ("presigned URLs", presigned),
    ("pulled from elsewhere", pulled_from_elsewhere),
    ("pulled from Google and Azure", pulled_from_google_and_azure),
    ("pulls that fail", pulls_that_fail),
    ("what is refused", refusals),
    ("killed", killed),
]


if __name__ == "__main__":
    sys.exit(test_main(__doc__, TESTS))
