#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Moves objects between folders and a real S3 server (versitygw on this machine), beside s5cmd.

usage: bench/transfer.py [--quick] [--rounds N] [--jsonl FILE]     (./dev bench transfer)

Contestants take turns in one run; medians of the rounds. Every object that came back is compared with its
source here. Printed: seconds, CPU seconds of the client, and Tutti's share of s5cmd's.
`tutti none` writes files without syncing them, as s5cmd does; `tutti` syncs them in groups.
"""
import argparse
import filecmp
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPS = pathlib.Path(os.environ.get("TUTTI_DEPS", pathlib.Path.home() / ".cache/tutti/deps"))
TUTTI = ROOT / "build/release/tutti"
SETTINGS = """
project: bench
profiles:
  bench:
    sandbox: true
    connections:
      s3: {{type: s3, endpoint: "{url}"}}
      none: {{type: file, root: "{folder}", durability: none}}
"""


def s5cmd():
    found = sorted(DEPS.glob("s5cmd-*/bin/s5cmd"))
    if not found:
        sys.exit("bench: s5cmd is missing: run tools/setup --peers")
    return str(found[-1])


def measure(command, folder, env):
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: {said.decode()[-500:]}")
    return {"seconds": time.monotonic() - started, "cpu": usage.ru_utime + usage.ru_stime}


def fill(folder, count, size):
    folder.mkdir(parents=True)
    numbers = random.Random(count)
    for n in range(count):
        (folder / f"{n:06}").write_bytes(numbers.randbytes(size))


def check_equal(one, other):
    names = sorted(path.name for path in one.iterdir())
    _, different, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    if different or missing:
        sys.exit(f"bench: {other} differs from {one}: {(different + missing)[:3]}")


class Bench:
    def __init__(self, folder, url, rounds):
        self.folder, self.rounds = folder, rounds
        (folder / "tutti.yaml").write_text(SETTINGS.format(url=url, folder=folder), encoding="utf-8")
        self.env = {**os.environ, "AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret",
                    "AWS_REGION": "us-east-1", "S3_ENDPOINT_URL": url, "TUTTI_PROFILE": "bench"}
        self.lines = []

    def run(self, name, contestants, after=None):
        """contestants: name -> function(round) -> command; `after` sees (name, round)."""
        times = {each: [] for each in contestants}
        for number in range(self.rounds):
            for each, command in contestants.items():
                times[each].append(measure(command(number), self.folder, self.env))
                if after:
                    after(each, number)
        for each, rows in times.items():
            line = {"figure": name, "contestant": each, "rounds": self.rounds,
                    **{key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}}
            peer = times.get("s5cmd")
            if peer and each != "s5cmd":
                for key in ("seconds", "cpu"):
                    line[f"{key}_of_s5cmd"] = round(
                        statistics.median(row[key] for row in rows) / statistics.median(row[key] for row in peer), 2)
            self.lines.append(line)
            print(json.dumps(line), flush=True)

    def set(self, name, count, size):
        source = self.folder / name
        fill(source, count, size)
        tutti, peer = str(TUTTI), s5cmd()
        self.run(f"{name} up", {
            "tutti": lambda n: [tutti, "cp", f"{name}/", f"s3://bench/{name}/tutti{n}/"],
            "s5cmd": lambda n: [peer, "--log", "error", "cp", f"{name}/*", f"s3://bench/{name}/s5cmd{n}/"],
        })

        def compare(contestant, n):
            check_equal(source, self.folder / f"out/{contestant.replace(' ', '-')}{n}")
            shutil.rmtree(self.folder / "out")
        self.run(f"{name} down", {
            "tutti": lambda n: [tutti, "cp", f"s3://bench/{name}/s5cmd{n}/", f"out/tutti{n}/"],
            "tutti none": lambda n: [tutti, "cp", f"s3://bench/{name}/s5cmd{n}/", f"none://out/tutti-none{n}/"],
            "s5cmd": lambda n: [peer, "--log", "error", "cp", f"s3://bench/{name}/tutti{n}/*", f"out/s5cmd{n}/"],
        }, compare)
        measure([tutti, "cp", "--if-exists", "verify", "--manifest", f"{name}.jsonl", f"{name}/",
                 f"s3://bench/{name}/tutti0/"], self.folder, self.env)
        self.run(f"{name} verified, no files", {"tutti": lambda _: [tutti, "verify", f"{name}.jsonl"]})
        shutil.rmtree(source)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jsonl", type=pathlib.Path)
    args = parser.parse_args()
    if "TUTTI_TEST_S3" not in os.environ:
        return subprocess.call([sys.executable, str(ROOT / "tests/servers/with_servers.py"), "versitygw", "--",
                                sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory(prefix="tutti-bench.", dir=ROOT / "build") as folder:
        bench = Bench(pathlib.Path(folder), os.environ["TUTTI_TEST_S3"], 3 if args.quick else args.rounds)
        measure([str(TUTTI), "mb", "s3://bench"], bench.folder, bench.env)
        bench.set("large", 4, (64 if args.quick else 256) << 20)
        bench.set("small", 2000 if args.quick else 20_000, 4096)
        bench.set("medium", 200 if args.quick else 2000, 1 << 20)
    if args.jsonl:
        with open(args.jsonl, "a", encoding="utf-8") as out:
            for line in bench.lines:
                out.write(json.dumps({**line, "commit": os.environ.get("TUTTI_COMMIT", "")}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
