# SPDX-License-Identifier: Apache-2.0
"""How each program is told to move, list or compare. Each verifies and retries as it does by default; rclone is
spared the requests it would make to learn modification times and whether the bucket is there."""
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("TUTTI_DEPS", pathlib.Path.home() / ".cache/tutti/deps"))
TUTTI = ROOT / "build/release/tutti"
AWS = pathlib.Path("/usr/bin/aws")


def installed(name):
    """The program, and its name with the version, of tools/deps/peers, or full."""
    lists = [(ROOT / "tools/deps" / each).read_text(encoding="utf-8") for each in ("peers", "full")]
    for line in "\n".join(lists).splitlines():
        if line.startswith(name + " "):
            version = line.split()[1]
            program = DEPS / f"{name}-{version}/bin/{name}"
            if program.exists():
                return str(program), f"{name} {version.rsplit('-', 1)[0]}"
    sys.exit(f"bench: {name} is missing: run tools/setup --peers")


@dataclass(frozen=True)
class Place:
    """A folder in a store: `file` (below the bench's folder), or a server's name, whose keys begin with the bucket."""
    store: str
    path: str

    def below(self, name):
        return Place(self.store, f"{self.path}/{name}")


class Tutti:
    def __init__(self, durable=False):
        self.name = "tutti durable" if durable else "tutti"
        self.file = "" if durable else "none://"

    def address(self, place):
        return f"{self.file if place.store == 'file' else place.store + '://'}{place.path}/"

    def copy(self, source, target, *options):
        return [str(TUTTI), "cp", *options, self.address(source), self.address(target)]

    def list(self, place):
        return [str(TUTTI), "ls", "-r", self.address(place)]

    def count(self, place):
        return [str(TUTTI), "du", self.address(place)]

    def compare(self, left, right):
        return [str(TUTTI), "sync", "--dry-run", "--size-only", self.address(left), self.address(right)]


class S5cmd:
    def __init__(self, world):
        self.program, self.name = installed("s5cmd")
        self.world = world

    def command(self, store, *words):
        return [self.program, "--endpoint-url", self.world.urls[store], *words]

    def address(self, place, glob=""):
        return f"{'' if place.store == 'file' else 's3://'}{place.path}/{glob}"

    def copy(self, source, target):
        store = source.store if target.store == "file" else target.store
        return self.command(store, "--log", "error", "cp", self.address(source, "*"), self.address(target))

    def list(self, place):
        return self.command(place.store, "ls", self.address(place, "*"))

    def count(self, place):
        return self.command(place.store, "du", self.address(place, "*"))

    def compare(self, left, right):
        return self.command(left.store, "--dry-run", "sync", "--size-only", self.address(left, "*"), self.address(right))


class Rclone:
    def __init__(self, transfers):
        self.program, self.name = installed("rclone")
        self.many = ["--transfers", str(transfers), "--checkers", str(transfers)]

    def address(self, place):
        return place.path if place.store == "file" else f"{place.store}:{place.path}"

    def copy(self, source, target):
        return [self.program, "copy", "--use-server-modtime", *self.many, self.address(source), self.address(target)]

    def list(self, place):
        return [self.program, "lsf", "-R", "--files-only", "--fast-list", self.address(place)]

    def count(self, place):
        return [self.program, "size", "--fast-list", self.address(place)]

    def compare(self, left, right):
        return [self.program, "copy", "--dry-run", "--size-only", "--use-server-modtime", self.address(left), self.address(right)]


class AwsCli:
    """Its CRT client asks at port 80, or 443, whatever the URL says, so it takes part only where a server stands there."""

    def __init__(self, world):
        self.world = world
        self.name = f"aws {subprocess.check_output([AWS, '--version'], text=True).split()[0].split('/')[1]} (CRT)"

    @staticmethod
    def can(world):
        return AWS.exists() and world.urls["s3"] in ("http://127.0.0.1", "https://127.0.0.1")

    def address(self, place):
        return f"{'' if place.store == 'file' else 's3://'}{place.path}/"

    def copy(self, source, target):
        return [str(AWS), "--endpoint-url", self.world.urls["s3"], "s3", "cp", "--recursive", "--only-show-errors",
                self.address(source), self.address(target)]
