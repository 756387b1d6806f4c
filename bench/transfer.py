#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Moves objects between folders and real servers on this machine, beside s5cmd, rclone and the aws CLI.

usage: bench/transfer.py [FIGURE...] [--tls] [--quick] [--rounds N] [--jsonl FILE]     (./dev bench transfer)

Figures: large, inside (copies a service makes by itself), small, sink (uploads to a service that drops them), memory
(listings of 2,000,000 keys), cloud (Azure to Google to S3); none: all. --tls: large and small by HTTPS, as lines that
begin with transfer.tls.
Contestants take turns in one run; medians of the rounds, minimum and maximum. Every object that arrived is compared;
of those that the sink dropped, number and sizes.
The others do not sync files, so theirs stands beside `durability: none`; lines that end in `.durable` sync in groups.
"""
import argparse
import contextlib
import pathlib
import signal
import sys
import tempfile

from transfer.contestants import ROOT
from transfer.figures import FIGURES, OVER_TLS, Bench
from transfer.report import Report
from transfer.world import World


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--jsonl", type=pathlib.Path)
    args = parser.parse_args()
    known = OVER_TLS if args.tls else tuple(FIGURES)
    if unknown := set(args.figures) - set(known):
        parser.error(f"no figure {' '.join(sorted(unknown))}; there are{' with --tls' if args.tls else ''}: {' '.join(known)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))  # the servers end and the folder goes
    rounds = args.rounds or (3 if args.quick else 5)
    where = "all on this machine, TLS" if args.tls else "all on this machine"
    report = Report(args.jsonl, f"{'small sizes' if args.quick else 'full sizes'}, {rounds} rounds, {where}", args.tls)
    for name in args.figures or known:
        with tempfile.TemporaryDirectory(prefix="tutti-bench.", dir=ROOT / "build") as folder, contextlib.ExitStack() as stack:
            FIGURES[name](Bench(World(pathlib.Path(folder), stack, args.tls), report, rounds, args.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
