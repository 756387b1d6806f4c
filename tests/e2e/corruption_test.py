#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes that go wrong on their way, under `cp --verify full`: found, or repaired by a retry, never called a success.

Each case copies one object between two stores while one thing goes wrong at one hop: in the reply of the source, in
our memory, in the request to the destination, on the disk of either server. Then the destination is read without
Tutti and without the proxy. Good is: the command failed, named the object, and no wrong object is at the destination
(damage on its own disk aside, which is reported); or it succeeded and the bytes are the source's.

Run under tests/servers/with_servers.py proxy:versitygw proxy:strict_gcs proxy:azurite -- ...
"""
import argparse
import collections
import os
import pathlib
import random
import subprocess
import sys
import time

from fault_world import FaultWorld
from project import DEFAULT_TUTTI, Wrong, expect

PAIRS = [("dir", "s3"), ("s3", "dir"), ("s3", "gs"), ("gs", "az"), ("az", "s3"), ("dir", "gs"), ("dir", "az"),
         ("gs", "dir"), ("az", "dir")]
LARGE = 16 << 20  # beyond, objects go in parts
SIZES = [(1, 70_000)] * 5 + [(1 << 20, 3 << 20)] * 3 + [(LARGE + 1, 22 << 20)] * 2
OF_REPLY = ["corrupt_reply", "truncate_reply", "lengthen_reply", "cut_reply", "stale_etag", "lose_reply", "status"]
OF_REQUEST = ["corrupt_request", "truncate_request", "lengthen_request", "cut_request", "double_body",
              "double_request", "stale_etag", "lose_reply", "status"]
CASE_SECONDS = 240


class Case:
    """What goes wrong, where, and how often."""

    def __init__(self, pair, key, size, rng):
        self.source, self.target = pair
        self.key, self.size = key, size
        self.at = rng.randrange(size)
        self.times = rng.choice([1] * 6 + [2] * 3 + [None])
        self.hop, self.fault = rng.choice(self.possible(rng))

    def possible(self, rng):
        """A hop and a fault of each hop this pair has."""
        ways = [("buffer", "flip while sent"), ("disk", "flip after the copy")]
        if self.source != "dir":
            ways += [("source reply", rng.choice(OF_REPLY))] * 3
            ways += [("buffer", "flip while read"), ("disk", "flip at the source")]
        if self.target != "dir":
            ways += [("request", rng.choice(OF_REQUEST))] * 3
            ways += [("read-back", "corrupt_reply"), ("disk", "flip before the read-back")]
        return ways

    def rule(self, world):
        source, target = world.stores[self.source], world.stores[self.target]
        match = {"source reply": source.body_of_reply(f"from/{self.key}"), "request": target.body_of_request(),
                 "read-back": target.body_of_reply(f"to/{self.key}")}[self.hop]
        share = self.at / self.size
        told = {"match": match, "do": self.fault, "times": self.times, "share": share, "by": 1 + self.at % 97}
        if self.fault == "double_request" and self.size > LARGE:
            told["match"] = target.part()
        if self.fault == "status":
            told |= {"status": 503, "headers": {"Retry-After": "1"}}
        return told

    def __str__(self):
        return (f"{self.source} -> {self.target}, {self.key} ({self.size} bytes), {self.hop}: {self.fault} at {self.at}, "
                f"{'always' if self.times is None else self.times} times")


class Trial:
    """One case, played and judged."""

    def __init__(self, world, flipping, case, data):
        self.world, self.flipping, self.case, self.data = world, flipping, case, data
        self.source, self.target = world.stores[case.source], world.stores[case.target]
        self.to = f"to/{case.key}"
        self.said = ""  # by the last command
        self.arguments = ["cp", world.address(case.source, f"from/{case.key}"), world.address(case.target, self.to),
                          "--verify", "full", "--manifest", "manifest.jsonl"]

    def play(self):
        """What became of it: found, repaired, or nothing where the fault did not come to happen."""
        self.world.no_faults()
        try:
            return getattr(self, "play_" + self.case.hop.replace(" ", "_").replace("-", "_"))()
        finally:
            self.world.no_faults()
            self.target.remove(self.to)

    def copy(self, **env):
        return self.ended(self.world.start(*self.arguments, tutti=self.flipping if env else None, **env))

    def ended(self, process):
        try:
            text, _ = process.communicate(timeout=CASE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Wrong(f"it hangs: {process.communicate()[0]}") from None
        expect(process.returncode >= 0, f"it crashed with {process.returncode}: {text}")
        self.said = text
        return process.returncode, text

    def judge(self, status, text, may_stay=False):
        there = self.target.read(self.to)
        if status == 0:
            expect(there == self.data, f"MISSED: it says success, and {self.differs(there)}: {text}")
            return "repaired"
        expect(self.case.key in text and ":" in text, f"it does not name the object: {text}")
        expect(there is None or there == self.data or may_stay,
               f"it failed, but {self.differs(there)} at the destination: {text}")
        return "found" if there is None or there == self.data else "found, stays"

    def differs(self, there):
        if there is None:
            return "nothing is there"
        if len(there) != len(self.data):
            return f"{len(there)} bytes instead of {len(self.data)} are there"
        return f"{sum(a != b for a, b in zip(there, self.data))} wrong bytes are there"

    def through_proxy(self, proxied, may_stay=False):
        faults = proxied.faults
        faults.rules(self.case.rule(self.world))
        status, text = self.copy()
        done = faults.done()[0]
        verdict = self.judge(status, text, may_stay)
        return verdict if done else None

    def play_source_reply(self):
        return self.through_proxy(self.source)

    def play_request(self):
        return self.through_proxy(self.target)

    def play_read_back(self):
        return self.through_proxy(self.target)

    def play_buffer(self):
        case = self.case
        at = case.at % (case.size - LARGE) if case.size > LARGE else case.at  # within any part
        where = f"{case.target} {'part' if case.size > LARGE else 'put'}"
        if case.fault == "flip while read":
            where = f"{case.source} get"
        status, text = self.copy(TUTTI_TEST_FLIP=f"{where} {at} {case.times or 1000}")
        verdict = self.judge(status, text)
        return verdict if "flip\n" in text else None

    def play_disk(self):
        return {"flip at the source": self.source_damaged, "flip after the copy": self.damaged_later,
                "flip before the read-back": self.damaged_meanwhile}[self.case.fault]()

    def source_damaged(self):
        self.source.damage(f"from/{self.case.key}", self.case.at)
        try:
            status, text = self.copy()
            expect(status != 0, f"MISSED: a damaged source was copied: {text}")
            return self.judge(status, text)
        finally:
            self.source.damage(f"from/{self.case.key}", self.case.at)

    def damaged_later(self):
        status, text = self.copy()
        expect(status == 0, f"without a fault it fails: {text}")
        self.judge(status, text)
        self.target.damage(self.to, self.case.at)
        status, text = self.ended(self.world.start("verify", "manifest.jsonl"))
        expect(status != 0 and self.case.key in text, f"MISSED: verify of a damaged object: {status}: {text}")
        return "found"

    def damaged_meanwhile(self):
        """Between the destination's word that it has the object and the first look at its bytes."""
        faults = self.target.faults
        faults.rules({"match": self.target.body_of_reply(self.to), "do": "hold"})
        process = self.world.start(*self.arguments)
        faults.wait_until_held(CASE_SECONDS)
        self.target.damage(self.to, self.case.at)
        faults.release()
        status, text = self.ended(process)
        expect(status != 0, f"MISSED: success with a damaged destination: {text}")
        return self.judge(status, text, may_stay=True)


def make_sources(world, source, target, rng):
    """Objects of the source, by key, put there without a proxy."""
    store, objects = world.stores[source], {}
    for number, (least, most) in enumerate(SIZES):
        key = f"{source}-{target}-{number}.bin"
        objects[key] = rng.randbytes(rng.randint(least, most))
        path = world.folder / "in" / key
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(objects[key])
    scheme = source if source == "dir" else source + "d"
    world.run("cp", "in/", world.address(scheme, "from/"))
    for key, data in objects.items():
        expect(store.read(f"from/{key}") == data, f"{key} did not come to {source}")
        (world.folder / "in" / key).unlink()
    return objects


def run_pair(world, pair, args, table):
    """The number of cases that ended badly."""
    rng = random.Random(f"{args.seed} {pair}")
    objects = make_sources(world, *pair, rng)
    bad = done = asked = 0
    while done < args.cases and asked < 3 * args.cases + 10:
        asked += 1
        key = rng.choice(sorted(objects))
        case = Case(pair, key, len(objects[key]), rng)
        started = time.monotonic()
        try:
            trial = Trial(world, args.flipping, case, objects[key])
            verdict = trial.play()
        except Wrong as wrong:
            verdict, bad = "BAD", bad + 1
            print(f"BAD     {case}: {wrong}", flush=True)
        if args.verbose:
            print(f"{verdict or '-':13} {time.monotonic() - started:5.1f} s  {case}\n    {trial.said.strip()}", flush=True)
        done += verdict is not None
        table[pair, case.hop, case.fault, verdict] += 1
    expect(done == args.cases, f"only {done} of {args.cases} faults came to happen")
    return bad


def print_table(table):
    verdicts = ["found", "found, stays", "repaired", "BAD"]
    print(f"{'pair':10} {'hop':13} {'fault':26} {'cases':>6} {'found':>6} {'stays':>6} {'repaired':>8} {'BAD':>4}")
    rows = sorted({key[:3] for key, count in table.items() if key[3]})
    for row in [*rows, None]:
        counts = [sum(n for key, n in table.items() if key[3] == verdict and row in (None, key[:3]))
                  for verdict in verdicts]
        pair, hop, fault = row or (("all", ""), "", "")
        name = f"{pair[0]}->{pair[1]}" if row else "all"
        print(f"{name:10} {hop:13} {fault:26} {sum(counts):6} {counts[0]:6} {counts[1]:6} {counts[2]:8} {counts[3]:4}")
    print("stays: reported, and the object that its server damaged is still there; BAD: missed, or a promise broken")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    parser.add_argument("--flipping", type=pathlib.Path, default=DEFAULT_TUTTI.parent / "src/app/flipping_tutti")
    parser.add_argument("--cases", type=int, default=8, help="of each pair (default %(default)s)")
    parser.add_argument("--pair", action="append", help="s3-gs; default: all")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    args.tutti, args.flipping = args.tutti.resolve(), args.flipping.resolve()
    print(f"seed {args.seed}", flush=True)
    table, bad = collections.Counter(), 0
    with FaultWorld(args.tutti) as world:
        for pair in PAIRS:
            if not args.pair or "-".join(pair) in args.pair:
                bad += run_pair(world, pair, args, table)
    print_table(table)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
