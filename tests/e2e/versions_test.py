#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Versions, locks and archived objects by the commands, on the strict fake of Google Cloud Storage and on moto.

Run under tests/servers/with_servers.py, which starts them and says where they are.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request

TESTS_FOLDER = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS_FOLDER / "process"))
from project import DEFAULT_TUTTI, expect, run_tests  # noqa: E402

SETTINGS = """
project: versions
secrets: {{s3_key: {{env: TEST_S3_KEY}}}}
profiles:
  clouds:
    sandbox: true
    connections:
      gs: {{type: gcs, endpoint: "{TUTTI_TEST_STRICT_GCS}", auth: none}}
      s3: {{type: s3, endpoint: "{TUTTI_TEST_MOTO}", auth: {{secret: s3_key}}}}
"""


class World:
    """A project, and a bucket in each of the two; Google's keeps versions, which can be locked."""
    count = 0

    def __init__(self, tutti):
        World.count += 1
        self.tutti = tutti
        bucket = f"bucket-{os.getpid()}-{World.count}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tutti-versions."))
        self.env = {**os.environ, "TUTTI_PROFILE": "clouds", "TEST_S3_KEY": "testkey:testsecret", "NO_COLOR": "1"}
        (self.folder / "tutti.yaml").write_text(SETTINGS.format(**os.environ), encoding="utf-8")
        resource = json.dumps({"name": bucket, "versioning": {"enabled": True}}).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(urllib.request.Request(
            f"{os.environ['TUTTI_TEST_STRICT_GCS']}/storage/v1/b?project=p&enableObjectRetention=true", data=resource,
            headers={"Content-Type": "application/json"}, method="POST")).close()
        self.run("mb", f"s3://{bucket}")
        self.gs, self.s3 = f"gs://{bucket}/", f"s3://{bucket}/"

    def run(self, *arguments, status=0):
        done = subprocess.run([self.tutti, *arguments], cwd=self.folder, env=self.env, check=False, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        expect(done.returncode == status, f"{' '.join(arguments)}: status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json"))

    def put(self, to, text, *more):
        (self.folder / "source").write_text(text, encoding="utf-8")
        self.run("cp", "source", to, *more)

    def versions(self, of):
        return self.json("ls", "-r", "--all-versions", of)


@contextlib.contextmanager
def world_of(tutti):
    world = World(tutti)
    yield world
    shutil.rmtree(world.folder)


def versions(tutti):
    with world_of(tutti) as w:
        key = w.gs + "d/a.txt"
        for text in ("one", "two", "three"):
            w.put(key, text)
        w.put(w.gs + "d/b.txt", "other")
        listed = w.versions(w.gs)
        expect([each["key"] for each in listed] == ["d/a.txt"] * 3 + ["d/b.txt"], f"{listed}")
        expect([each["is_latest"] for each in listed] == [True, False, False, True], f"{listed}")
        three, two, one = (each["version"] for each in listed[:3])
        expect(two in w.run("ls", "--all-versions", key) and "latest" in w.run("ls", "--all-versions", key), "as text")
        expect(len(w.json("ls", key)) == 1, "without it only what is there now")
        expect(w.run("cat", "--version-id", one, key) == "one" and w.run("cat", key) == "three", "cat")
        w.run("cp", "--version-id", two, key, "old.txt")
        expect((w.folder / "old.txt").read_text(encoding="utf-8") == "two", "cp of a version, down")
        w.run("cp", "--version-id", one, key, w.gs + "copy.txt")
        expect(w.run("cat", w.gs + "copy.txt") == "one", "cp of a version, inside of the bucket")
        w.run("cp", "--version-id", one, key, w.s3 + "copy.txt", "--verify", "full")
        expect(w.run("cat", w.s3 + "copy.txt") == "one", "cp of a version, to another service")
        w.run("cp", "--version-id", one, key, key)
        expect(w.run("cat", key) == "one" and len(w.versions(key)) == 4, "an old version, as the latest again")
        w.run("rm", "--yes", "--version-id", w.versions(key)[0]["version"], key)
        w.run("cp", "--version-id", three, key, key)
        w.run("rm", "--yes", "--version-id", three, key)
        three = w.versions(key)[0]["version"]
        for more in (("cp", w.gs + "d/", "x/"), ("mv", w.gs + "*.txt", "x/"), ("cat", w.gs + "d/"), ("rm", w.gs + "d/")):
            told = w.run(*more, "--version-id", one, status=2)
            expect("of one object" in told, told)
        expect("no versions" in w.run("cat", "--version-id", "1", "./old.txt", status=2), "folders have none")
        w.run("cat", "--version-id", "12345", key, status=2)

        w.run("mv", "--version-id", two, key, "moved.txt")
        expect((w.folder / "moved.txt").read_text(encoding="utf-8") == "two", "mv")
        expect([each["version"] for each in w.versions(key)] == [three, one], "mv takes that version away")
        w.run("rm", "--yes", key)
        expect(not w.json("ls", key), "it is removed")
        expect([each["is_latest"] for each in w.versions(key)] == [False, False], "its versions are not")
        expect("would remove version" in w.run("rm", "--dry-run", "--version-id", one, key), "dry run")
        w.run("rm", "--version-id", one, key, status=2)  # nobody can be asked
        w.run("rm", "--yes", "--version-id", one, key)
        expect([each["version"] for each in w.versions(key)] == [three], "that version alone")
        w.run("rm", "--yes", "--version-id", one, key, status=2)


def all_versions(tutti):
    with world_of(tutti) as w:
        for text in ("one", "two"):
            w.put(w.gs + "d/a", text)
            w.put(w.gs + "d/b", text)
            w.put(w.gs + "e", text)
        told = w.run("rm", "--yes", "--all-versions", w.gs + "d/", status=2)
        expect("more than one object" in told and "-r" in told, told)
        expect("would remove 4 versions" in w.run("rm", "--all-versions", "-r", "--dry-run", w.gs + "d/"), "dry run")
        w.run("rm", "--yes", "--all-versions", "-r", "--max", "3", w.gs + "d/", status=2)
        expect(len(w.versions(w.gs)) == 6, "nothing was removed so far")
        removed = w.json("rm", "--yes", "--all-versions", w.gs + "e")
        expect(removed["objects"] == 2, f"{removed}")
        w.run("rm", "--yes", w.gs + "d/a")
        w.run("rm", "--yes", "--all-versions", "-r", w.gs + "d/*")
        expect(not w.versions(w.gs), "all of it is gone, also what was removed before")


def locks(tutti):
    with world_of(tutti) as w:
        key = w.gs + "books.csv"
        w.put(key, "one", "--retain-until", "2h", "--retain-mode", "compliance")
        shown = w.json("lock", key)
        expect(shown["retain_mode"] == "compliance" and shown["legal_hold"] is False, f"{shown}")
        told = w.run("rm", "--yes", "--all-versions", key, status=4)
        expect("locked: compliance until" in told and "nobody can" in told, told)
        w.run("lock", key, "--clear", "--bypass-governance-retention", status=4)
        w.run("lock", key, "--retain-until", "2099-01-01", "--retain-mode", "compliance")
        expect("compliance until 2099-01-01 00:00:00 UTC" in w.run("lock", key), "longer is allowed")
        w.run("lock", key, "--retain-until", "2001-01-01", status=2)
        expect("neither a time" in w.run("lock", key, "--retain-until", "soon", status=2), "no time")

        held = w.gs + "held.csv"
        w.put(held, "two", "--legal-hold", "on")
        expect("legal hold" in w.run("rm", "--yes", "--all-versions", held, status=4), "held")
        w.run("lock", held, "--legal-hold", "off", "--retain-until", "1d")
        expect("governance until" in w.run("lock", held), "governance, unless said otherwise")
        expect("--bypass" in w.run("lock", held, "--clear", status=4), "it says how")
        w.run("lock", held, "--clear", "--bypass-governance-retention")
        expect("no lock" in w.run("lock", held), "cleared")
        w.run("rm", "--yes", "--all-versions", held)
        expect("cannot lock" in w.run("cp", "source", "there", "--legal-hold", "on", status=2), "a folder")
        expect("of one object" in w.run("lock", w.gs, status=2), "a prefix")


def restoring(tutti):
    with world_of(tutti) as w:
        w.put(w.s3 + "2019/a", "cold", "--class", "glacier", "--verify", "none")
        w.put(w.s3 + "2019/b", "warm")
        told = w.run("cat", w.s3 + "2019/a", status=4)
        expect("archived" in told and "tutti restore" in told, told)
        expect("-r" in w.run("restore", w.s3 + "2019/", status=2), "a prefix wants -r")
        would = w.json("restore", "-r", "--dry-run", w.s3 + "2019/")
        expect(would["asked"] == 1 and would["readable"] == 1, f"{would}")
        w.run("cat", w.s3 + "2019/a", status=4)
        asked = w.json("restore", "-r", "--days", "3", "--tier", "bulk", "--wait", w.s3 + "2019/")
        expect(asked["asked"] == 1 and asked["waited"], f"{asked}")
        expect(w.run("cat", w.s3 + "2019/a") == "cold", "it can be read now")
        again = w.json("restore", w.s3 + "2019/a")
        expect(again["asked"] == 0 and again["readable"] == 1, f"{again}")
        expect("archives no objects" in w.run("restore", w.gs + "a", status=2), "Google needs none")


TESTS = [
    ("versions", versions),
    ("all versions", all_versions),
    ("locks", locks),
    ("restoring", restoring),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    args = parser.parse_args()
    return run_tests(TESTS, args.tutti.resolve())


if __name__ == "__main__":
    sys.exit(main())
