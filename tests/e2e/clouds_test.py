#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The data commands on real servers: S3 (versitygw), Google Cloud Storage (fake-gcs-server), Azure (Azurite).

Run under tests/servers/with_servers.py, which starts them and says where they are.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from project import DEFAULT_TUTTI, expect, run_tests  # noqa: E402

# The published key of the emulators' account.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SETTINGS = """
project: clouds
secrets: {{s3_key: {{env: TEST_S3_KEY}}, az_key: {{env: TEST_AZ_KEY}}}}
profiles:
  clouds:
    sandbox: true
    connections:
      s3: {{type: s3, endpoint: "{TUTTI_TEST_S3}", auth: {{secret: s3_key}}}}
      below: {{type: s3, endpoint: "{TUTTI_TEST_S3}", auth: {{secret: s3_key}}, root: "s3://{bucket}/deep/er"}}
      wrong: {{type: s3, endpoint: "{TUTTI_TEST_S3}", auth: {{secret: wrong_key}}}}
      gone: {{type: s3, endpoint: "http://127.0.0.1:1", auth: none, attempts: 2}}
      gs: {{type: gcs, endpoint: "{TUTTI_TEST_GCS}", auth: none}}
      az: {{type: azure, endpoint: "{TUTTI_TEST_AZURE}", access_key: {{secret: az_key}}}}
"""


class World:
    """A folder with a project whose profile is the servers, and a bucket of its own."""
    count = 0

    def __init__(self, tutti):
        World.count += 1
        self.tutti = tutti
        self.bucket = f"bucket-{os.getpid()}-{World.count}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tutti-clouds."))
        self.env = {**os.environ, "TUTTI_PROFILE": "clouds", "TEST_S3_KEY": "testkey:testsecret",
                    "TEST_AZ_KEY": AZURITE_KEY, "WRONG_KEY": "testkey:not-the-secret"}
        text = SETTINGS.format(bucket=self.bucket, **os.environ).replace(
            "az_key: {env: TEST_AZ_KEY}", "az_key: {env: TEST_AZ_KEY}, wrong_key: {env: WRONG_KEY}")
        (self.folder / "tutti.yaml").write_text(text, encoding="utf-8")

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
        for nothing in ("inn/", "in/a.csv"):
            text = world.run("sync", nothing, s3 + "x/", "--delete", status=2)
            expect("there is no object" in text and len(world.names(s3 + "x/")) == 5, text)
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
    with World(tutti) as world:
        make_files(world)
        numbers = random.Random(7)
        for n in range(60):
            world.write(f"in/many/{n:03}", numbers.randbytes(5000))
        sizes = {str(path.relative_to(world.folder / "in")): path.stat().st_size
                 for path in (world.folder / "in").rglob("*") if path.is_file()}
        s3, gs = f"s3://{world.bucket}/", f"gs://{world.bucket}/"
        world.run("mb", s3)
        world.run("mb", gs)
        kills = 0
        for source, target in (("in/", s3), (s3, gs), (gs, "out/")):
            for trial in range(7):
                process = subprocess.Popen([world.tutti, "cp", "--if-exists", "verify", source, target], cwd=world.folder,
                                           env=world.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    process.wait(numbers.random() * 0.4)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills += 1
                seen = world.names(target) if "://" in target else {
                    str(path.relative_to(world.folder / target)): path.stat().st_size
                    for path in (world.folder / target).rglob("*") if path.is_file() and ".tutti-staging" not in path.parts}
                for name, size in seen.items():
                    expect(sizes.get(name) == size, f"{target}{name} is half-written: {size} of {sizes.get(name)}")
            world.run("cp", "--if-exists", "verify", source, target)
        shutil.rmtree(world.folder / "out/.tutti-staging", ignore_errors=True)
        world.same("in", "out")
        print(f"  {kills} kills")
        expect(kills >= 5, f"only {kills} of 21 kills came while it ran")


TESTS = [
    ("around the clouds", around_the_clouds),
    ("sync, filters, mv, rm", sync_and_filters),
    ("presigned URLs", presigned),
    ("what is refused", refusals),
    ("killed", killed),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    args = parser.parse_args()
    return run_tests(TESTS, args.tutti.resolve())


if __name__ == "__main__":
    sys.exit(main())
