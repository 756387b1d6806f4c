# SPDX-License-Identifier: Apache-2.0
"""What a command costs: seconds, CPU seconds and the peak of its anonymous memory; and races of commands."""
import contextlib
import os
import pathlib
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
    servers: float  # CPU seconds of the servers meanwhile


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


def servers_cpu():
    """CPU seconds of everything that was started here and still runs."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            found[int(stat.parent.name)] = (int(words[1]), int(words[11]) + int(words[12]))

    def is_below(pid):
        while pid in found and pid != os.getpid():
            pid = found[pid][0]
        return pid == os.getpid()
    return sum(ticks for pid, (parent, ticks) in found.items() if is_below(parent)) / os.sysconf("SC_CLK_TCK")


def measure(command, world, output=os.devnull):
    """A command that fails ends the bench: it must not become a number."""
    said = world.folder / "stderr.txt"
    with open(output, "wb") as out, open(said, "wb") as errors:
        before = servers_cpu()
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=world.folder, env=world.env, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        watch = MemoryWatch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = watch.finish()
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: {said.read_text(errors='replace')[-800:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak, servers_cpu() - before)


def race(title, rounds, runners, limit=None):
    """runners: name -> function(round) -> Cost. Each round another one begins, so that nobody always runs behind
    the same one. `limit` gives a number each round. Returns the costs by name, and the limits."""
    costs, limits, names = {name: [] for name in runners}, [], list(runners)
    for number in range(rounds):
        for turn in range(len(names)):
            name = names[(number + turn) % len(names)]
            cost = runners[name](number)
            print(f"bench: {title}, round {number + 1}, {name}: {cost.seconds:.2f} s, CPU {cost.cpu:.2f} s, of the servers {cost.servers:.2f} s", file=sys.stderr)
            costs[name].append(cost)
        if limit:
            limits.append(limit())
    return costs, limits


def busy_servers(amount, costs):
    """A limit where wrk can ask for none: were all cores the servers', which then do just what they did."""
    return "all cores to the servers", [amount * os.cpu_count() / max(cost.servers, 1e-9) for cost in costs]


def median(values):
    return statistics.median(values)
