#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Moves objects between folders and real servers on this machine, beside s5cmd, rclone and the aws CLI.

usage: bench/transfer.py [FIGURE...] [--quick] [--rounds N] [--jsonl FILE]     (./dev bench transfer)

Figures: large, small, memory (listings of 2,000,000 keys), cloud (Azure to Google to S3); none: all.
Contestants take turns in one run; medians of the rounds, minimum and maximum. Every object that arrived is compared.
The others do not sync files, so theirs stands beside `durability: none`; lines that end in `.durable` sync in groups.
"""
import argparse
import contextlib
import pathlib
import signal
import sys
import tempfile

from transfer.contestants import ROOT
from transfer.figures import FIGURES, Bench
from transfer.report import Report
from transfer.world import World


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--jsonl", type=pathlib.Path)
    args = parser.parse_args()
    if unknown := set(args.figures) - set(FIGURES):
        parser.error(f"no figure {' '.join(sorted(unknown))}; there are: {' '.join(FIGURES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))  # the servers end and the folder goes
    rounds = args.rounds or (3 if args.quick else 5)
    report = Report(args.jsonl, f"{'small sizes' if args.quick else 'full sizes'}, {rounds} rounds, all on this machine")
    for name in args.figures or FIGURES:
        with tempfile.TemporaryDirectory(prefix="tutti-bench.", dir=ROOT / "build") as folder, contextlib.ExitStack() as stack:
            FIGURES[name](Bench(World(pathlib.Path(folder), stack), report, rounds, args.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
