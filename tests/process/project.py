# SPDX-License-Identifier: Apache-2.0
"""A project in a temporary folder and the processes that belong to it; for tests of the real program."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEFAULT_TUTTI = ROOT / "build/release/tutti"
END_STATES = {"success", "failed", "cancelled"}


class Wrong(Exception):
    """A promise that does not hold."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def pause(seconds):
    time.sleep(seconds)  # tidy: allow sleep, tests of real processes run in real time


class Project:
    """`files`: path -> text. The folder is removed at the end, unless the test failed."""

    def __init__(self, tutti, files, folder=None):
        self.tutti = str(pathlib.Path(tutti).resolve())
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="tutti-test."))
        self.environment = {**os.environ, "NO_COLOR": "1"}
        for path, text in {"tutti.yaml": "project: test\n", **files}.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for pid in self.owners():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"folder: {self.folder}")

    def start(self, *arguments, **options):
        return subprocess.Popen([self.tutti, *arguments], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True, **options)

    def call(self, *arguments, status=0, timeout=120):
        """Runs a command to its end; `status` None: whatever it ends with."""
        done = subprocess.run([self.tutti, *arguments], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout, check=False)
        if status is not None and done.returncode != status:
            raise Wrong(f"tutti {' '.join(arguments)} ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
        return done

    def json(self, *arguments):
        return json.loads(self.call(*arguments, "-o", "json").stdout)

    def wait_until(self, run, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            view = self.json("show", run)
            if condition(view):
                return view
            pause(0.05)
        raise Wrong(f"it did not come to be within {seconds} s: {[(t['name'], t['state']) for t in view['task_runs']]}")

    def wait_for_end(self, run, seconds=60):
        return self.wait_until(run, lambda view: view["state"] in END_STATES, seconds)

    def owners(self):
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                argv = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if len(argv) > 2 and argv[1] == b"owner" and str(self.folder).encode() in argv:
                found.append(int(entry.name))
        return found


def state_of(view, task):
    return next(each["state"] for each in view["task_runs"] if each["name"] == task)


def test_main(doc, tests):
    """The program of a test file: `tests` with the tutti that --tutti names; its exit status."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    return run_tests(tests, parser.parse_args().tutti.resolve())


def run_tests(tests, tutti):
    """Runs (name, function(tutti)) pairs; prints a line each; the number of failures."""
    failed = 0
    for name, test in tests:
        started = time.monotonic()
        try:
            test(tutti)
            print(f"good    {name} ({time.monotonic() - started:.1f} s)", flush=True)
        except (Wrong, subprocess.TimeoutExpired, KeyError, StopIteration) as wrong:
            failed += 1
            print(f"FAILED  {name}: {wrong!r}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return failed
