#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command beside real servers, each on a free port of 127.0.0.1 with a folder of its own.

usage: with_servers.py SERVER... -- COMMAND [ARGUMENT...]

Servers and the variable in which the command finds the URL of each:
  versitygw TUTTI_TEST_S3      gcs TUTTI_TEST_GCS      azurite TUTTI_TEST_AZURE
  strict_gcs TUTTI_TEST_STRICT_GCS (tests/fakes)
The command's status is the status. The servers end with it, and their folders with them.
"""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

DEPS = pathlib.Path(os.environ.get("TUTTI_DEPS", pathlib.Path.home() / ".cache/tutti/deps"))
VERSIONS = pathlib.Path(__file__).resolve().parents[2] / "tools/deps/servers"
FAKES = pathlib.Path(__file__).resolve().parents[1] / "fakes"
READY_SECONDS = 60


def installed(name):
    for line in VERSIONS.read_text().splitlines():
        if line.startswith(name + " "):
            folder = DEPS / f"{name}-{line.split()[1]}"
            if folder.is_dir():
                return folder
    sys.exit(f"with_servers: {name} is not in {DEPS}: run tools/setup --servers")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def versitygw(folder, port):
    (folder / "objects").mkdir()
    (folder / "versions").mkdir()
    return {
        "argv": [installed("versitygw") / "bin/versitygw", "--port", f"127.0.0.1:{port}", "--health", "/health",
                 "--keep-alive", "--quiet", "posix", "--versioning-dir", folder / "versions", folder / "objects"],
        "env": {"ROOT_ACCESS_KEY": "testkey", "ROOT_SECRET_KEY": "testsecret"},
        "ready": "/health", "variable": "TUTTI_TEST_S3", "url": f"http://127.0.0.1:{port}",
    }


def gcs(folder, port):
    return {
        "argv": [installed("fake-gcs-server") / "bin/fake-gcs-server", "-scheme", "http", "-host", "127.0.0.1",
                 "-port", str(port), "-public-host", f"127.0.0.1:{port}",
                 "-external-url", f"http://127.0.0.1:{port}", "-backend", "memory"],
        "env": {}, "ready": "/_internal/healthcheck", "variable": "TUTTI_TEST_GCS", "url": f"http://127.0.0.1:{port}",
    }


def strict_gcs(folder, port):
    return {
        "argv": [sys.executable, FAKES / "gcs/server.py", "--port", str(port)],
        "env": {}, "ready": "/_control/requests", "variable": "TUTTI_TEST_STRICT_GCS", "url": f"http://127.0.0.1:{port}",
    }


def azurite(folder, port):
    return {
        "argv": [installed("azurite") / "node_modules/.bin/azurite-blob", "--silent", "--disableTelemetry",
                 "--skipApiVersionCheck", "-l", folder, "--blobHost", "127.0.0.1", "--blobPort", str(port)],
        "env": {}, "ready": "/devstoreaccount1?comp=list", "variable": "TUTTI_TEST_AZURE",
        "url": f"http://127.0.0.1:{port}/devstoreaccount1", "root": f"http://127.0.0.1:{port}",
    }


SERVERS = {"versitygw": versitygw, "gcs": gcs, "strict_gcs": strict_gcs, "azurite": azurite}


def is_ready(url):
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2).close()
        return True
    except urllib.error.HTTPError:
        return True  # it answers
    except (urllib.error.URLError, OSError):
        return False


def start(name, folder, stack):
    folder.mkdir()
    for _ in range(5):  # a port can be taken between its choice and its use
        server = SERVERS[name](folder, free_port())
        log = stack.enter_context(open(folder.parent / f"{name}.log", "wb"))
        process = subprocess.Popen([str(word) for word in server["argv"]], env={**os.environ, **server["env"]},
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if is_ready(server.get("root", server["url"]) + server["ready"]):
                stack.callback(stop, process)
                return server
            time.sleep(0.05)  # tidy: allow sleep, nothing but its answer tells that a foreign server is ready
        stop(process)
        shutil.rmtree(folder)
        folder.mkdir()
    sys.exit(f"with_servers: {name} does not start:\n{(folder.parent / f'{name}.log').read_text()[-2000:]}")


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(arguments):
    if "--" not in arguments:
        sys.exit(__doc__)
    split = arguments.index("--")
    names, command = arguments[:split], arguments[split + 1:]
    unknown = [name for name in names if name not in SERVERS]
    if unknown or not command:
        sys.exit(f"with_servers: no server {' '.join(unknown)}; there are: {' '.join(SERVERS)}")
    with tempfile.TemporaryDirectory(prefix="tutti-servers.") as folder, contextlib.ExitStack() as stack:
        env = dict(os.environ)
        for name in names:
            server = start(name, pathlib.Path(folder) / name, stack)
            env[server["variable"]] = server["url"]
        return subprocess.call(command, env=env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
