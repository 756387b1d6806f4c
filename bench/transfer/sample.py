# SPDX-License-Identifier: Apache-2.0
"""Objects to be moved, and whether what came back is them."""
import hashlib
import os
import random
import shutil
import struct
import sys

PIECE = 4 << 20


class Sample:
    """COUNT files of SIZE bytes, all different. Their digests stay when the files are gone."""

    def __init__(self, name, count, size):
        self.name, self.count, self.size, self.bytes = name, count, size, count * size
        self.digests = {}

    def write(self, folder):
        folder.mkdir(parents=True)
        noise = random.Random(1).randbytes(PIECE)
        for number in range(self.count):
            digest, name = hashlib.sha256(), f"{number:06}"
            with open(folder / name, "wb") as out:
                for start in range(0, self.size, PIECE):
                    piece = (struct.pack("<QQ", number, start) + noise[16:])[:self.size - start]
                    digest.update(piece)
                    out.write(piece)
                settle(out)
            self.digests[name] = digest.hexdigest()
        return folder

    def settle(self, folder):
        for name in self.digests:
            with open(folder / name, "rb+") as file:
                settle(file)

    def check(self, folder):
        found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        wrong = [name for name, digest in self.digests.items() if name not in found or sha256(folder / name) != digest]
        if wrong or len(found) != self.count:
            sys.exit(f"bench: {folder} has {len(found)} objects, {self.count} are due; missing or different: {wrong[:3]}")


def settle(file):
    """Large files are brought to disk at once, so that nobody who is measured waits for it later."""
    file.flush()
    if os.fstat(file.fileno()).st_size >= PIECE:
        os.fsync(file.fileno())


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Leftovers:
    """Copies that were checked. ext4 searches long for free inodes when thousands were just removed, so those of many
    files stay until they have LIMIT bytes; a few large ones go at once, before they reach the disk."""
    LIMIT = 4 << 30

    def __init__(self):
        self.folders, self.bytes = [], 0

    def add(self, folder, sample):
        self.folders.append(folder)
        self.bytes += sample.bytes
        if sample.count <= 100 or self.bytes > self.LIMIT:
            self.clear()

    def clear(self):
        for folder in self.folders:
            shutil.rmtree(folder)
        self.folders, self.bytes = [], 0
