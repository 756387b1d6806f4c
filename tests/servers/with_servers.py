#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command beside real servers, each on a free port of 127.0.0.1 with a folder of its own.

usage: with_servers.py SERVER... -- COMMAND [ARGUMENT...]

Servers and the variable in which the command finds the URL of each:
  versitygw TUTTI_TEST_S3      gcs TUTTI_TEST_GCS      azurite TUTTI_TEST_AZURE
  moto TUTTI_TEST_MOTO         rclone TUTTI_TEST_RCLONE
  strict_gcs TUTTI_TEST_STRICT_GCS (tests/fakes)
proxy:SERVER is SERVER behind tests/fakes/fault_proxy: its variable has the proxy's URL, TUTTI_DIRECT_S3 (..._GCS ...)
its own, TUTTI_PROXY_S3 the URL that commands faults. TUTTI_DISK_S3 is the folder of versitygw's buckets,
TUTTI_DISK_AZURE that of Azurite. pull:azurite is Azurite that reads sources anywhere (tests/fakes/azure_pull):
TUTTI_TEST_AZURE_PULL has its URL, TUTTI_PULLS_AZURE the one that tells what it read; TUTTI_TEST_AZURE is it without.
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
import urllib.parse
import urllib.request

DEPS = pathlib.Path(os.environ.get("TUTTI_DEPS", pathlib.Path.home() / ".cache/tutti/deps"))
VERSIONS = pathlib.Path(__file__).resolve().parents[2] / "tools/deps"
FAKES = pathlib.Path(__file__).resolve().parents[1] / "fakes"
READY_SECONDS = 60
# The published key of the emulators' account.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def installed(name):
    for list_name in ("servers", "full"):
        for line in (VERSIONS / list_name).read_text().splitlines():
            if line.startswith(name + " "):
                folder = DEPS / f"{name}-{line.split()[1]}"
                if folder.is_dir():
                    return folder
                sys.exit(f"with_servers: {name} is not in {DEPS}: run tools/setup --{list_name}")
    return sys.exit(f"with_servers: {name} is in no list of {VERSIONS}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def versitygw(folder, port, _):
    (folder / "objects").mkdir()
    (folder / "versions").mkdir()
    return {
        "argv": [installed("versitygw") / "bin/versitygw", "--port", f"127.0.0.1:{port}", "--health", "/health",
                 "--keep-alive", "--quiet", "posix", "--versioning-dir", folder / "versions", folder / "objects"],
        "env": {"ROOT_ACCESS_KEY": "testkey", "ROOT_SECRET_KEY": "testsecret"},
        "ready": "/health", "variable": "TUTTI_TEST_S3", "url": f"http://127.0.0.1:{port}",
        "more": {"TUTTI_DISK_S3": folder / "objects"},
    }


def gcs(folder, port, public):
    return {
        "argv": [installed("fake-gcs-server") / "bin/fake-gcs-server", "-scheme", "http", "-host", "127.0.0.1",
                 "-port", str(port), "-public-host", f"127.0.0.1:{public}",
                 "-external-url", f"http://127.0.0.1:{public}", "-backend", "memory"],
        "env": {}, "ready": "/_internal/healthcheck", "variable": "TUTTI_TEST_GCS", "url": f"http://127.0.0.1:{port}",
    }


def strict_gcs(folder, port, _):
    return {
        "argv": [sys.executable, FAKES / "gcs/server.py", "--port", str(port)],
        "env": {}, "ready": "/_control/requests", "variable": "TUTTI_TEST_STRICT_GCS", "url": f"http://127.0.0.1:{port}",
    }


def azurite(folder, port, _):
    return {
        "argv": [installed("azurite") / "node_modules/.bin/azurite-blob", "--silent", "--disableTelemetry",
                 "--skipApiVersionCheck", "-l", folder, "--blobHost", "127.0.0.1", "--blobPort", str(port)],
        "env": {}, "ready": "/devstoreaccount1?comp=list", "variable": "TUTTI_TEST_AZURE",
        "url": f"http://127.0.0.1:{port}/devstoreaccount1", "root": f"http://127.0.0.1:{port}",
        "more": {"TUTTI_DISK_AZURE": folder},
    }


def moto(folder, port, _):
    # Without its program: that names the interpreter of where it was built.
    return {
        "argv": [installed("moto") / "bin/python", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        "env": {}, "ready": "/moto-api/", "variable": "TUTTI_TEST_MOTO", "url": f"http://127.0.0.1:{port}",
    }


def rclone(folder, port, _):
    (folder / "objects").mkdir()
    return {
        "argv": [installed("rclone") / "bin/rclone", "--config", folder / "none.conf", "serve", "s3",
                 "--addr", f"127.0.0.1:{port}", "--auth-key", "testkey,testsecret", "--vfs-cache-mode", "off",
                 folder / "objects"],
        "env": {}, "ready": "/", "variable": "TUTTI_TEST_RCLONE", "url": f"http://127.0.0.1:{port}",
    }


SERVERS = {"versitygw": versitygw, "gcs": gcs, "strict_gcs": strict_gcs, "azurite": azurite, "moto": moto,
           "rclone": rclone}


def is_ready(url):
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2).close()
        return True
    except urllib.error.HTTPError:
        return True  # it answers
    except (urllib.error.URLError, OSError):
        return False


def start(name, folder, stack):
    """The server's variables."""
    kind = name.removeprefix("proxy:").removeprefix("pull:")
    for _ in range(5):  # a port can be taken between its choice and its use
        folder.mkdir()
        port, public = free_port(), free_port()
        server = SERVERS[kind](folder, port, port if name == kind else public)
        if run(server, f"{folder}.log", folder, stack):
            env = {server["variable"]: server["url"], **server.get("more", {})}
            if name == kind:
                return env
            pulls = name.startswith("pull:")
            front = azure_pull(port, public) if pulls else fault_proxy(server, port, public)
            if run(front, f"{folder}.front.log", folder, stack):
                return env | (pulling if pulls else proxied)(server["variable"], server["url"], front["url"])
        shutil.rmtree(folder)
    log = pathlib.Path(f"{folder}.log").read_text(errors="replace")
    return sys.exit(f"with_servers: {name} does not start:\n{log[-2000:]}")


def fault_proxy(server, port, public):
    return {"argv": [sys.executable, FAKES / "fault_proxy/proxy.py", "--to", f"http://127.0.0.1:{port}",
                     "--port", str(public)],
            "env": {}, "ready": "/_faults", "url": f"http://127.0.0.1:{public}"}


def azure_pull(port, public):
    return {"argv": [sys.executable, FAKES / "azure_pull/server.py", "--to", f"http://127.0.0.1:{port}",
                     "--port", str(public)],
            "env": {}, "ready": "/_pulls", "url": f"http://127.0.0.1:{public}"}


def pulling(variable, url, front):
    return {f"{variable}_PULL": front + urllib.parse.urlsplit(url).path, "TUTTI_PULLS_AZURE": front + "/_pulls"}


def proxied(variable, url, proxy):
    path = urllib.parse.urlsplit(url).path
    return {variable: proxy + path, variable.replace("_TEST_", "_DIRECT_"): url,
            variable.replace("_TEST_", "_PROXY_"): proxy + "/_faults"}


def run(server, log_name, folder, stack):
    """Whether it came to run."""
    log = stack.enter_context(open(log_name, "wb"))
    process = subprocess.Popen([str(word) for word in server["argv"]], env={**os.environ, **server["env"]},
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_ready(server.get("root", server["url"]) + server["ready"]):
            stack.callback(stop, process)
            return True
        time.sleep(0.05)  # tidy: allow sleep, nothing but its answer tells that a foreign server is ready
    stop(process)
    return False


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
    unknown = [name for name in names if name.removeprefix("proxy:").removeprefix("pull:") not in SERVERS]
    if unknown or not command:
        sys.exit(f"with_servers: no server {' '.join(unknown)}; there are: {' '.join(SERVERS)}")
    with tempfile.TemporaryDirectory(prefix="tutti-servers.") as folder, contextlib.ExitStack() as stack:
        env = dict(os.environ)
        for name in names:
            started = start(name, pathlib.Path(folder) / name.partition(":")[2 if ":" in name else 0], stack)
            env |= {variable: str(value) for variable, value in started.items()}
        return subprocess.call(command, env=env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
