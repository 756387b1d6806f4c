# SPDX-License-Identifier: Apache-2.0
"""The figures: what is moved or listed, from where to where, and who takes part."""
import math
import os
import sys
from dataclasses import dataclass

from . import origin
from .contestants import TUTTI, AwsCli, Place, Rclone, S5cmd, Tutti
from .measure import Cost, busy_servers, measure, race
from .report import MB
from .sample import Sample

MIB = 1 << 20
OURS = [Tutti(), Tutti(durable=True)]
FEW, MANY = 8, 64  # what rclone moves side by side


@dataclass
class Bench:
    world: object
    report: object
    rounds: int
    quick: bool

    def size(self, full, quick):
        return quick if self.quick else full


def in_store(bench, sample, store="s3"):
    """The sample as objects of a server, put there by Tutti and compared."""
    world = bench.world
    world.start(store)
    place = world.make_bucket(TUTTI, store).below(sample.name)
    local = Place("file", f"put/{sample.name}")
    sample.write(world.on_disk(local))
    measure(Tutti().copy(local, place, "--manifest", f"{sample.name}.jsonl"), world)
    if world.on_disk(place).exists():
        sample.check(world.on_disk(place))
        sample.settle(world.on_disk(place))
    world.leftovers.add(world.on_disk(local), sample)
    return place


def move(bench, sample, contestants, source, target, limit=None):
    """Everyone copies source to a place of its own below target, each round anew."""
    world = bench.world

    def runner(contestant):
        def run(number):
            place = target.below(f"{sample.name}-{contestant.name.replace(' ', '-')}-{number}")
            cost = measure(contestant.copy(source, place), world)
            world.check_arrived(place, sample)
            return cost
        return run
    return race(f"{sample.name} to {target.store}", bench.rounds, {each.name: runner(each) for each in contestants}, limit)


def large(bench):
    world = bench.world
    world.start("s3", "other")
    aws = [AwsCli(world)] if AwsCli.can(world) else []
    if not aws:
        print("bench: without the aws CLI: it is not installed, or port 80 (with --tls: 443) of this machine is taken", file=sys.stderr)
    peers = [S5cmd(world), Rclone(FEW), *aws]
    targets = {"rate": ">= 1.25 x the fastest peer", "cpu": "<= 1/3 of s5cmd and rclone", "rss": "<= 32"}

    sample = Sample("large", 8, bench.size(512, 64) * MIB)
    source = in_store(bench, sample)
    bench.report.costs("large", "down", move(bench, sample, [*OURS, *peers], source, Place("file", "out"))[0], sample, targets)

    sample = Sample("large-up", 8, bench.size(128, 32) * MIB)
    local = Place("file", "large-up")
    sample.write(world.on_disk(local))
    bucket = world.make_bucket(TUTTI, "s3")
    bench.report.costs("large", "up", move(bench, sample, [Tutti(), *peers], local, bucket)[0], sample, targets)

    source = in_store(bench, sample)
    bucket = world.make_bucket(TUTTI, "other")
    bench.report.costs("large", "copy", move(bench, sample, [Tutti(), Rclone(FEW)], source, bucket)[0], sample, targets)


def inside(bench):
    """Copies between two buckets of one service, which makes them by itself."""
    world = bench.world
    world.start("s3")
    aws = [AwsCli(world)] if AwsCli.can(world) else []
    sample = Sample("inside", 8, bench.size(128, 32) * MIB)
    source = in_store(bench, sample)
    costs, _ = move(bench, sample, [Tutti(), S5cmd(world), Rclone(FEW), *aws], source, world.make_bucket(TUTTI, "s3"))
    bench.report.costs("large", "inside", costs, sample, {"rss": "<= 32"})


SMALL_TARGETS = {"rate": ">= 3 x s5cmd", "cpu": "<= 1/3 of s5cmd", "rss": "<= 32"}


def small(bench):
    world = bench.world
    world.start("s3")
    for suffix, size, down, up in (("", 4096, bench.size(50_000, 5000), bench.size(50_000, 2000)),
                                   (".1mib", MIB, bench.size(10_000, 500), bench.size(2000, 200))):
        small_down(bench, Sample(f"small{suffix.replace('.', '-')}", down, size), suffix)
        small_up(bench, Sample(f"small-up{suffix.replace('.', '-')}", up, size), suffix)
    client_limit(bench, Sample("origin", bench.size(50_000, 5000), 4096))


def small_down(bench, sample, suffix):
    world = bench.world
    source = in_store(bench, sample)
    world.publish_bucket("s3")

    def limit():
        return origin.wrk(world, source, sample, bench.size(5, 2))
    costs, limits = move(bench, sample, [*OURS, S5cmd(world), Rclone(MANY)], source, Place("file", "out"), limit)
    bench.report.costs("small", f"down{suffix}", costs, sample, SMALL_TARGETS, ("wrk, bare GET", limits))
    command = [str(TUTTI), "verify", f"{sample.name}.jsonl"]
    costs, limits = race(f"{sample.name} verified", bench.rounds, {"tutti": lambda _: measure(command, world)}, limit)
    bench.report.costs("small", f"verify{suffix}", costs, sample, {**SMALL_TARGETS, "rate": ">= 0.8 x wrk"}, ("wrk, bare GET", limits))


def small_up(bench, sample, suffix):
    world, local = bench.world, Place("file", sample.name)
    sample.write(world.on_disk(local))
    costs, _ = move(bench, sample, [Tutti(), S5cmd(world), Rclone(MANY)], local, world.make_bucket(TUTTI, "s3"))
    bench.report.costs("small", f"up{suffix}", costs, sample, SMALL_TARGETS)


def client_limit(bench, sample):
    """An origin that costs little: what is left is the client."""
    world = bench.world
    world.start("origin")
    source = Place("origin", f"bench/{sample.name}")
    sample.write(world.folder / "servers/origin/objects" / source.path)
    origin.write_pages(world, sample, sample.name)
    costs, limits = move(bench, sample, [Tutti(), S5cmd(world)], source, Place("file", "out"),
                         lambda: origin.wrk(world, source, sample, bench.size(5, 2)))
    bench.report.costs("small", "down.client_limit", costs, sample, SMALL_TARGETS, ("wrk, bare GET from nginx", limits))


def sink(bench):
    """A service for uploads that costs little: what is left is the client."""
    world = bench.world
    world.start("sink")
    bucket = world.make_bucket(TUTTI, "sink")
    for suffix, size, count in (("", 4096, bench.size(50_000, 5000)), (".1mib", MIB, bench.size(4000, 500))):
        sample, local = Sample(f"sink{suffix.replace('.', '-')}", count, size), Place("file", f"sink{suffix}")
        sample.write(world.on_disk(local))
        costs, limits = move(bench, sample, [Tutti(), S5cmd(world), Rclone(MANY)], local, bucket,
                             lambda size=size: origin.wrk_put(world, bucket, size, bench.size(5, 2)))
        bench.report.costs("sink", f"up{suffix}", costs, sample, SMALL_TARGETS, ("wrk, bare PUT", limits))


def memory(bench):
    """Listings alone; the peaks of transfers stand with `large` and `small`."""
    world = bench.world
    count = bench.size(2_000_000, 200_000)
    os.environ["BENCH_KEYS"] = str(count)
    world.start("keys")
    left, right = Place("keys", "left/data"), Place("keys", "right/data")
    contestants = [Tutti(), S5cmd(world), Rclone(MANY)]
    differing = math.ceil(count / 100_000)
    for name, command, seen in (("list", lambda each: each.list(left), count),
                                ("du", lambda each: each.count(left), None),
                                ("sync", lambda each: each.compare(left, right), differing)):
        costs, _ = race(name, bench.rounds, {each.name: listing(world, command(each), seen, count) for each in contestants})
        peers = [each for each in costs if each != "tutti"]
        for figure, unit, view, target in ((f"transfer.{name}_2m_rss", "MiB", lambda cost: cost.rss / MIB, "<= 64"),
                                           (f"transfer.{name}_2m", "keys/s", lambda cost: count / cost.seconds, ""),
                                           (f"transfer.{name}_2m_cpu", "CPU-s/1,000,000", lambda cost: cost.cpu / count * 1e6, "")):
            bench.report.add(figure, unit, [view(cost) for cost in costs["tutti"]],
                             {peer: [view(cost) for cost in costs[peer]] for peer in peers}, None, target)


def listing(world, command, seen, count):
    """What is said is counted: a line for each key that is to be seen, or their number; else the number of all."""
    def run(_):
        output = world.folder / "listing.txt"
        cost = measure(command, world, output)
        said = output.read_bytes() + (world.folder / "stderr.txt").read_bytes()
        digits = said.replace(b",", b"").replace(b" ", b"")
        lines_or_number = seen and (said.count(b"\n") >= seen or f"copy {seen} objects".encode() in said)
        if not (lines_or_number if seen else str(count).encode() in digits):
            sys.exit(f"bench: {' '.join(command)} said {said[-300:]}, not {seen or count} keys")
        return cost
    return run


def cloud(bench):
    """Azure to Google to S3, each leg a command of its own; what arrived is compared."""
    bench.world.start("az", "gs", "s3")
    targets = {"rate": ">= 1.25 x the fastest peer", "rss": "<= 32"}
    sample = Sample("cloud", bench.size(48, 6), 32 * MIB)
    around(bench, sample, FEW, "transfer.cross_cloud", "MB/s", sample.bytes / MB, targets)
    sample = Sample("cloud-small", bench.size(20_000, 500), 4096)
    around(bench, sample, MANY, "transfer.cross_cloud.small", "objects/s", sample.count, {**targets, "rate": ">= 3 x the fastest peer"})


def around(bench, sample, side_by_side, figure, unit, amount, targets):
    world = bench.world
    source = in_store(bench, sample, "az")
    middle, end = world.make_bucket(TUTTI, "gs"), world.make_bucket(TUTTI, "s3")

    def runner(contestant):
        def run(number):
            name = f"{sample.name}-{contestant.name.replace(' ', '-')}-{number}"
            legs = [measure(contestant.copy(source, middle.below(name)), world),
                    measure(contestant.copy(middle.below(name), end.below(name)), world)]
            sample.check(world.on_disk(end.below(name)))
            world.leftovers.add(world.on_disk(end.below(name)), sample)
            measure([str(TUTTI), "rm", "--yes", "--max", str(sample.count), f"gs://{middle.below(name).path}/"], world)
            return Cost(sum(leg.seconds for leg in legs), sum(leg.cpu for leg in legs), max(leg.rss for leg in legs),
                        sum(leg.servers for leg in legs))
        return run
    costs, _ = race(sample.name, bench.rounds, {each.name: runner(each) for each in (Tutti(), Rclone(side_by_side))})
    peers = [each for each in costs if each != "tutti"]
    for name, its_unit, view, target in ((figure, unit, lambda cost: amount / cost.seconds, targets["rate"]),
                                         (f"{figure}_cpu", "CPU-s", lambda cost: cost.cpu, ""),
                                         (f"{figure}_rss", "MiB", lambda cost: cost.rss / MIB, targets["rss"])):
        bench.report.add(name, its_unit, [view(cost) for cost in costs["tutti"]],
                         {peer: [view(cost) for cost in costs[peer]] for peer in peers},
                         busy_servers(amount, costs["tutti"]) if unit == its_unit else None, target)


OVER_TLS = ("large", "small")
FIGURES = {"large": large, "inside": inside, "small": small, "sink": sink, "memory": memory, "cloud": cloud}
