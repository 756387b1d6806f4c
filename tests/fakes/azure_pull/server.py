#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Put Block From URL of Azure Blob Storage, for sources anywhere, before an Azurite that has the blobs.

Stricter than the service: a request must be signed with the account's key, have no body, a Content-Length of 0, a block
id of at most 64 bytes, a source of at most 2048 bytes, and a range; a source must answer exactly that range. What it cannot
read is CannotVerifyCopySource with the source's status, and the message repeats the URL, as the service may.

GET /_pulls gives {"pulled": [{"bytes", "host"}], "refused": [...]}; POST /_pulls takes {"refuse": STATUS or null, "damage":
true or false}: every pull is refused so, or a bit of what is read is changed. Both begin anew with each POST.
"""
import argparse
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import re
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

ACCOUNT = "devstoreaccount1"
KEY = base64.b64decode("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==")
SIGNED = ("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date", "if-modified-since",
          "if-match", "if-none-match", "if-unmodified-since", "range")
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-authorization", "content-length"}


def signature(method, target, headers):
    """SharedKey, "Authorize with Shared Key": the account stands twice in the path of an emulator."""
    url = urllib.parse.urlsplit(target)
    lines = [method]
    for name in SIGNED:
        value = headers.get(name, "")
        lines.append("" if name == "content-length" and value == "0" else value)
    lines += [f"{name}:{headers[name].strip()}" for name in sorted(headers) if name.startswith("x-ms-")]
    text = "\n".join(lines) + f"\n/{ACCOUNT}{url.path}"
    query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
    for name in sorted(query):
        text += f"\n{name.lower()}:{','.join(sorted(query[name]))}"
    return "SharedKey " + ACCOUNT + ":" + base64.b64encode(hmac.new(KEY, text.encode(), hashlib.sha256).digest()).decode()


class Refused(Exception):
    def __init__(self, status, code, message=""):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.reset({})

    def reset(self, settings):
        with self.lock:
            self.refuse, self.damage = settings.get("refuse"), settings.get("damage", False)
            self.pulled, self.refused = [], []


def read_source(url, headers, state):
    """The bytes of the range that is asked for."""
    wanted = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", headers.get("x-ms-source-range", ""))
    if not wanted:
        raise Refused(400, "InvalidHeaderValue", "x-ms-source-range")
    first, last = int(wanted[1]), int(wanted[2])
    if state.refuse:
        raise Refused(state.refuse, "CannotVerifyCopySource", f"cannot read {url}")
    request = urllib.request.Request(url, headers={"Range": f"bytes={first}-{last}"})
    if condition := headers.get("x-ms-source-if-match"):
        request.add_header("If-Match", condition)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as reply:
            data, status = reply.read(), reply.status
    except urllib.error.HTTPError as error:
        if error.code == 412:
            raise Refused(412, "SourceConditionNotMet") from error
        raise Refused(error.code, "CannotVerifyCopySource", f"cannot read {url}") from error
    except OSError as error:
        raise Refused(409, "CannotVerifyCopySource", f"cannot reach {url}") from error
    if status == 200 and first > 0 or len(data) != last - first + 1:
        raise Refused(416, "InvalidRange", f"{len(data)} bytes of {url}")
    return bytes([data[0] ^ 1]) + data[1:] if state.damage else data


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def forward(self, headers, body):
        server = http.client.HTTPConnection(self.server.azurite, timeout=60)
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() not in HOP:
                    server.putheader(name, value)
            if body or self.command in ("PUT", "POST"):
                server.putheader("Content-Length", str(len(body)))
            server.endheaders(body)
            reply = server.getresponse()
            data = reply.read()
            return reply.status, [(n, v) for n, v in reply.getheaders() if n.lower() not in HOP
                                  or (n.lower() == "content-length" and self.command == "HEAD")], data
        finally:
            server.close()

    def pull(self, headers, body):
        url, query = headers["x-ms-copy-source"], urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if headers.get("authorization") != signature(self.command, self.path, headers):
            raise Refused(403, "AuthenticationFailed")
        if body or headers.get("content-length") != "0":
            raise Refused(400, "InvalidHeaderValue", "Content-Length")
        if len(url) > 2048 or not url.startswith(("http://", "https://")):
            raise Refused(400, "InvalidHeaderValue", f"x-ms-copy-source: {url}")
        if not 0 < len(base64.b64decode(query["blockid"][0], validate=True)) <= 64:
            raise Refused(400, "InvalidQueryParameterValue", "blockid")
        if "x-ms-source-content-md5" in headers and "x-ms-source-content-crc64" in headers:
            raise Refused(400, "InvalidHeaderValue", "two digests")
        state = self.server.state
        data = read_source(url, headers, state)
        md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        if headers.get("x-ms-source-content-md5", md5) != md5:
            raise Refused(400, "Md5Mismatch")
        put = {name: value for name, value in headers.items()
               if name in ("x-ms-version", "x-ms-date", "date", "host")} | {"content-length": str(len(data))}
        put["authorization"] = signature("PUT", self.path, put)
        status, reply, text = self.forward(list(put.items()), data)
        if "x-ms-source-content-md5" in headers:  # then this is what the service gives back
            reply = [each for each in reply if each[0].lower() not in ("x-ms-content-crc64", "content-md5")] + [("Content-MD5", md5)]
        with state.lock:
            state.pulled.append({"bytes": len(data), "host": urllib.parse.urlsplit(url).netloc, "status": status})
        return status, reply, text

    def handle_request(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        state = self.server.state
        if self.path == "/_pulls":
            if self.command == "POST":
                state.reset(json.loads(body))
            with state.lock:
                text = json.dumps({"pulled": state.pulled, "refused": state.refused}).encode()
            self.answer(200, [("Content-Type", "application/json")], text)
            return
        pulls = self.command == "PUT" and "x-ms-copy-source" in headers and "comp=block" in self.path
        try:
            self.answer(*(self.pull(headers, body) if pulls else self.forward(self.headers.items(), body)))
        except Refused as refused:
            with state.lock:
                state.refused.append(refused.code)
            text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{refused.code}</Code><Message>' \
                   f"{refused.message.replace('&', '&amp;')}</Message></Error>"
            self.answer(refused.status, [("x-ms-error-code", refused.code), ("Content-Type", "application/xml")], text.encode())

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_request


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, azurite):
        super().__init__(("127.0.0.1", port), Handler)
        self.azurite = azurite
        self.state = State()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True, help="http://127.0.0.1:PORT of Azurite")
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    server = Server(args.port, urllib.parse.urlsplit(args.to).netloc)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
