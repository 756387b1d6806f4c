#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A strict fake of Google Cloud Storage (JSON API) on 127.0.0.1, in memory. Prints `http://127.0.0.1:PORT`.

Stricter than the service: unknown parameters and members are refused, chunks must be aligned and in order, a session
needs no token and everything else does (when told so), a listing's pages may be short.

POST /_control takes {"faults": [...], "settings": {...}, "reset": true}, and {"damage": {"bucket", "name", "at"}}, which
flips a bit of what is stored; GET /_control/requests gives what was asked.
A fault is used up by the first `times` requests (default 1) whose "METHOD path?query" its `match` is found in, after
the first `skip` of them:
  {"match": "PUT .*upload_id", "do": "status", "status": 503, "headers": {"Retry-After": "1"}}
  do: status      the reply, without doing anything
      cut_request reads `bytes` of the body, keeps what a session may keep, ends the connection
      cut_reply   does it, ends the connection after `bytes` of the reply's body
      lose_reply  does it, ends the connection without a word
      keep        of this chunk a session keeps `bytes` only
      forget      the session is gone
      corrupt     a byte of what arrives, or leaves, is changed
Settings: tokens (list; null: no token is asked for), rewrite_bytes (per call), page_max, token_valid (seconds).
POST /token is an OAuth endpoint: each call gives a new token, which is then one of `tokens`.
"""
import argparse
import base64
import calendar
import functools
import gzip
import hashlib
import http.server
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

UNIT = 256 * 1024
CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
DESCRIPTIVE = ("contentLanguage", "contentDisposition", "cacheControl")
LOCKS = {"retention", "temporaryHold", "eventBasedHold"}
WRITABLE = {"name", "contentType", "contentEncoding", "metadata", "storageClass", "crc32c", "md5Hash", *DESCRIPTIVE,
            *LOCKS}


def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = crc_table()
PLANES = [bytes(value >> 8 * k & 255 for value in TABLE) for k in range(4)]
LANES = 4096


def crc_bytes(crc, data):
    table = TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc


@functools.lru_cache(maxsize=64)
def skip_tables(length):
    """What `length` zero bytes make of a CRC, by its bytes."""
    def times(matrix, value):
        out = 0
        for bit, column in enumerate(matrix):
            out ^= column if value >> bit & 1 else 0
        return out

    step = [crc_bytes(1 << bit, b"\0") for bit in range(32)]
    whole = [1 << bit for bit in range(32)]
    while length:
        whole = [times(step, value) for value in whole] if length & 1 else whole
        step = [times(step, value) for value in step]
        length >>= 1
    return [[times(whole, byte << 8 * k) for byte in range(256)] for k in range(4)]


def xor(one, other):
    return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).to_bytes(len(one), "little")


def crc_lanes(crc, data):
    """LANES pieces side by side, a byte of each in a step: what Python does to a whole string is fast."""
    length = len(data) // LANES
    state = [bytes(LANES)] * 4  # the lowest bytes of all lanes' CRCs, the next ones ...
    for at in range(length):
        index = xor(state[0], data[at::length])
        made = [index.translate(plane) for plane in PLANES]
        state = [xor(state[1], made[0]), xor(state[2], made[1]), xor(state[3], made[2]), made[3]]
    skip = skip_tables(length)
    for lane in zip(*state):
        crc = skip[0][crc & 255] ^ skip[1][crc >> 8 & 255] ^ skip[2][crc >> 16 & 255] ^ skip[3][crc >> 24] \
            ^ int.from_bytes(lane, "little")
    return crc


@functools.lru_cache(maxsize=64)
def crc32c(data):
    even = len(data) - len(data) % LANES if len(data) >= 16 * LANES else 0
    crc = crc_lanes(0xFFFFFFFF, data[:even]) if even else 0xFFFFFFFF
    return base64.b64encode(struct.pack(">I", crc_bytes(crc, data[even:]) ^ 0xFFFFFFFF)).decode()


def crc32c_joined(crc, data):
    """The CRC of what has `crc`, followed by `data`."""
    raw, skip = int.from_bytes(base64.b64decode(crc), "big"), skip_tables(len(data))
    moved = skip[0][raw & 255] ^ skip[1][raw >> 8 & 255] ^ skip[2][raw >> 16 & 255] ^ skip[3][raw >> 24]
    return base64.b64encode((moved ^ int.from_bytes(base64.b64decode(crc32c(data)), "big")).to_bytes(4, "big")).decode()


def time_text(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03}Z"


def instant(text):
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
        raise Failure(400, "invalid", f"Invalid time: {text}")
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


class Failure(Exception):
    def __init__(self, status, reason, message, headers=None):
        super().__init__(message)
        self.status, self.reason, self.message, self.headers = status, reason, message, headers or {}


class Cut(Exception):
    """The connection ends here."""


class Object:
    def __init__(self, name, data, generation, resource, components=0, crc=None):
        self.name, self.data, self.generation, self.components = name, data, generation, components
        self.content_type = resource.get("contentType", "application/octet-stream")
        self.content_encoding = resource.get("contentEncoding", "")
        self.described = {k: resource[k] for k in DESCRIPTIVE if resource.get(k)}
        self.metadata = resource.get("metadata", {})
        self.storage_class = resource.get("storageClass", "STANDARD")
        self.crc32c = crc or crc32c(data)
        self.md5 = None if components else base64.b64encode(hashlib.md5(data).digest()).decode()
        self.retention = resource.get("retention")
        self.kms_key = resource.get("kmsKeyName")
        self.holds = {k: resource[k] for k in ("temporaryHold", "eventBasedHold") if resource.get(k)}
        self.updated = time.time()
        self.deleted = None  # since when it is not the live one
        self.metageneration = 1

    def time_text(self):
        return time_text(self.updated)

    def resource(self, bucket):
        out = {"kind": "storage#object", "name": self.name, "bucket": bucket, "generation": str(self.generation),
               "metageneration": str(self.metageneration), "contentType": self.content_type, "storageClass": self.storage_class,
               "size": str(len(self.data)), "crc32c": self.crc32c, "timeCreated": self.time_text(),
               "updated": self.time_text(), "etag": f"C{self.generation}"}
        if self.md5:
            out["md5Hash"] = self.md5
        if self.components:
            out["componentCount"] = self.components
        if self.content_encoding:
            out["contentEncoding"] = self.content_encoding
        out.update(self.described)
        out.update(self.holds)
        if self.metadata:
            out["metadata"] = self.metadata
        if self.kms_key:
            out["kmsKeyName"] = self.kms_key + "/cryptoKeyVersions/1"
        if self.retention:
            out["retention"] = self.retention
        if self.deleted:
            out["timeDeleted"] = time_text(self.deleted)
        return out

    def check_unlocked(self):
        """Before this version goes for ever, or is replaced where the bucket keeps no versions."""
        if self.holds:
            raise Failure(403, "objectUnderActiveHold", f"Object '{self.name}' is under active hold and cannot be "
                          "deleted, overwritten or archived until hold is removed.")
        if self.is_retained():
            raise Failure(403, "retentionPolicyNotMet", f"Object '{self.name}' is subject to an object retention and "
                          f"cannot be deleted, overwritten or archived until {self.retention['retainUntilTime']}")

    def is_retained(self):
        return self.retention is not None and instant(self.retention["retainUntilTime"]) > time.time()


class Bucket:
    def __init__(self, versioning=False, retention=False):
        self.versioning, self.retention = versioning, retention
        self.versions = {}  # of each name, the oldest first; none is empty

    def live(self, name):
        last = self.versions.get(name, [None])[-1]
        return None if last is None or last.deleted else last

    def add(self, made):
        there = self.live(made.name)
        if there and not self.versioning:
            there.check_unlocked()
            self.forget(there)
        elif there:
            there.deleted = time.time()
        self.versions.setdefault(made.name, []).append(made)

    def remove(self, there):
        if self.versioning:
            there.deleted = time.time()
        else:
            there.check_unlocked()
            self.forget(there)

    def forget(self, version):
        self.versions[version.name].remove(version)
        if not self.versions[version.name]:
            del self.versions[version.name]


class Session:
    def __init__(self, bucket, name, resource, condition):
        self.bucket, self.name, self.resource, self.condition = bucket, name, resource, condition
        self.data = bytearray()
        self.written = None


class State:
    def __init__(self):
        self.lock = threading.RLock()
        self.reset()

    def reset(self):
        self.buckets, self.sessions, self.rewrites = {}, {}, {}
        self.cancelled = set()  # sessions: they answer 499 from then on
        self.faults, self.requests = [], []
        self.settings = {"tokens": None, "rewrite_bytes": 1 << 60, "page_max": 1000, "token_valid": 3600}
        self.numbers = int(time.time() * 1e6)

    def number(self):
        self.numbers += 1
        return self.numbers

    def fault(self, line):
        for fault in self.faults:
            if fault.get("times", 1) > 0 and re.search(fault["match"], line):
                if fault.get("skip", 0) > 0:
                    fault["skip"] -= 1
                    continue
                fault["times"] = fault.get("times", 1) - 1
                return fault
        return {}


STATE = State()


def order_of(shown):
    return shown[0].encode(), shown[1]


def check_name(name):
    if not name or len(name.encode()) > 1024 or re.search(r"[\r\n\0]", name) or name in (".", "..") \
            or name.startswith(".well-known/acme-challenge/"):
        raise Failure(400, "invalid", f"Invalid object name: '{name[:100]}'")


def check_resource(resource, allowed=WRITABLE):
    if not isinstance(resource, dict) or set(resource) - allowed:
        raise Failure(400, "parseError", f"Unknown members: {sorted(set(resource) - allowed)}")
    if resource.get("storageClass", "STANDARD") not in CLASSES:
        raise Failure(400, "invalid", "Invalid storage class")
    metadata = resource.get("metadata", {})
    if sum(len(k.encode()) + len(v.encode()) for k, v in metadata.items()) > 8192:
        raise Failure(400, "invalid", "The total size of the metadata is too large.")


def check_digests(data, announced):
    for kind, member, actual in (("CRC32C", "crc32c", crc32c),
                                 ("MD5", "md5Hash", lambda d: base64.b64encode(hashlib.md5(d).digest()).decode())):
        if member in announced and announced[member] != actual(data):
            raise Failure(400, "invalid", f"Provided {kind} \"{announced[member]}\" doesn't match calculated {kind} "
                          f"\"{actual(data)}\".")


def hash_header(text):
    out = {}
    for each in filter(None, (part.strip() for part in (text or "").split(","))):
        name, value = each.split("=", 1)
        out[{"crc32c": "crc32c", "md5": "md5Hash"}[name]] = value
    return out


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, *_):
        pass

    # ---- from bytes to a call

    def handle_any(self):
        path, _, query = self.path.partition("?")
        self.segments = path.split("/")[1:]
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        self.used = set()
        self.body_read = False
        line = f"{self.command} {urllib.parse.unquote(self.path)}"
        try:
            if self.segments[0] == "_control":
                return self.control()
            with STATE.lock:
                STATE.requests.append({"line": line, "headers": {k.lower(): v for k, v in self.headers.items()}})
                self.fault = STATE.fault(line)
            if self.fault.get("do") == "status":
                self.body()
                raise Failure(self.fault["status"], self.fault.get("reason", "backendError"),
                              self.fault.get("message", "injected"), self.fault.get("headers"))
            self.route()
        except Failure as failure:
            self.fail(failure)
        except (Cut, BrokenPipeError, ConnectionResetError):
            self.cut()

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any

    def cut(self):
        self.close_connection = True
        try:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def body(self):
        if self.body_read:
            return self.bytes
        self.body_read = True
        if self.command in ("POST", "PUT", "PATCH") and "Content-Length" not in self.headers:
            raise Failure(411, "lengthRequired", "Length required")
        wanted = int(self.headers.get("Content-Length", 0))
        cut = self.fault.get("bytes", 0) if self.fault.get("do") == "cut_request" else wanted
        self.bytes = self.rfile.read(min(cut, wanted))
        if len(self.bytes) < wanted:
            raise Cut(self.bytes)
        if self.fault.get("do") == "corrupt" and self.bytes:
            middle = len(self.bytes) // 2
            self.bytes = self.bytes[:middle] + bytes([self.bytes[middle] ^ 1]) + self.bytes[middle + 1:]
        return self.bytes

    def parameter(self, name, default=None):
        self.used.add(name)
        return self.query.get(name, default)

    def parameters_end(self):
        unknown = set(self.query) - self.used - {"fields", "userProject", "alt"}
        if unknown:
            raise Failure(400, "invalidParameter", f"Unknown parameters: {sorted(unknown)}")

    def reply(self, status, body=b"", headers=None, kind="application/json; charset=UTF-8"):
        if self.fault.get("do") == "lose_reply":
            raise Cut()
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "X-GUploader-UploadID": "fake", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.fault.get("do") == "cut_reply":
            self.wfile.write(body[:self.fault["bytes"]])
            raise Cut()
        self.wfile.write(body)

    def fail(self, failure):
        if not self.body_read and int(self.headers.get("Content-Length", 0)) > 0:
            self.close_connection = True  # what was not read would be taken for a request
        body = {"error": {"code": failure.status, "message": failure.message,
                          "errors": [{"message": failure.message, "domain": "global", "reason": failure.reason}]}}
        data = b"" if failure.status == 304 else json.dumps(body).encode()
        self.send_response(failure.status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in failure.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def control(self):
        self.fault = {}
        if self.command == "GET":
            with STATE.lock:
                return self.reply(200, STATE.requests)
        asked = json.loads(self.body() or b"{}")
        with STATE.lock:
            if asked.get("reset"):
                STATE.reset()
            STATE.settings.update(asked.get("settings", {}))
            if "faults" in asked:
                STATE.faults = asked["faults"]
            if "damage" in asked:
                damaged = self.find(asked["damage"]["bucket"], asked["damage"]["name"])
                at = asked["damage"]["at"]
                damaged.data = damaged.data[:at] + bytes([damaged.data[at] ^ 1]) + damaged.data[at + 1:]
            for name in asked.get("buckets", []):
                STATE.buckets.setdefault(name, Bucket())
        return self.reply(200, {"faults_left": [f for f in STATE.faults if f.get("times", 1) > 0]})

    # ---- which call

    def route(self):
        parts = self.segments
        if parts == ["token"]:
            return self.oauth()
        if parts[:4] == ["upload", "storage", "v1", "b"] and len(parts) == 6 and parts[5] == "o":
            if "upload_id" in self.query:
                return self.session()
            self.authorize()
            return self.upload(urllib.parse.unquote(parts[4]))
        self.authorize()
        if parts[:3] != ["storage", "v1", "b"]:
            raise Failure(404, "notFound", "Not Found")
        names = [urllib.parse.unquote(each, errors="strict") for each in parts[3:]]
        if len(names) <= 1:
            return self.bucket(names)
        if names[1] != "o":
            raise Failure(404, "notFound", "Not Found")
        if len(names) == 2 and self.command == "GET":
            return self.listing(names[0])
        if len(names) == 3:
            calls = {"GET": self.get, "DELETE": self.delete, "PATCH": self.patch}
            return calls[self.command](names[0], names[2])
        if len(names) == 4 and names[3] == "compose" and self.command == "POST":
            return self.compose(names[0], names[2])
        if len(names) == 8 and names[3] == "rewriteTo" and self.command == "POST":
            return self.rewrite(names[0], names[2], names[5], names[7])
        raise Failure(404, "notFound", "Not Found")

    def authorize(self):
        tokens = STATE.settings["tokens"]
        given = self.headers.get("Authorization", "")
        if tokens is not None and given.removeprefix("Bearer ") not in tokens:
            self.body()
            raise Failure(401, "authError", "Invalid Credentials", {"WWW-Authenticate": "Bearer"})

    def oauth(self):
        form = dict(urllib.parse.parse_qsl(self.body().decode()))
        if form.get("grant_type") != "refresh_token":
            return self.reply(400, {"error": "unsupported_grant_type", "error_description": "Unsupported"})
        with STATE.lock:
            token = f"token-{STATE.number()}"
            STATE.settings["tokens"] = (STATE.settings["tokens"] or []) + [token]
            valid = STATE.settings["token_valid"]
        return self.reply(200, {"access_token": token, "expires_in": valid, "token_type": "Bearer"})

    def objects(self, bucket):
        if bucket not in STATE.buckets:
            raise Failure(404, "notFound", "The specified bucket does not exist.")
        return STATE.buckets[bucket]

    def bucket(self, names):
        with STATE.lock:
            if not names and self.command == "POST":
                self.parameter("project")
                retention = self.parameter("enableObjectRetention") == "true"
                resource = json.loads(self.body())
                if set(resource) - {"name", "location", "storageClass", "versioning"}:
                    raise Failure(400, "parseError", f"Unknown members: {sorted(resource)}")
                name = resource["name"]
                if name in STATE.buckets:
                    raise Failure(409, "conflict", "You already own this bucket.")
                STATE.buckets[name] = Bucket(resource.get("versioning", {}).get("enabled", False), retention)
                return self.reply(200, {"kind": "storage#bucket", "name": name})
            if not names:
                self.parameter("project")
                return self.reply(200, {"items": [{"name": each} for each in sorted(STATE.buckets)]})
            bucket = self.objects(names[0])
            if self.command == "DELETE":
                if bucket.versions:
                    raise Failure(409, "conflict", "The bucket you tried to delete is not empty.")
                del STATE.buckets[names[0]]
                return self.reply(204)
            return self.reply(200, {"kind": "storage#bucket", "name": names[0]})

    # ---- objects

    def condition(self, name="ifGenerationMatch"):
        value = self.parameter(name)
        if value is not None and not re.fullmatch(r"[0-9]+", value):
            raise Failure(400, "invalid", f"Invalid value for {name}")
        return None if value is None else int(value)

    def check_condition(self, wanted, there):
        if wanted is not None and wanted != (there.generation if there else 0):
            raise Failure(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")

    def find(self, bucket, name, generation=None):
        there = self.objects(bucket).live(name)
        if generation is not None:
            if not re.fullmatch(r"[0-9]+", generation):
                raise Failure(400, "invalid", f"Invalid value for generation: {generation}")
            there = next((each for each in self.objects(bucket).versions.get(name, [])
                          if each.generation == int(generation)), None)
        if there is None:
            raise Failure(404, "notFound", f"No such object: {bucket}/{name}")
        return there

    def get(self, bucket, name):
        with STATE.lock:
            there = self.find(bucket, name, self.parameter("generation"))
            self.check_condition(self.condition(), there)
            self.parameters_end()
        if self.query.get("alt") != "media":
            return self.reply(200, there.resource(bucket))
        headers = {"X-Goog-Generation": there.generation, "X-Goog-Metageneration": 1,
                   "X-Goog-Stored-Content-Length": len(there.data),
                   "X-Goog-Stored-Content-Encoding": there.content_encoding or "identity",
                   "X-Goog-Storage-Class": there.storage_class, "Accept-Ranges": "bytes",
                   "X-Goog-Hash": f"crc32c={there.crc32c}" + (f",md5={there.md5}" if there.md5 else ""),
                   "Last-Modified": self.date_time_string(there.updated),
                   "Cache-Control": there.described.get("cacheControl", "private, max-age=0")}
        data, status = there.data, 200
        if there.content_encoding == "gzip" and "gzip" not in self.headers.get("Accept-Encoding", ""):
            data = gzip.decompress(data)
            headers["X-GUploader-Response-Body-Transformations"] = "gunzipped"
        else:
            if there.content_encoding:
                headers["Content-Encoding"] = there.content_encoding
            if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
                first, last = int(asked[1]), min(int(asked[2] or 1 << 62), len(data) - 1)
                if first >= len(data):
                    raise Failure(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
                headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
                data, status = data[first:last + 1], 206
        if self.fault.get("do") == "corrupt" and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.reply(status, data, headers, there.content_type)

    def delete(self, bucket, name):
        with STATE.lock:
            generation = self.parameter("generation")
            there = self.find(bucket, name, generation)
            self.check_condition(self.condition(), there)
            self.parameters_end()
            if generation is None:
                self.objects(bucket).remove(there)
            else:
                there.check_unlocked()
                self.objects(bucket).forget(there)
        self.reply(204)

    def patch(self, bucket, name):
        asked = json.loads(self.body())
        if not asked or set(asked) - LOCKS:
            raise Failure(400, "parseError", f"Members that are not changed here: {sorted(set(asked) - LOCKS)}")
        with STATE.lock:
            there = self.find(bucket, name, self.parameter("generation"))
            self.check_condition(self.condition(), there)
            override = self.parameter("overrideUnlockedRetention") == "true"
            self.parameters_end()
            if "retention" in asked:
                self.check_retention(self.objects(bucket), there, asked["retention"], override)
                there.retention = asked["retention"]
            for hold in ("temporaryHold", "eventBasedHold"):
                if hold in asked and asked[hold] not in (True, False, None):
                    raise Failure(400, "invalid", f"{hold} is true or false")
                if hold in asked:
                    there.holds.pop(hold, None)
                    there.holds.update({hold: True} if asked[hold] else {})
            there.metageneration += 1
            there.updated = time.time()
        self.reply(200, there.resource(bucket))

    def check_retention(self, bucket, there, wanted, override):
        """Whether `there` (None: what is being written) may get this retention (None: none)."""
        if not bucket.retention:
            raise Failure(400, "invalid", "Object retention is not enabled for this bucket.")
        if wanted is not None:
            if set(wanted) != {"mode", "retainUntilTime"} or wanted["mode"] not in ("Unlocked", "Locked"):
                raise Failure(400, "invalid", f"Invalid retention: {wanted}")
            if instant(wanted["retainUntilTime"]) <= time.time():
                raise Failure(400, "invalid", "retainUntilTime must be in the future")
        if there is None or not there.is_retained():
            return
        locked = there.retention["mode"] == "Locked"
        shorter = wanted is None or instant(wanted["retainUntilTime"]) < instant(there.retention["retainUntilTime"])
        if (locked and (shorter or wanted["mode"] != "Locked")) or (shorter and not override):
            raise Failure(403, "retentionPolicyNotMet", f"Object '{there.name}' has a retention that cannot be reduced.")

    def listing(self, bucket):
        with STATE.lock:
            prefix, delimiter = self.parameter("prefix", ""), self.parameter("delimiter", "")
            start, token = self.parameter("startOffset", ""), self.parameter("pageToken")
            limit = min(int(self.parameter("maxResults", 1000)), STATE.settings["page_max"])
            all_versions = self.parameter("versions") == "true"
            self.parameters_end()
            after = json.loads(base64.b64decode(token)) if token else None
            items, prefixes, last = [], [], None
            for version in self.listed(bucket, all_versions):
                name = version.name
                if not name.startswith(prefix) or name.encode() < start.encode():
                    continue
                cut = name.find(delimiter, len(prefix)) if delimiter else -1
                shown = [name, version.generation] if cut < 0 else [name[:cut + len(delimiter)], 0]
                if (after is not None and order_of(shown) <= order_of(after)) or shown[0] in prefixes:
                    continue
                if len(items) + len(prefixes) == limit:
                    break
                last = shown
                if cut < 0:
                    items.append(version.resource(bucket))
                else:
                    prefixes.append(shown[0])
            else:
                last = None
        body = {"kind": "storage#objects"}
        if items:
            body["items"] = items
        if prefixes:
            body["prefixes"] = prefixes
        if last is not None:
            body["nextPageToken"] = base64.b64encode(json.dumps(last).encode()).decode()
        self.reply(200, body)

    def listed(self, bucket, all_versions):
        """In the order of names, then generations."""
        there = self.objects(bucket)
        for name in sorted(there.versions, key=str.encode):
            if all_versions:
                yield from there.versions[name]
            elif there.live(name):
                yield there.live(name)

    def store(self, bucket, name, data, resource, condition, components=0, crc=None):
        """Under the lock: the object becomes visible, or a condition does not hold."""
        there = self.objects(bucket)
        self.check_condition(condition, there.live(name))
        if resource.get("retention"):
            self.check_retention(there, None, resource["retention"], False)
        made = Object(name, data, STATE.number(), resource, components, crc)
        there.add(made)
        return made

    # ---- uploads

    def kms_key(self, parameter="kmsKeyName"):
        key = self.parameter(parameter)
        if key and not re.fullmatch(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+", key):
            raise Failure(400, "invalid", f"Malformed Cloud KMS crypto key: {key}")
        return {"kmsKeyName": key} if key else {}

    def upload(self, bucket):
        kind, name = self.parameter("uploadType"), self.parameter("name")
        condition, key = self.condition(), self.kms_key()
        self.parameters_end()
        check_name(name or "")
        if kind == "multipart":
            resource, data = self.multipart()
        elif kind == "resumable":
            return self.begin(bucket, name, condition, key)
        elif kind == "media":
            resource, data = {"contentType": self.headers.get("Content-Type", "")}, self.body()
        else:
            raise Failure(400, "invalid", "Invalid upload type")
        check_resource(resource)
        resource |= key
        check_digests(data, {**resource, **hash_header(self.headers.get("X-Goog-Hash"))})
        with STATE.lock:
            written = self.store(bucket, name, data, resource, condition)
        self.reply(200, written.resource(bucket))

    def multipart(self):
        kind = re.fullmatch(r"multipart/related; boundary=(\S+)", self.headers.get("Content-Type", ""))
        if not kind:
            raise Failure(400, "badContent", "Multipart body expected")
        mark = b"--" + kind[1].encode()
        body = self.body()
        if not body.startswith(mark + b"\r\n") or not body.endswith(b"\r\n" + mark + b"--\r\n"):
            raise Failure(400, "badContent", "Malformed multipart body.")
        parts = body[len(mark) + 2:-len(mark) - 6].split(b"\r\n" + mark + b"\r\n")
        if len(parts) != 2:
            raise Failure(400, "badContent", "Malformed multipart body: two parts expected.")
        (first, text), (second, data) = (part.split(b"\r\n\r\n", 1) for part in parts)
        if b"application/json" not in first:
            raise Failure(400, "badContent", "The first part is no JSON")
        resource = json.loads(text)
        resource.setdefault("contentType", second.split(b":", 1)[1].strip().decode())
        return resource, data

    def begin(self, bucket, name, condition, key):
        resource = json.loads(self.body() or b"{}")
        check_resource(resource)
        resource |= key
        with STATE.lock:
            self.check_condition(condition, self.objects(bucket).live(name))
            session = f"s{STATE.number()}"
            STATE.sessions[session] = Session(bucket, name, resource, condition)
        place = f"http://{self.headers['Host']}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session}"
        self.reply(200, headers={"Location": place})

    def session(self):
        if "Authorization" in self.headers:
            raise Failure(400, "invalid", "A session needs no token, and none should be sent to where it is")
        with STATE.lock:
            if self.fault.get("do") == "forget":
                STATE.sessions.pop(self.query["upload_id"], None)
            session = STATE.sessions.get(self.query["upload_id"])
            if self.query["upload_id"] in STATE.cancelled:
                self.body()
                return self.reply(499)
            if session is None:
                self.body()
                raise Failure(404, "notFound", "Not Found")
            if self.command == "DELETE":
                del STATE.sessions[self.query["upload_id"]]
                STATE.cancelled.add(self.query["upload_id"])
                return self.reply(499)
        try:
            data = self.body()
        except Cut as cut:
            self.chunk(session, cut.args[0], cut=True)
            raise
        self.chunk(session, data)

    def chunk(self, session, data, cut=False):
        asked = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.headers.get("Content-Range", ""))
        if not asked:
            raise Failure(400, "invalid", "Invalid Content-Range")
        total = None if asked[3] == "*" else int(asked[3])
        with STATE.lock:
            if session.written:
                return self.reply(200, session.written)
            if asked[1] is not None:
                self.keep(session, int(asked[1]), int(asked[2]) + 1, total, data, cut)
            if cut:
                return None
            if total is not None and total == len(session.data):
                return self.complete(session)
            if total is not None and asked[1] is None and total < len(session.data):
                raise Failure(400, "invalid", "The upload has more bytes than its total")
            headers = {"Range": f"bytes=0-{len(session.data) - 1}"} if session.data else {}
            return self.reply(308, headers=headers)

    def keep(self, session, first, end, total, data, cut):
        if not cut and end - first != len(data):
            raise Failure(400, "invalid", "Content-Range and the body differ in length")
        if total is None and (end - first) % UNIT:
            raise Failure(400, "invalid", f"A chunk that is not the last must be a multiple of {UNIT} bytes")
        if first > len(session.data):
            raise Failure(400, "invalid", f"Bytes from {first}, but only {len(session.data)} are there")
        fresh = data[len(session.data) - first:]  # what is there already is not looked at
        if cut or self.fault.get("do") == "keep":
            allowed = min(len(fresh), self.fault.get("bytes", len(fresh)))
            fresh = fresh[:allowed - (len(session.data) + allowed) % UNIT if allowed else 0]
        session.data += fresh

    def complete(self, session):
        announced = {**session.resource, **hash_header(self.headers.get("X-Goog-Hash"))}
        data = bytes(session.data)
        check_digests(data, announced)
        written = self.store(session.bucket, session.name, data, session.resource, session.condition)
        session.written = written.resource(session.bucket)
        session.data = b""
        self.reply(200, session.written)

    # ---- inside of the service

    def compose(self, bucket, name):
        condition, key = self.condition(), self.kms_key()
        self.parameters_end()
        check_name(name)
        asked = json.loads(self.body())
        if set(asked) - {"kind", "sourceObjects", "destination"} or not 1 <= len(asked["sourceObjects"]) <= 32:
            raise Failure(400, "invalid", "The number of source components provided must be between 1 and 32")
        resource = asked.get("destination", {})
        check_resource(resource)
        resource |= key
        with STATE.lock:
            sources = [self.find(bucket, each["name"], each.get("generation")) for each in asked["sourceObjects"]]
            if {each.storage_class for each in sources} != {resource.get("storageClass", "STANDARD")}:
                raise Failure(400, "invalid", "The source objects are of other storage classes")
            data = b"".join(each.data for each in sources)
            count = sum(max(each.components, 1) for each in sources)
            crc = functools.reduce(lambda sum_, each: crc32c_joined(sum_, each.data), sources, crc32c(b""))
            written = self.store(bucket, name, data, resource, condition, count, crc)
        self.reply(200, written.resource(bucket))

    def rewrite(self, bucket, name, to_bucket, to_name):
        generation, wanted = self.parameter("sourceGeneration"), self.condition("ifSourceGenerationMatch")
        condition, token = self.condition(), self.parameter("rewriteToken")
        key = self.kms_key("destinationKmsKeyName")
        self.parameters_end()
        check_name(to_name)
        resource = json.loads(self.body()) if self.body() else None
        with STATE.lock:
            source = self.find(bucket, name, generation)
            self.check_condition(wanted, source)
            self.check_condition(condition, self.objects(to_bucket).live(to_name))
            ask = (source.generation, to_bucket, to_name, json.dumps(resource))
            done = 0
            if token is not None:
                if STATE.rewrites.get(token, (None, 0))[0] != ask:
                    raise Failure(400, "invalid", "The rewrite token belongs to another rewrite")
                done = STATE.rewrites.pop(token)[1]
            done = min(done + STATE.settings["rewrite_bytes"], len(source.data))
            body = {"kind": "storage#rewriteResponse", "totalBytesRewritten": str(done),
                    "objectSize": str(len(source.data)), "done": done == len(source.data)}
            if not body["done"]:
                body["rewriteToken"] = f"r{STATE.number()}"
                STATE.rewrites[body["rewriteToken"]] = (ask, done)
                return self.reply(200, body)
            if resource is None:
                resource = {k: v for k, v in source.resource(bucket).items()
                            if k in ("contentType", "contentEncoding", "metadata", "storageClass", *DESCRIPTIVE)}
            check_resource(resource)
            written = self.store(to_bucket, to_name, source.data, resource | key, condition, source.components)
            body["resource"] = written.resource(to_bucket)
        return self.reply(200, body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    parser = argparse.ArgumentParser(description="a strict fake of Google Cloud Storage")
    parser.add_argument("--port", type=int, default=0, help="0: the kernel chooses")
    server = Server(("127.0.0.1", parser.parse_args().port), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
