# SPDX-License-Identifier: Apache-2.0
"""What a command costs: seconds, CPU seconds and the peak of its anonymous memory; and races of commands."""
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

SAMPLE_SECONDS = 0.02


@dataclass
class Cost:
    seconds: float
    cpu: float
    rss: int  # bytes of anonymous memory at its peak; files that are mapped do not count


class MemoryWatch(threading.Thread):
    """Samples a process until it ends. Its ru_maxrss would count what Python had at the fork."""

    def __init__(self, pid):
        super().__init__(daemon=True)  # an interrupted bench ends
        self.pid, self.peak = pid, 0
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self.sample())

    def sample(self):
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
                return next((int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:")), 0)
        except (FileNotFoundError, ProcessLookupError):
            return 0

    def finish(self):
        self.ended.set()
        self.join()
        return self.peak


def measure(command, world, output=os.devnull):
    """A command that fails ends the bench: it must not become a number."""
    said = world.folder / "stderr.txt"
    with open(output, "wb") as out, open(said, "wb") as errors:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=world.folder, env=world.env, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        watch = MemoryWatch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = watch.finish()
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: {said.read_text(errors='replace')[-800:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak)


def race(title, rounds, runners, limit=None):
    """runners: name -> function(round) -> Cost. Each round another one begins, so that nobody always runs behind
    the same one. `limit` gives a number each round. Returns the costs by name, and the limits."""
    costs, limits, names = {name: [] for name in runners}, [], list(runners)
    for number in range(rounds):
        for turn in range(len(names)):
            name = names[(number + turn) % len(names)]
            cost = runners[name](number)
            print(f"bench: {title}, round {number + 1}, {name}: {cost.seconds:.2f} s, CPU {cost.cpu:.2f} s", file=sys.stderr)
            costs[name].append(cost)
        if limit:
            limits.append(limit())
    return costs, limits


def median(values):
    return statistics.median(values)
