# SPDX-License-Identifier: Apache-2.0
"""Published numbers in the form of bench/figure.h: a table for people, JSON Lines for programs."""
import json
import os
import pathlib
import platform

from .measure import busy_servers, median

MB, GB = 1e6, 1e9


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    model = next((line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def spread(values):
    return f"{median(values):.4g} ({min(values):.4g}-{max(values):.4g})"


class Report:
    def __init__(self, jsonl, note, tls=False):
        self.jsonl, self.note = jsonl, note
        self.family = "transfer.tls" if tls else "transfer"

    def add(self, name, unit, ours, peers, limit=None, target=""):
        """limit: (what, values)."""
        print(f"{name:<36} {unit:>14}  {spread(ours)}{f'  (target {target})' if target else ''}")
        for peer, values in peers.items():
            print(f"  {peer:<49}  {spread(values)}  ours/peer {median(ours) / max(median(values), 1e-9):.2f}")
        if limit:
            print(f"  limit: {limit[0]:<42}  {spread(limit[1])}  ours/limit {median(ours) / median(limit[1]):.2f}")
        print(end="", flush=True)
        self.append({"figure": name, "unit": unit, "ours": ours, "peers": peers,
                     **({"limit": {"what": limit[0], "values": limit[1]}} if limit else {}),
                     "target": target, "note": self.note, "machine": machine(),
                     "commit": os.environ.get("TUTTI_COMMIT", "unknown"), "seed": 1})

    def append(self, line):
        if self.jsonl:
            with open(self.jsonl, "a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")

    def costs(self, figure, way, costs, sample, targets, limit=None):
        """The rate, CPU and memory of one race: figure is `large` or `small`, way is `down` with its variants.
        Large ones are counted in bytes, small ones in objects. `tutti durable`, where it ran, has lines of its own."""
        peers = {name: rows for name, rows in costs.items() if not name.startswith("tutti")}
        if figure == "large":
            rate_unit, cpu_unit, rate_amount, cpu_amount = "MB/s", "CPU-s/GB", sample.bytes / MB, sample.bytes / GB
        else:
            rate_unit, cpu_unit, rate_amount, cpu_amount = "objects/s", "CPU-s/10,000", sample.count, sample.count / 10_000
        views = [(f"{self.family}.{figure}_{way}", rate_unit, lambda cost: rate_amount / cost.seconds, targets.get("rate", "")),
                 (f"{self.family}.{figure}_cpu.{way}", cpu_unit, lambda cost: cost.cpu / cpu_amount, targets.get("cpu", "")),
                 (f"{self.family}.{figure}_rss.{way}", "MiB", lambda cost: cost.rss / (1 << 20), targets.get("rss", ""))]
        for ours, suffix in (("tutti", ""), ("tutti durable", ".durable")):
            for name, unit, view, target in views if ours in costs else []:
                self.add(name + suffix, unit, [view(cost) for cost in costs[ours]],
                         {peer: [view(cost) for cost in rows] for peer, rows in peers.items()},
                         (limit or busy_servers(rate_amount, costs[ours])) if unit == rate_unit else None, target)
