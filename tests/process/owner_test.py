#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One owner per project, whoever asks first: the ownership of src/app with a plane without an engine.

    owner_test.py PROGRAM    PROGRAM: build/release/tests/process/dummy_owner
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # the second when it goes while it is read
        return False


def wait_gone(pid, seconds=10):
    end = time.monotonic() + seconds
    while alive(pid):
        assert time.monotonic() < end, f"process {pid} is still there"
        time.sleep(0.005)  # tidy: allow sleep, a test of real time


class OwnerTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tutti-owner-")
        self.project = pathlib.Path(self.folder.name) / "project"
        self.project.mkdir()
        self.owners = set()

    def tearDown(self):
        for pid in self.owners:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
                wait_gone(pid)
        self.folder.cleanup()

    def start(self, *words, **env):
        return subprocess.Popen([PROGRAM, words[0], str(self.project), *words[1:]], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env={**os.environ, "DUMMY_IDLE_MS": "400", **env})

    def finish(self, process):
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, err), (0, ""))
        pid, runs, version = out.split()
        self.owners.add(int(pid))
        return int(pid), int(runs), version

    def client(self, **env):
        return self.finish(self.start("client", **env))

    def fails(self, **env):
        process = self.start("client", **env)
        out, err = process.communicate(timeout=30)
        self.assertNotEqual(process.returncode, 0, out)
        return process.returncode, err

    def test_two_commands_at_once_fifty_times(self):
        for trial in range(50):
            both = [self.start("client", DUMMY_IDLE_MS="100") for _ in range(2)]
            (pid_a, runs_a, _), (pid_b, runs_b, _) = [self.finish(p) for p in both]
            self.assertEqual(pid_a, pid_b, "two owners")
            self.assertEqual(sorted([runs_a, runs_b])[1], 2)
            if trial % 2 == 0:
                os.kill(pid_a, signal.SIGKILL)
            wait_gone(pid_a)  # else it ends by itself

    def test_many_commands_at_once(self):
        clients = [self.start("client") for _ in range(20)]
        seen = [self.finish(p) for p in clients]
        self.assertEqual(len({pid for pid, _, _ in seen}), 1)
        self.assertEqual(max(runs for _, runs, _ in seen), 20)

    def test_commands_while_the_owner_ends(self):
        # Each comes about when the last owner gives up.
        for trial in range(30):
            self.client(DUMMY_IDLE_MS="10")
            time.sleep(0.008 + trial * 0.0005)  # tidy: allow sleep, a test of real time
        self.assertTrue(True)

    def test_the_owner_is_its_own_session_and_ends_when_idle(self):
        pid, _, _ = self.client()
        self.assertEqual(os.getsid(pid), pid)
        self.assertTrue(alive(pid))
        mode = (self.project / ".tutti").stat().st_mode & 0o777
        self.assertEqual(mode, 0o700)
        for name in ("lock", "owner.log"):
            self.assertEqual((self.project / ".tutti" / name).stat().st_mode & 0o077, 0, name)
        wait_gone(pid)
        self.assertIn("ended: idle", (self.project / ".tutti/owner.log").read_text())
        self.assertFalse((self.project / ".tutti/sock").exists())

    def test_a_client_or_a_live_run_keeps_it(self):
        hold = self.start("hold", "1200", DUMMY_IDLE_MS="100")
        time.sleep(0.8)  # tidy: allow sleep, a test of real time
        pid, runs, _ = self.client()
        self.assertEqual(runs, 2)
        self.assertEqual(self.finish(hold)[0], pid)
        wait_gone(pid)
        pid, _, _ = self.client(DUMMY_IDLE_MS="50", DUMMY_LIVE="1")
        time.sleep(0.5)  # tidy: allow sleep, a test of real time
        self.assertTrue(alive(pid))

    def test_a_killed_owner_is_replaced_at_once(self):
        for _ in range(10):
            pid, runs, _ = self.client()
            self.assertEqual(runs, 1)
            os.kill(pid, signal.SIGKILL)
            begin = time.monotonic()
            next_pid, _, _ = self.client()
            self.assertNotEqual(pid, next_pid)
            self.assertLess(time.monotonic() - begin, 5)
            os.kill(next_pid, signal.SIGKILL)
            wait_gone(next_pid)

    def test_an_owner_that_cannot_start_says_why(self):
        status, err = self.fails(DUMMY_START="fail")
        self.assertEqual(err, "the state is damaged. mend it\n")
        status, err = self.fails(DUMMY_START="crash")
        self.assertIn("killed by SIGABRT while it started: it went wrong here", err)
        self.assertIn("owner.log", err)
        self.assertEqual(self.client()[1], 1)  # and nothing is left locked

    def test_an_owner_slow_to_start_is_waited_for(self):
        both = [self.start("client", DUMMY_START="slow") for _ in range(3)]
        self.assertEqual(len({self.finish(p)[0] for p in both}), 1)

    def test_a_stopped_owner_is_named(self):
        status, err = self.fails(DUMMY_START="hang", DUMMY_PATIENCE_MS="300")
        self.assertIn("does not answer", err)
        self.assertIn("owner.log", err)
        # the hanging one has no number in the lock: find it by its command line
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(self.project).encode() in entry.read_bytes():
                    os.kill(int(entry.parent.name), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                pass
        self.assertEqual(self.client()[1], 1)

    def test_an_idle_owner_of_another_version_gives_way(self):
        old, _, _ = self.client(DUMMY_VERSION="1", DUMMY_IDLE_MS="60000")
        new, runs, version = self.client(DUMMY_VERSION="2")
        self.assertNotEqual(old, new)
        self.assertEqual((runs, version), (1, "2"))
        wait_gone(old)

    def test_a_busy_owner_of_another_version_is_used(self):
        old, _, _ = self.client(DUMMY_VERSION="1", DUMMY_LIVE="1")
        pid, runs, version = self.client(DUMMY_VERSION="2")
        self.assertEqual((pid, runs, version), (old, 2, "1"))

    def test_a_deep_folder(self):
        self.project = self.project / ("a" * 120) / ("b" * 120)
        self.project.mkdir(parents=True)
        self.assertEqual(self.client()[1], 1)
        self.assertEqual(self.client()[1], 2)

    def test_a_folder_that_cannot_be_written(self):
        (self.project / ".tutti").write_text("a file")
        status, err = self.fails()
        self.assertIn(".tutti", err)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
