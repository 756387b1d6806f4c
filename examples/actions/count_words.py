#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An action that is a program: counts the words of a project's file over tutti.action/1.

Nothing but the protocol (docs/action-protocol.md): it could be written in any language.
"""
import json
import os
import struct
import sys


def send(message):
    body = json.dumps(message).encode()
    data = struct.pack("<I", len(body)) + body
    while data:
        data = data[os.write(4, data):]


def read(count):
    data = b""
    while len(data) < count:
        part = os.read(3, count - len(data))
        if not part:
            sys.exit(0)  # the host has gone: nothing is left to do
        data += part
    return data


def receive():
    return json.loads(read(struct.unpack("<I", read(4))[0]))


def file_of_project(run, path):
    send({"type": "request", "id": run, "request": 1, "what": "project_file", "args": {"path": path}})
    while True:
        message = receive()
        if message["type"] == "answer" and message["request"] == 1:
            if "error" in message:
                raise FileNotFoundError(message["error"]["what"])
            return message["value"]
        if message["type"] == "cancel":
            raise InterruptedError(message["reason"])


def count(run, path):
    text = file_of_project(run, path)
    words = len(text.split())
    send({"type": "log", "id": run, "stream": "out", "text": f"{path} has {words} words\n"})
    send({"type": "progress", "id": run, "bytes_done": len(text.encode()), "items_done": words})
    return {"words": words, "lines": len(text.splitlines())}


def main():
    receive()  # the host's hello
    send({"type": "hello", "protocol": "tutti.action/1", "name": "count_words", "version": "1"})
    while True:
        message = receive()
        run = message.get("id")
        if message["type"] == "bye":
            return
        if message["type"] == "plan":
            step = {"what": f"count the words of {message['with']['path']}"}
            send({"type": "planned", "id": run, "steps": [step]})
        if message["type"] == "run":
            try:
                send({"type": "done", "id": run, "output": count(run, message["with"]["path"])})
            except (FileNotFoundError, InterruptedError, KeyError) as e:
                send({"type": "failed", "id": run, "retryable": False,
                      "error": {"code": "bad_input", "what": f"it cannot be counted: {e}",
                                "remedy": "give the path of a text file of the project as `path`"}})


if __name__ == "__main__":
    main()
