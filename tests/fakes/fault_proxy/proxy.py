#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 proxy before one server, with faults on demand. Prints `http://127.0.0.1:PORT`.

Heads go through as they came, Host too, so that signatures hold. A connection of the client has one of its own to the
server.

POST /_faults takes {"rules": [...], "seed": 7, "reset": true, "release": true}; GET /_faults gives the rules with what
they did; GET /_faults/counts requests, bytes and faults, by route and by object; GET /_faults/held answers as soon as a
request is held; GET /_faults/reached?request_bytes=N (or reply_bytes, requests) says whether there were so many, as soon
as there are, or after a fifth of a second. A rule is for requests whose "METHOD path?query" its `match` is found in, after the first `skip` of
them, `times` times (null: always), each with the probability `chance`, while `seconds` have not passed since its first:
  {"match": "PUT .*partNumber", "do": "corrupt_request", "share": 0.5, "times": 1, "skip": 0, "chance": 1}
  do: latency           waits `delay` seconds first
      hold              waits until {"release": true}
      status            replies `status` with `headers` and `body`, asks nobody
      lose_reply        is done, then the connection ends without a word
      double_request    is done twice; the second reply is passed on
      slow_request      `rate` bytes a second
      cut_request       both connections end at the place
      corrupt_request   a bit of the byte at the place is flipped
      truncate_request  the last `by` bytes are missing, and Content-Length says so
      lengthen_request  Content-Length announces `by` bytes more than come
      double_body       the body comes twice, and Content-Length says so
      slow_reply, cut_reply, corrupt_reply, truncate_reply, lengthen_reply    the same of a reply
      stale_etag        the reply tells another ETag (of Google: another generation)
The place is the byte `at`, or the `share` (0 to 1) of the body. Faults of a body want one of at least `bytes_min` (1);
those of a reply want one of status 2xx. A rule counts as done when its fault happened.
"""
import argparse
import asyncio
import collections
import json
import random
import re
import sys
import urllib.parse

PIECE = 256 * 1024
HEAD_MAX = 1 << 20
REACHED_SECONDS = 0.2
UNTIL_END, CHUNKED = -1, -2  # lengths of a body
OF_REPLIES = {"slow_reply", "cut_reply", "corrupt_reply", "truncate_reply", "lengthen_reply", "stale_etag"}
OF_CALLS = {"latency", "hold", "status", "lose_reply", "double_request"}
OF_BODIES = {"slow_request", "cut_request", "corrupt_request", "truncate_request", "lengthen_request", "double_body"}
SLOW_DOWN = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"


class Cut(Exception):
    """Both connections end here, because a fault says so."""


class Head:
    """The first line and the fields of a request or reply, as they came."""

    def __init__(self, raw):
        first, *fields = raw[:-4].decode("latin-1").split("\r\n")
        self.first = first
        self.fields = [tuple(field.split(":", 1)) for field in fields]

    def get(self, name):
        return next((value.strip() for key, value in self.fields if key.lower() == name), None)

    def set(self, name, value):
        self.fields = [(key, f" {value}") if key.lower() == name else (key, old) for key, old in self.fields]

    def raw(self):
        return "\r\n".join([self.first, *(f"{key}:{value}" for key, value in self.fields), "", ""]).encode("latin-1")

    def length(self):
        """Of its body; None: it says nothing."""
        if "chunked" in (self.get("transfer-encoding") or "").lower():
            return CHUNKED
        told = self.get("content-length")
        return None if told is None else int(told)

    def closes(self):
        return "close" in (self.get("connection") or "").lower()


class Call:
    """A request: how it is counted, and what faults are matched with."""

    def __init__(self, head):
        self.method, self.target, _ = head.first.split(" ", 2)
        self.line = f"{self.method} {urllib.parse.unquote(self.target)}"
        path, _, query = self.target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        told = {name: f"{name}={value}" for name, value in self.query.items() if name in ("comp", "uploadType", "alt")}
        names = [told.get(name, name) for name in sorted(self.query) if not name.lower().startswith("x-amz-")]
        self.route = f"{self.method} {'?' if names else ''}{'&'.join(names)}".strip()
        self.object = self.query.get("name") or urllib.parse.unquote(path)


class Rule:
    def __init__(self, told):
        if told.get("do") not in OF_REPLIES | OF_CALLS | OF_BODIES:
            raise ValueError(f"no fault {told.get('do')}")
        self.told, self.do, self.match = told, told["do"], re.compile(told.get("match", ""))
        self.skip, self.times, self.done, self.first = told.get("skip", 0), told.get("times", 1), 0, None

    def wants(self, call, length, numbers, now):
        if self.times is not None and self.done >= self.times or not self.match.search(call.line):
            return False
        of_bytes = self.do not in OF_CALLS and self.do != "stale_etag"
        if of_bytes and 0 <= length < max(self.told.get("bytes_min", 1), self.told.get("at", 0) + 1):
            return False
        if "seconds" in self.told and self.first is not None and now > self.first + self.told["seconds"]:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if numbers.random() >= self.told.get("chance", 1):
            return False
        self.first = now if self.first is None else self.first
        self.done += 1
        return True

    def place(self, length):
        if "at" in self.told:
            return self.told["at"]
        return min(int(max(length, 0) * self.told.get("share", 0.5)), max(length - 1, 0))


class State:
    def __init__(self):
        self.rules, self.numbers = [], random.Random(0)
        self.held, self.released = asyncio.Event(), asyncio.Event()
        self.reset()

    def reset(self):
        self.routes = collections.defaultdict(collections.Counter)
        self.objects = collections.defaultdict(collections.Counter)
        self.faults, self.totals = collections.Counter(), collections.Counter()
        self.goals = []  # (what, number, what to tell then)
        self.sessions = {}  # upload id of a Google session -> its object

    def control(self, asked):
        if asked.get("reset"):
            self.reset()
        if "seed" in asked:
            self.numbers = random.Random(asked["seed"])
        if "rules" in asked:
            self.rules = [Rule(each) for each in asked["rules"]]
            self.held.clear()
            self.released.clear()
        if asked.get("release"):
            self.released.set()
        return self.view()

    def view(self):
        return {"rules": [{**rule.told, "done": rule.done} for rule in self.rules]}

    def counts(self):
        return {"routes": self.routes, "objects": self.objects, "faults": self.faults}

    def pick(self, kinds, call, length=0):
        """The faults of these kinds that happen to this call now."""
        now = asyncio.get_running_loop().time()
        picked = {}
        for rule in self.rules:
            if rule.do in kinds and rule.do not in picked and rule.wants(call, length, self.numbers, now):
                picked[rule.do] = rule
                self.faults[rule.do] += 1
                self.count(call, rule.do, 1)
        return picked

    def count(self, call, what, number):
        self.routes[call.route][what] += number
        self.objects[call.object][what] += number
        self.totals[what] += number
        for goal in [goal for goal in self.goals if self.totals[goal[0]] >= goal[1]]:
            goal[2].set()
            self.goals.remove(goal)

    async def reached(self, query):
        what, number = urllib.parse.parse_qsl(query)[0]
        goal = (what, int(number), asyncio.Event())
        if self.totals[what] < goal[1]:
            self.goals.append(goal)
            try:
                await asyncio.wait_for(goal[2].wait(), REACHED_SECONDS)
            except asyncio.TimeoutError:
                pass
            self.goals = [other for other in self.goals if other is not goal]
        return self.totals[what] >= goal[1]

    def learn_session(self, call, reply):
        """The object of Google's upload sessions stands only in the request that begins one."""
        begun = re.search(r"[?&]upload_id=([^&]+)", reply.get("location") or "")
        if begun:
            self.sessions[urllib.parse.unquote(begun[1])] = call.object


async def read_head(reader):
    """None: the connection ended before one."""
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as ended:
        if ended.partial:
            raise
        return None


async def pieces_of(reader, length):
    if length == UNTIL_END:
        while piece := await reader.read(PIECE):
            yield piece
        return
    if length != CHUNKED:
        async for piece in exactly(reader, length):
            yield piece
        return
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        async for piece in exactly(reader, size):
            yield piece
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers are not passed on: none of our servers sends or needs one


async def exactly(reader, length):
    while length > 0:
        piece = await reader.read(min(PIECE, length))
        if not piece:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(piece)
        yield piece


async def again(body):
    for at in range(0, len(body), PIECE):
        yield body[at:at + PIECE]


def flipped(piece, at):
    return piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1:]


async def spoiled(pieces, length, faults, suffix):
    """The pieces as the faults of a body leave them; Cut where one ends it."""
    corrupt, cut, slow = (faults.get(f"{name}_{suffix}") for name in ("corrupt", "cut", "slow"))
    end = length - faults[f"truncate_{suffix}"].told.get("by", 1) if f"truncate_{suffix}" in faults else None
    at = 0
    async for piece in pieces:
        if corrupt and at <= corrupt.place(length) < at + len(piece):
            piece = flipped(piece, corrupt.place(length) - at)
        if end is not None:
            piece = piece[:max(0, end - at)]
        if cut and cut.place(length) < at + len(piece):
            yield piece[:cut.place(length) - at]
            raise Cut
        if slow:
            await asyncio.sleep(len(piece) / slow.told["rate"])  # tidy: allow sleep, slowness is what was asked for
        at += len(piece)
        yield piece
    if f"lengthen_{suffix}" in faults:
        raise Cut


def announce(head, length, faults, suffix):
    """Writes the length into the head that the faults of a body make of it."""
    for name, sign in (("truncate", -1), ("lengthen", 1)):
        if length >= 0 and f"{name}_{suffix}" in faults:
            head.set("content-length", max(0, length + sign * faults[f"{name}_{suffix}"].told.get("by", 1)))


async def write_body(writer, pieces, length):
    async for piece in pieces:
        if length == CHUNKED and piece:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        writer.write(piece)
        await writer.drain()
    if length == CHUNKED:
        writer.write(b"0\r\n\r\n")
        await writer.drain()


class Connection:
    """One of a client, with its own to the server."""

    def __init__(self, state, server, reader, writer):
        self.state, self.server, self.reader, self.writer = state, server, reader, writer
        self.up_reader = self.up_writer = None

    async def run(self):
        try:
            while (head := await read_head(self.reader)) is not None:
                if head.first.split(" ")[1].startswith("/_faults"):
                    await self.control(head)
                elif not await self.serve(head):
                    break
        except (Cut, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.close_up()
            self.writer.close()

    def close_up(self):
        if self.up_writer is not None:
            self.up_writer.close()
        self.up_reader = self.up_writer = None

    async def open_up(self):
        if self.up_reader is not None and self.up_reader.at_eof():
            self.close_up()
        if self.up_reader is None:
            self.up_reader, self.up_writer = await asyncio.open_connection(*self.server, limit=HEAD_MAX)

    async def control(self, head):
        body = b"".join([piece async for piece in pieces_of(self.reader, head.length() or 0)])
        path = head.first.split(" ")[1]
        status, reply = 200, None
        if path == "/_faults/counts":
            reply = self.state.counts()
        elif path.startswith("/_faults/reached?"):
            reply = await self.state.reached(path.partition("?")[2])
        elif path == "/_faults/held":
            await self.state.held.wait()
        elif head.first.startswith("POST "):
            try:
                reply = self.state.control(json.loads(body or b"{}"))
            except (ValueError, KeyError, re.error) as wrong:
                status, reply = 400, {"error": str(wrong)}
        else:
            reply = self.state.view()
        await self.reply(status, json.dumps(reply).encode(), {"Content-Type": "application/json"})

    async def reply(self, status, body, fields):
        lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in fields.items())]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self.writer.drain()

    async def serve(self, head):
        """One request to its end; false: so is the connection."""
        call = Call(head)
        call.object = self.state.sessions.get(call.query.get("upload_id"), call.object)
        length = head.length() or 0
        self.state.count(call, "requests", 1)
        faults = self.state.pick(OF_CALLS, call)
        body = self.counted(call, pieces_of(self.reader, length))
        if "latency" in faults:
            await asyncio.sleep(faults["latency"].told["delay"])  # tidy: allow sleep, latency is what was asked for
        if "hold" in faults:
            self.state.held.set()
            await self.state.released.wait()
        if "status" in faults:
            return await self.refuse(head, faults["status"].told, body)
        if "double_request" in faults:
            whole = b"".join([piece async for piece in body])
            await self.exchange(Head(head.raw()), call, again(whole), length, keep=False)
            body = again(whole)
        faults |= self.state.pick(OF_BODIES, call, length)
        if "double_body" in faults:
            whole = 2 * b"".join([piece async for piece in body])
            head.set("content-length", len(whole))
            body, length = again(whole), len(whole)
        announce(head, length, faults, "request")
        return await self.exchange(head, call, spoiled(body, length, faults, "request"), length,
                                   lost="lose_reply" in faults)

    async def counted(self, call, pieces):
        async for piece in pieces:
            self.state.count(call, "request_bytes", len(piece))
            yield piece

    async def refuse(self, head, told, body):
        async for _ in body:
            pass
        text = told.get("body", SLOW_DOWN if told["status"] == 503 else "")
        await self.reply(told["status"], b"" if head.first.startswith("HEAD ") else text.encode(),
                         {"Content-Type": "application/xml", **told.get("headers", {})})
        return True

    async def exchange(self, head, call, body, length, keep=True, lost=False):
        """The request to the server, its reply to the client; `keep` false: to nobody."""
        await self.open_up()
        sending = asyncio.create_task(self.send(head, body, length))
        replying = asyncio.create_task(self.read_final(call))
        try:
            await asyncio.wait({sending, replying}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():  # else the server has replied before it has heard all
                sending.result()
            reply = await replying
            if reply is None:
                raise Cut
            stays = await self.pass_on(reply, call, keep, lost)
            await sending
            return stays and not head.closes()
        finally:
            for task in (sending, replying):
                task.cancel()
            await asyncio.gather(sending, replying, return_exceptions=True)

    async def send(self, head, body, length):
        refused = False
        try:
            self.up_writer.write(head.raw())
            await write_body(self.up_writer, body, length)
        except (ConnectionResetError, BrokenPipeError):
            refused = True  # the server ended it; its reply may still be there
        if refused:
            async for _ in body:
                pass

    async def read_final(self, call):
        while True:
            reply = await read_head(self.up_reader)
            if reply is None or not reply.first.split(" ")[1].startswith("1"):
                break
            self.writer.write(reply.raw())
        if reply is not None:
            self.state.learn_session(call, reply)
        return reply

    async def pass_on(self, reply, call, keep, lost):
        status = reply.first.split(" ")[1]
        bare = call.method == "HEAD" or status in ("204", "304")
        told = reply.length()
        length = 0 if bare else UNTIL_END if told is None else told
        pieces = pieces_of(self.up_reader, length)
        if not keep or lost:
            async for _ in pieces:
                pass
            if lost:
                raise Cut
            return True
        faults = self.state.pick(OF_REPLIES, call, length) if status.startswith("2") else {}
        if "stale_etag" in faults:
            for name in ("etag", "x-goog-generation"):
                reply.set(name, stale(reply.get(name)))
        announce(reply, length, faults, "reply")
        self.writer.write(reply.raw())
        await write_body(self.writer, self.counted_reply(call, spoiled(pieces, length, faults, "reply")), length)
        return length != UNTIL_END and not reply.closes()

    async def counted_reply(self, call, pieces):
        async for piece in pieces:
            self.state.count(call, "reply_bytes", len(piece))
            yield piece


def stale(value):
    """Another one of the same form."""
    digits = [at for at, each in enumerate(value or "") if each in "0123456789abcdef"]
    if not digits:
        return value
    at = digits[-1]
    return value[:at] + ("1" if value[at] != "1" else "2") + value[at + 1:]


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True, help="the server: http://127.0.0.1:PORT")
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    to = urllib.parse.urlsplit(args.to)
    state = State()

    async def accept(reader, writer):
        await Connection(state, (to.hostname, to.port), reader, writer).run()

    server = await asyncio.start_server(accept, "127.0.0.1", args.port, limit=HEAD_MAX, backlog=1000)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except KeyboardInterrupt:
        sys.exit(0)
