#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Objects that are compressed and encrypted on their way, on real servers: S3, Google Cloud Storage, Azure.

Run under tests/servers/with_servers.py, which starts them and says where they are.
"""
import base64
import gzip
import hmac
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from clouds_test import World  # noqa: E402
from project import Project, expect, test_main  # noqa: E402

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()


class Keyed(World):
    """With keys in files and in a secret, and files that compress."""

    def __init__(self, tutti):
        super().__init__(tutti)
        for name, key in (("key", KEY), ("other", OTHER)):
            path = self.write(name, key.encode() + b"\n")
            path.chmod(0o600)
        settings = self.folder / "tutti.yaml"
        settings.write_text(settings.read_text().replace("secrets: {", "secrets: {data_key: {env: TEST_DATA_KEY}, "))
        self.env["TEST_DATA_KEY"] = KEY

    def __exit__(self, *how):
        for owner in Project.owners(self):
            os.kill(owner, signal.SIGTERM)
        super().__exit__(*how)

    def make_files(self):
        numbers = random.Random(3)
        for name, size in (("a.csv", 10), ("b b.csv", 70_000), ("d/e.txt", 0), ("d/f\u00fc.bin", 2_000_000),
                           ("big.bin", 20_000_000)):
            self.write(f"in/{name}", bytes(numbers.choices(b"0123456789abcdef", k=size)))

    def buckets(self):
        found = [f"{name}://{self.bucket}/" for name in ("s3", "gs", "az")]
        for bucket in found:
            self.run("mb", bucket)
        return found


def sealed_around_the_clouds(tutti):
    """Sealed into S3, Google and Azure, proven there without the key, and back: equal."""
    with Keyed(tutti) as world:
        world.make_files()
        for bucket in world.buckets():
            world.run("cp", "in/", bucket, "--compress", "zstd", "--encrypt", "aes-256-gcm", "--key-file", "key",
                      "--manifest", "sent.jsonl")
            names = world.names(bucket)
            expect(sorted(names) == sorted(["a.csv.zst.tgcm", "b b.csv.zst.tgcm", "d/e.txt.zst.tgcm",
                                            "d/f\u00fc.bin.zst.tgcm", "big.bin.zst.tgcm"]), f"{bucket}: {names}")
            expect(names["big.bin.zst.tgcm"] < 12_000_000, f"{bucket}: not compressed: {names}")
            lines = {each["to"]["key"].rpartition("/")[2]: each for each in
                     map(json.loads, (world.folder / "sent.jsonl").read_text().splitlines())}
            big = lines["big.bin.zst.tgcm"]
            expect(big["stages"] == ["zstd", "aes-256-gcm"] and big["source_bytes"] == 20_000_000
                   and big["bytes"] == names["big.bin.zst.tgcm"], big)
            proven = json.loads(world.run("verify", "sent.jsonl", "-o", "json"))
            expect(proven["proven"] == 5 and not proven["different"], f"{bucket}: {proven}")
            expect("5 objects" in world.run("cp", bucket, "out/", "--decrypt", "--decompress", "--key-secret", "data_key"), bucket)
            world.same("in", "out")
            shutil.rmtree(world.folder / "out")


def others_read_it(tutti):
    """gzip is read by Python, zstd by its program where it is installed; what they write is read by Tutti."""
    with Keyed(tutti) as world:
        world.make_files()
        s3 = world.buckets()[0]
        world.run("cp", "in/", s3 + "gz/", "--compress", "gzip:9")
        world.run("cp", s3 + "gz/", "gz/")
        for path in (world.folder / "in").rglob("*"):
            if path.is_file():
                packed = world.folder / "gz" / (str(path.relative_to(world.folder / "in")) + ".gz")
                expect(gzip.decompress(packed.read_bytes()) == path.read_bytes(), f"{packed} is another file")
        world.write("made/two.gz", gzip.compress(b"one ") + gzip.compress(b"two"))
        world.run("cp", "made/two.gz", "made/two.txt", "--decompress")
        expect((world.folder / "made/two.txt").read_bytes() == b"one two", "two members")
        world.write("made/garbage.gz", gzip.compress(b"one") + b"garbage")
        text = world.run("cp", "made/garbage.gz", "made/garbage", "--decompress", status=1)
        expect("something else than gzip begins at byte" in text, text)
        expect(not (world.folder / "made/garbage").exists(), "damage became visible")
        if shutil.which("zstd"):
            world.run("cp", "in/", "zst/", "--compress", "zstd:7")
            plain = subprocess.run(["zstd", "-dc", world.folder / "zst/big.bin.zst"], stdout=subprocess.PIPE, check=True).stdout
            expect(plain == (world.folder / "in/big.bin").read_bytes(), "zstd -d reads another file")


def fernet_of_others(tutti):
    """A token is what the specification says, by Python's HMAC and openssl's AES."""
    with Keyed(tutti) as world:
        world.write("in/a", b"hello " * 1000)
        world.run("cp", "in/a", "token", "--encrypt", "fernet", "--key-file", "key")
        token = base64.urlsafe_b64decode((world.folder / "token").read_bytes())
        key = base64.b64decode(KEY)
        expect(token[0] == 0x80, token[:1])
        expect(hmac.digest(key[:16], token[:-32], "sha256") == token[-32:], "the HMAC")
        plain = subprocess.run(["openssl", "enc", "-d", "-aes-128-cbc", "-K", key[16:].hex(), "-iv", token[9:25].hex()],
                               input=token[25:-32], stdout=subprocess.PIPE, check=True).stdout
        expect(plain == b"hello " * 1000, "the plain text")
        again = world.run("cp", "in/a", "token2", "--encrypt", "fernet", "--key-file", "key")
        expect((world.folder / "token").read_bytes() != (world.folder / "token2").read_bytes(), f"the same IV: {again}")


def keys_that_do_not_fit(tutti):
    with Keyed(tutti) as world:
        world.write("in/a", b"hello " * 1000)
        seal = ("cp", "in/a", "sealed", "--encrypt", "aes-256-gcm")
        world.run(*seal, "--key-file", "key")
        text = world.run("cp", "sealed", "out", "--decrypt", "--key-file", "other", status=4)
        expect("encrypted with the key of id c6bea2d8a6c46c13" in text and OTHER not in text, text)
        expect(not (world.folder / "out").exists(), "something became visible")
        for arguments, says in (((), "need a key"), (("--key-file", "key", "--key-secret", "data_key"), "two keys"),
                                (("--key-secret", "none"), "no secret 'none' is declared"),
                                (("--key-file", "in/none"), "it does not exist")):
            text = world.run(*seal, *arguments, status=2)
            expect(says in text, text)
        world.write("short", b"abcdefgh").chmod(0o600)
        text = world.run(*seal, "--key-file", "short", status=2)
        expect("not 32 bytes" in text and "abcdefgh" not in text, text)
        (world.folder / "key").chmod(0o644)
        text = world.run(*seal, "--key-file", "key", status=4)
        expect("others may read the file" in text and "chmod 600" in text, text)
        text = world.run("cp", "in/a", "b", "--compress", "gzip", "--if-exists", "verify", status=2)
        expect("skip leaves what is there" in text, text)
        text = world.run("cp", "in/a", "b", "--compress", "lzma", status=2)
        expect("write zstd or gzip" in text, text)


WORKFLOW = """
workflow: w
tasks:
  out: {uses: copy, with: {from: "{s3}in/", to: "{s3}sealed/", compress: zstd, encrypt: {with: fernet, secret: data_key}}}
  back: {needs: out, uses: copy, with: {from: "{s3}sealed/", to: "{s3}back/", decrypt: {secret: data_key}, decompress: true}}
"""


def in_a_workflow(tutti):
    with Keyed(tutti) as world:
        world.make_files()
        s3 = world.buckets()[0]
        world.run("cp", "in/", s3 + "in/")
        world.write("workflows/w.yaml", WORKFLOW.replace("{s3}", s3).encode())
        text = world.run("validate") + world.run("plan", "w") + world.run("run", "w") + world.run("logs")
        expect(KEY not in text, "the key was shown")
        expect("a.csv.zst.fernet" in world.names(s3 + "sealed/"), world.names(s3 + "sealed/"))
        world.run("cp", s3 + "back/", "back/")
        world.same("in", "back")


TESTS = [
    ("compressed and encrypted, in three clouds and back", sealed_around_the_clouds),
    ("read by others, and what others wrote", others_read_it),
    ("fernet by other programs", fernet_of_others),
    ("keys that do not fit", keys_that_do_not_fit),
    ("in a workflow", in_a_workflow),
]


if __name__ == "__main__":
    sys.exit(test_main(__doc__, TESTS))
