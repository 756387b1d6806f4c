#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`kill -9` at random moments of a transfer, through the fault proxy: nothing is lost, half-written or wrong.

Each trial copies many small and some large objects between two stores with `cp --if-exists verify`, kills it, looks at
the destination without Tutti, and does so again, at most eight times, before a run may end by itself. After every kill
each object that is visible has the bytes of its source; at the end all of them are there. The proxy of the destination
counts what was sent (that of the source what was read, where the destination is a folder): what went more than once is
printed in parts of 16 MiB a kill, and may be at most what was moving at the kills: parts that were complete are not sent
again.

Every fourth trial has other faults too: requests that break, lost replies, throttling. Every third compresses and
encrypts on the way; what is there is unpacked by gzip and openssl.

Run under tests/servers/with_servers.py proxy:versitygw proxy:strict_gcs proxy:azurite -- ...
"""
import argparse
import base64
import collections
import gzip
import hmac
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

from fault_world import FaultWorld
from project import DEFAULT_TUTTI, Wrong, expect

LEGS = [("dir", "s3"), ("s3", "gs"), ("gs", "az"), ("az", "s3"), ("dir", "gs"), ("s3", "az"), ("az", "dir")]
PART = 16 << 20
PARTS_PARALLEL = 8  # of all objects
SEALED_PART = 8 << 20  # of what is compressed or encrypted: one of each object, of three at once
SEALED_PARALLEL = 3
SEALED_MORE = 1.4  # fernet's text is a third longer
KEY = bytes(range(32))
SMALL_MAX = 20_000
OVERHEAD_SHARE = 0.02  # of requests: signatures of chunks, bodies of JSON and XML
OTHER_FAULTS = [
    {"match": "^PUT ", "do": "cut_request", "times": None, "chance": 0.01},
    {"match": "^(PUT|POST) ", "do": "lose_reply", "times": None, "chance": 0.01},
    {"match": "", "do": "status", "status": 503, "headers": {"Retry-After": "0"}, "times": None, "chance": 0.01},
]
KILLS_MAX = 8  # of one trial
RUN_SECONDS = 300


def unsealed(token):
    """What `--compress gzip --encrypt fernet` made it of; None: it is no whole token under the key."""
    try:
        raw = base64.urlsafe_b64decode(token)
        if not hmac.compare_digest(hmac.digest(KEY[:16], raw[:-32], "sha256"), raw[-32:]):
            return None
        packed = subprocess.run(["openssl", "enc", "-d", "-aes-128-cbc", "-K", KEY[16:].hex(), "-iv", raw[9:25].hex()],
                                input=raw[25:-32], stdout=subprocess.PIPE, check=True).stdout
        return gzip.decompress(packed)
    except (ValueError, OSError, EOFError, subprocess.CalledProcessError):
        return None


class Trial:
    def __init__(self, world, args, leg, seed):
        self.world, self.args = world, args
        self.source, self.target = leg
        self.rng = random.Random(seed)
        self.faulty = seed % 4 == 3
        self.sealed = seed % 3 == 2
        self.store = world.stores[self.target]
        self.objects = {}
        self.known = set()  # visible and compared
        self.stored = {}  # bytes of each, as it is there
        self.bound = 0  # bytes that may be sent again
        self.kills = 0
        self.quarters = collections.Counter()  # how far a run was when it was killed
        # Who counts: the proxy of the destination; of the source, where that is a folder.
        self.counter, self.counted = self.store, "request_bytes"
        if not self.store.faults:
            self.counter, self.counted = world.stores[self.source], "reply_bytes"

    def make_objects(self):
        numbers = self.rng
        sizes = [numbers.randint(0, SMALL_MAX) for _ in range(self.args.small)]
        sizes += [numbers.randint(*self.args.large_mib) * (1 << 20) + numbers.randint(0, 1 << 20)
                  for _ in range(self.args.large)]
        folder = self.world.folder / "in"
        for number, size in enumerate(sizes):
            key = f"{number % 7}/{number:04}.bin"
            self.objects[key] = numbers.randbytes(size)
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(self.objects[key])
        scheme = self.source if self.source == "dir" else self.source + "d"
        self.world.run("cp", "in/", self.world.address(scheme, "from/"))
        shutil.rmtree(folder)

    def start(self):
        how = ("--if-exists", "verify")
        if self.sealed:
            how = ("--if-exists", "skip", "--compress", "gzip", "--encrypt", "fernet", "--key-file", "key", "--keep-names")
        return self.world.start("cp", *how, self.world.address(self.source, "from/"),
                                self.world.address(self.target, "to/"))

    def run(self):
        self.make_objects()
        self.counter.faults.rules(*(OTHER_FAULTS if self.faulty else []), seed=self.rng.randrange(1 << 30))
        left = sum(map(len, self.objects.values()))
        ended = False
        while not ended and self.kills < KILLS_MAX:
            before = self.sent_by_object()
            ended = self.run_and_kill(sum(before.values()) + int(self.rng.random() * 1.02 * left))
            if not ended:
                self.kills += 1
                self.quarters[self.quarter(before, left)] += 1
            self.look()
            left = sum(len(data) for key, data in self.objects.items() if key not in self.known)
            if not ended:
                self.bound += self.moving(before)
        self.finish()
        self.compare_all()

    def run_and_kill(self, sent):
        """Kills it somewhat after the proxy has seen so many bytes, or early. Whether it ended before; a failure is one
        of the other faults."""
        process = self.start()
        if self.rng.random() < 0.8:
            while process.poll() is None and not self.counter.faults.reached(self.counted, sent):
                pass
        try:
            text, _ = process.communicate(timeout=self.rng.random() * 0.15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return False
        expect(process.returncode == 0 or self.faulty, f"without a fault it fails: {text}")
        return process.returncode == 0

    def look(self):
        """Everything that is visible is whole; what was visible stays."""
        seen = {name[len("to/"):] for name in self.store.names() if name.startswith("to/")}
        expect(self.known <= seen, f"lost: {sorted(self.known - seen)}")
        expect(seen <= set(self.objects), f"objects nobody wrote: {sorted(seen - set(self.objects))}")
        for name in seen - self.known:
            self.compare(name)
        self.known = seen

    def compare(self, name):
        there, wanted = self.store.read("to/" + name), self.objects[name]
        expect(there is not None, f"{name} is listed, and cannot be read")
        self.stored[name] = len(there)
        if self.sealed:
            there = unsealed(there)
            expect(there is not None, f"{name} is half-written or damaged: it cannot be unpacked")
        expect(len(there) == len(wanted), f"{name} is half-written: {len(there)} of {len(wanted)} bytes")
        expect(there == wanted, f"{name} has other bytes than its source")

    def finish(self):
        for _ in range(5):
            process = self.start()
            try:
                text, _ = process.communicate(timeout=RUN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Wrong(f"it hangs: {process.communicate()[0]}") from None
            if process.returncode == 0:
                return
            expect(self.faulty, f"after {self.kills} kills it fails: {text}")
        raise Wrong(f"after {self.kills} kills it never ends well: {text}")

    def compare_all(self):
        self.look()
        expect(self.known == set(self.objects), f"lost: {sorted(set(self.objects) - self.known)}")
        for name in self.objects:
            self.compare(name)
        scheme = self.target if self.target == "dir" else self.target + "d"
        listed = self.world.run("ls", "-r", self.world.address(scheme, "to/"), "-o", "json").count('"uri"')
        expect(listed == len(self.objects), f"ls shows {listed} objects of {len(self.objects)}")

    # ---- bytes that were sent, as the proxy counted them

    def sent_by_object(self):
        return {name: each.get(self.counted, 0) for name, each in self.counter.faults.counts()["objects"].items()}

    def sent(self):
        return sum(self.sent_by_object().values())

    def quarter(self, before, left):
        """1 to 4, "start" before the first byte, "end" when all bytes were sent."""
        moved = self.sent() - sum(before.values())
        if moved == 0:
            return "start"
        return "end" if moved >= left else str(1 + int(4 * moved / left))

    def needed(self):
        return sum(self.stored.values())

    def moving(self, before):
        """What a kill may cost at most: the small objects that were begun, and the parts that move at once."""
        begun = {name for name, sent in self.sent_by_object().items() if sent > before.get(name, 0)}
        missing = {name: len(data) for name, data in self.objects.items() if name not in self.known}
        small = sum(size for name, size in missing.items()
                    if size <= PART and any(each == "to/" + name or each.endswith("/to/" + name) for each in begun))
        if self.sealed:
            return int(small * SEALED_MORE) + SEALED_PARALLEL * SEALED_PART
        parts = sum(-(-size // PART) for size in missing.values() if size > PART)
        return small + min(PARTS_PARALLEL, parts) * PART

    def clean(self):
        self.world.no_faults()
        for store in (self.world.stores[self.source], self.store):
            if hasattr(store, "root"):
                shutil.rmtree(store.root, ignore_errors=True)
                store.root.mkdir(exist_ok=True)
            else:
                for name in store.all_names():
                    store.remove(name)


def judge_sent(trial, totals):
    """What was sent again, in words; the bound holds where no other fault made it more."""
    leg = f"{trial.source}->{trial.target}{' sealed' if trial.sealed else ''}"
    again = max(0, trial.sent() - trial.needed())
    if trial.kills and not trial.faulty:
        for what, number in (("kills", trial.kills), ("again", again), ("bound", trial.bound)):
            totals[what, leg] += number
    if trial.store.faults and not trial.faulty:
        overhead = trial.sent() * OVERHEAD_SHARE + (1 << 20)
        expect(again <= trial.bound + overhead,
               f"{again} bytes were sent again, at most {trial.bound} were moving at {trial.kills} kills")
    return (f"{leg} {trial.kills} kills{', other faults' if trial.faulty else ''}: sent again {again / PART:.2f} parts "
            f"({again / PART / max(1, trial.kills):.2f} a kill)"
            + (f", at most moving {trial.bound / PART:.2f}" if trial.store.faults else ""))


def run_trials(world, args):
    totals = collections.Counter()
    begun = time.monotonic()
    while totals["kills"] < args.kills and time.monotonic() < begun + args.seconds_max:
        number = totals["trials"]
        expect(number <= args.kills + 20, f"only {totals['kills']} kills came while it ran")
        leg = LEGS[(args.seed + number) % len(LEGS)]
        trial = Trial(world, args, leg, args.seed + number)
        started = time.monotonic()
        try:
            trial.run()
            line = judge_sent(trial, totals)
        except Wrong as wrong:
            print(f"trial {number} ({leg[0]}->{leg[1]}, --seed {args.seed + number}) FAILED: {wrong}", flush=True)
            return 1
        trial.clean()
        totals["trials"] += 1
        totals["kills"] += trial.kills
        totals.update({("quarter", name): count for name, count in trial.quarters.items()})
        print(f"trial {number} {time.monotonic() - started:.1f} s, {line}", flush=True)
    print_totals(totals)
    return 0


def print_totals(totals):
    quarters = " ".join(f"{name} {totals['quarter', name]}" for name in ("start", "1", "2", "3", "4", "end"))
    print(f"bytes sent when the kill came, by quarters of what was left: {quarters}")
    for leg in sorted("->".join(leg) + sealed for leg in LEGS for sealed in ("", " sealed")):
        if kills := totals["kills", leg]:
            print(f"  {leg:14} {kills:4} kills: sent again {totals['again', leg] / PART / kills:.2f} parts a kill"
                  + (f", at most moving {totals['bound', leg] / PART / kills:.2f}" if "->dir" not in leg else ""))
    print(f"{totals['trials']} trials, {totals['kills']} kills: 0 lost, 0 wrong, 0 half-written")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds-max", type=float, default=float(os.environ.get("TUTTI_SOAK_SECONDS", "inf")),
                        help="no trial is begun later (default: TUTTI_SOAK_SECONDS)")
    parser.add_argument("--small", type=int, default=100, help="objects of at most 20 kB (default %(default)s)")
    parser.add_argument("--large", type=int, default=2, help="large objects (default %(default)s)")
    parser.add_argument("--large-mib", type=int, nargs=2, default=(17, 36), help="their sizes (default %(default)s)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    args = parser.parse_args()
    args.tutti = args.tutti.resolve()
    with FaultWorld(args.tutti) as world:
        (world.folder / "key").write_text(base64.b64encode(KEY).decode())
        (world.folder / "key").chmod(0o600)
        return run_trials(world, args)


if __name__ == "__main__":
    sys.exit(main())
