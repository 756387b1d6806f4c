# SPDX-License-Identifier: Apache-2.0
"""A project whose stores stand behind fault proxies, and the same stores seen without Tutti and without a proxy.

For tests that run under `with_servers.py proxy:versitygw proxy:strict_gcs proxy:azurite --`. Connections: s3, gs and az
go through the proxies, s3d, gsd and azd do not.
"""
import base64
import email.utils
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "process"), str(TESTS / "fakes/fault_proxy"), str(TESTS / "servers")]
from faults import Faults  # noqa: E402
from project import expect  # noqa: E402
from with_servers import AZURITE_KEY  # noqa: E402

SETTINGS = """
project: faults
secrets: {{s3_key: {{env: TEST_S3_KEY}}, az_key: {{env: TEST_AZ_KEY}}}}
profiles:
  faults:
    sandbox: true
    connections:
      s3: {{type: s3, endpoint: "{TUTTI_TEST_S3}", auth: {{secret: s3_key}}, patience: 5s}}
      s3d: {{type: s3, endpoint: "{TUTTI_DIRECT_S3}", auth: {{secret: s3_key}}}}
      gs: {{type: gcs, endpoint: "{TUTTI_TEST_STRICT_GCS}", auth: none, patience: 5s}}
      gsd: {{type: gcs, endpoint: "{TUTTI_DIRECT_STRICT_GCS}", auth: none}}
      az: {{type: azure, endpoint: "{TUTTI_TEST_AZURE}", access_key: {{secret: az_key}}, patience: 5s}}
      azd: {{type: azure, endpoint: "{TUTTI_DIRECT_AZURE}", access_key: {{secret: az_key}}}}
      dir: {{type: local, root: dir}}
"""
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
INNER = re.compile(r"(^|/)\.(tutti|sgwtmp)")  # parts and unfinished files, which no listing shows


def reply_or_none(request):
    """None: the server knows no such thing."""
    try:
        with OPENER.open(request, timeout=60) as reply:
            return reply.read()
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return None


def flip_in_file(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


class Folder:
    """A folder as a store, and the bucket of versitygw, which is one."""

    def __init__(self, root, scheme="dir", faults=None):
        self.root, self.scheme, self.faults = root, scheme, faults

    def read(self, key):
        path = self.root / key
        return path.read_bytes() if path.is_file() else None

    def names(self):
        found = set()
        for folder, folders, files in os.walk(self.root):  # which does not mind what goes meanwhile
            folders[:] = [each for each in folders if not INNER.search(each)]
            found |= {str((pathlib.Path(folder) / each).relative_to(self.root)) for each in files}
        return {name for name in found if not INNER.search(name)}

    def remove(self, key):
        (self.root / key).unlink(missing_ok=True)

    def damage(self, key, at):
        flip_in_file(self.root / key, at)

    def body_of_reply(self, key):
        """What the requests for bytes of an object look like to the proxy."""
        return f"^GET .*/{re.escape(key)}(\\?|$)"

    def body_of_request(self):
        return "^(PUT|POST) "

    def part(self):
        return "^PUT .*partNumber"


class Google:
    """The strict fake."""
    scheme = "gs"

    def __init__(self, bucket):
        self.bucket, self.url = bucket, os.environ["TUTTI_DIRECT_STRICT_GCS"]
        self.faults = Faults(os.environ["TUTTI_PROXY_STRICT_GCS"])

    def ask(self, path, method="GET", told=None):
        request = urllib.request.Request(self.url + path, method=method, data=told and json.dumps(told).encode())
        return reply_or_none(request)

    def place(self, key):
        return f"/storage/v1/b/{self.bucket}/o/{urllib.parse.quote(key, safe='')}"

    def read(self, key):
        return self.ask(self.place(key) + "?alt=media")

    def all_names(self):
        names, token = set(), None
        while token != "":
            query = "?pageToken=" + urllib.parse.quote(token) if token else ""
            page = json.loads(self.ask(f"/storage/v1/b/{self.bucket}/o{query}"))
            names |= {item["name"] for item in page.get("items", [])}
            token = page.get("nextPageToken", "")
        return names

    def names(self):
        return {name for name in self.all_names() if not INNER.search(name)}

    def remove(self, key):
        self.ask(self.place(key), "DELETE")

    def damage(self, key, at):
        self.ask("/_control", "POST", {"damage": {"bucket": self.bucket, "name": key, "at": at}})

    def body_of_reply(self, key):
        return f"^GET .*/{re.escape(key)}\\?.*alt=media"

    def body_of_request(self):
        return "^(PUT|POST) "

    def part(self):
        return "^PUT .*upload_id"


class Azure:
    """Azurite."""
    scheme = "az"

    def __init__(self, bucket):
        self.bucket, self.url = bucket, os.environ["TUTTI_DIRECT_AZURE"]
        self.disk = pathlib.Path(os.environ["TUTTI_DISK_AZURE"])
        self.faults = Faults(os.environ["TUTTI_PROXY_AZURE"])

    def ask(self, path, method="GET", query=()):
        date = email.utils.formatdate(usegmt=True)
        account = urllib.parse.urlsplit(self.url).path
        resource = "".join(f"\n{name}:{value}" for name, value in sorted(query))
        signed = f"{method}" + 12 * "\n" + f"x-ms-date:{date}\nx-ms-version:2021-08-06\n{account}{account}{path}{resource}"
        mark = base64.b64encode(hmac.digest(base64.b64decode(AZURITE_KEY), signed.encode(), hashlib.sha256)).decode()
        request = urllib.request.Request(
            f"{self.url}{path}?{urllib.parse.urlencode(query)}" if query else self.url + path, method=method,
            headers={"x-ms-date": date, "x-ms-version": "2021-08-06",
                     "Authorization": f"SharedKey {account[1:]}:{mark}"})
        return reply_or_none(request)

    def read(self, key):
        return self.ask(f"/{self.bucket}/{urllib.parse.quote(key)}")

    def names(self):
        names, marker = set(), ""
        while marker is not None:
            page = xml.etree.ElementTree.fromstring(self.ask(f"/{self.bucket}", query=[
                ("comp", "list"), ("restype", "container"), *([("marker", marker)] if marker else [])]))
            names |= {each.text for each in page.iter("Name")}
            marker = page.findtext("NextMarker") or None
        return names

    all_names = names

    def remove(self, key):
        self.ask(f"/{self.bucket}/{urllib.parse.quote(key)}", "DELETE")

    def damage(self, key, at):
        """Azurite appends the bytes of all blobs to files: these are found by what they are."""
        whole = self.read(key)
        start = max(0, min(at, len(whole) - 32))
        sought, found = whole[start:start + 32], 0
        for path in (self.disk / "__blobstorage__").iterdir():
            data = path.read_bytes()
            place = data.find(sought)
            while place >= 0:
                flip_in_file(path, place + at - start)
                found += 1
                place = data.find(sought, place + 1)
        expect(found and self.read(key) != whole, f"{key} is not found on Azurite's disk")

    def body_of_reply(self, key):
        return f"^GET .*/{re.escape(key)}(\\?|$)"

    def body_of_request(self):
        return "^PUT "

    def part(self):
        return "^PUT .*comp=block&"


class FaultWorld:
    """A project in a folder of its own, with a bucket of its own in each store."""
    count = 0

    def __init__(self, tutti):
        FaultWorld.count += 1
        self.tutti = tutti
        self.bucket = f"faults-{os.getpid()}-{FaultWorld.count}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tutti-faults."))
        self.env = {**os.environ, "TUTTI_PROFILE": "faults", "NO_COLOR": "1", "TEST_S3_KEY": "testkey:testsecret",
                    "TEST_AZ_KEY": AZURITE_KEY}
        (self.folder / "tutti.yaml").write_text(SETTINGS.format(**os.environ), encoding="utf-8")
        (self.folder / "dir" / self.bucket).mkdir(parents=True)
        for scheme in ("s3d", "gsd", "azd"):
            self.run("mb", f"{scheme}://{self.bucket}/")
        self.stores = {
            "dir": Folder(self.folder / "dir" / self.bucket),
            "s3": Folder(pathlib.Path(os.environ["TUTTI_DISK_S3"]) / self.bucket, "s3",
                         Faults(os.environ["TUTTI_PROXY_S3"])),
            "gs": Google(self.bucket), "az": Azure(self.bucket)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def address(self, scheme, key=""):
        return f"{scheme}://{self.bucket}/{key}"

    def start(self, *arguments, tutti=None, **env):
        return subprocess.Popen([tutti or self.tutti, *arguments], cwd=self.folder, env={**self.env, **env},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, *arguments):
        process = self.start(*arguments)
        text, _ = process.communicate(timeout=300)
        expect(process.returncode == 0, f"{' '.join(arguments)}: status {process.returncode}: {text}")
        return text

    def no_faults(self):
        for store in self.stores.values():
            if store.faults:
                store.faults.rules()
