#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A write over HTTP is never sent again by itself unless it has an idempotency_key."""
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from project import Project, expect, pause, state_of, test_main  # noqa: E402


class Server:
    """Counts requests; what it answers is `reply`: nothing means that it reads and closes."""

    def __init__(self, reply=b""):
        self.reply = reply
        self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            with client:
                if client.recv(65536):
                    self.requests += 1
                    client.sendall(self.reply)


def post(port, attempts, more=""):
    return (f"workflow: w\ntasks:\n  it:\n    uses: http\n    retry: {{attempts: {attempts}, delay: 10ms}}\n"
            f'    with: {{url: "http://127.0.0.1:{port}/", method: POST{more}}}\n')


def sends_once(attempts):
    def test(tutti):
        server = Server()
        with Project(tutti, {"workflows/w.yaml": post(server.port, attempts)}) as project:
            done = project.call("run", "w", status=1)
            expect(server.requests == 1, f"sent {server.requests} times")
            expect("needs attention" in done.stdout + done.stderr, done.stdout + done.stderr)
            view = project.json("show", "latest")
            expect(state_of(view, "it") == "deferred" and view["attention"], str(view))
            project.call("retry", "latest", status=None)
            expect(server.requests == 1, f"`tutti retry` sent it again: {server.requests}")
            for _ in range(100):
                if not project.owners():
                    break
                pause(0.1)
            expect(not project.owners(), "a run that waits for a person keeps the owner alive")
            project.call("mark", "latest", "it", "success")
            expect(project.wait_for_end("latest")["state"] == "success", "the mark did not end it")
    return test


def answer_is_known(tutti):
    server = Server(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    with Project(tutti, {"workflows/w.yaml": post(server.port, 2)}) as project:
        project.call("run", "w", status=1)
        expect(server.requests == 2, f"sent {server.requests} times")
        expect(state_of(project.json("show", "latest"), "it") == "failed", "an answer is a known outcome")


def key_makes_it_repeatable(tutti):
    server = Server()
    with Project(tutti, {"workflows/w.yaml": post(server.port, 1, ", idempotency_key: k")}) as project:
        project.call("run", "w", status=1)
        expect(server.requests > 1, f"sent {server.requests} times")
        expect(state_of(project.json("show", "latest"), "it") == "failed", "with a key nothing is unknown")


TESTS = [
    ("a POST without an answer, one attempt", sends_once(1)),
    ("a POST without an answer, three attempts", sends_once(3)),
    ("a POST that is answered with 503", answer_is_known),
    ("a POST with a key", key_makes_it_repeatable),
]

if __name__ == "__main__":
    sys.exit(test_main(__doc__, TESTS))
