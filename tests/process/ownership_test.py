#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One owner for a project, whoever asks, and whatever happens to it.

    ownership_test.py [--tutti build/release/tutti] [--pairs 50]
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from project import DEFAULT_TUTTI, Project, Wrong, expect, pause, run_tests, state_of

ONE = "workflow: one\ntasks: {only: {uses: noop}}\n"
SLOW = """workflow: slow
tasks:
  first: {uses: noop}
  work: {needs: first, uses: process, with: {run: "echo begun; sleep 3; echo ended"}}
  last: {needs: work, uses: noop}
"""


def two_at_once(pairs):
    def test(tutti):
        for pair in range(pairs):
            with Project(tutti, {"workflows/one.yaml": ONE}) as project:
                commands = [project.start("run", "one") for _ in range(2)]
                texts = [command.communicate(timeout=60) for command in commands]
                for command, (out, err) in zip(commands, texts):
                    expect(command.returncode == 0, f"pair {pair}: ended with {command.returncode}: {out}{err}")
                    expect("error" not in err, f"pair {pair}: {err}")
                expect(len(project.owners()) <= 1, f"pair {pair}: owners {project.owners()}")
                expect(len(project.json("runs")) == 2, f"pair {pair}: not two runs")
    return test


def killed_owner(tutti):
    with Project(tutti, {"workflows/slow.yaml": SLOW}) as project:
        run = project.call("run", "slow", "--detach").stdout.strip()
        project.wait_until(run, lambda view: state_of(view, "work") == "running")
        for pid in project.owners():
            os.kill(pid, signal.SIGKILL)
        view = project.wait_for_end(run)
        expect(view["state"] == "success", f"the run is {view['state']}")
        attempts = [a for a in view["attempts"] if a["task_name"] == "work"]
        expect([a["state"] for a in attempts][-1] == "success", f"attempts {attempts}")


def terminated_owner(tutti):
    with Project(tutti, {"workflows/slow.yaml": SLOW}) as project:
        run = project.call("run", "slow", "--detach").stdout.strip()
        project.wait_until(run, lambda view: state_of(view, "work") == "running")
        owner = project.owners()[0]
        os.kill(owner, signal.SIGTERM)
        for _ in range(100):
            if owner not in project.owners():
                break
            pause(0.1)
        expect(owner not in project.owners(), "the owner did not end on SIGTERM")
        view = project.wait_for_end(run)
        expect(view["state"] == "success", f"the run is {view['state']}")


def stopped_owner(tutti):
    with Project(tutti, {"workflows/slow.yaml": SLOW}) as project:
        run = project.call("run", "slow", "--detach").stdout.strip()
        project.wait_until(run, lambda view: state_of(view, "work") == "running")
        owner = project.owners()[0]
        os.kill(owner, signal.SIGSTOP)
        pause(1)
        os.kill(owner, signal.SIGCONT)
        view = project.wait_for_end(run)
        expect(view["state"] == "success", f"the run is {view['state']}")
        expect(project.owners() in ([owner], []), "another owner came beside the stopped one")


def await_work(project):
    """Until the task `work` of the newest run is running, ten seconds at most."""
    for _ in range(200):
        if project.owners() and project.json("runs") and state_of(project.json("show", "latest"), "work") == "running":
            break
        pause(0.05)


def interrupted_run(tutti):
    with Project(tutti, {"workflows/slow.yaml": SLOW}) as project:
        command = project.start("run", "slow")
        await_work(project)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=60)
        expect(command.returncode == 130, f"exit status {command.returncode}: {out}{err}")
        expect("cancelling the run" in err, f"it does not say what it does: {err}")
        view = project.json("show", "latest")
        expect(view["state"] == "cancelled", f"the run is {view['state']}")


def idle_owner_ends(tutti):
    with Project(tutti, {"workflows/one.yaml": ONE}) as project:
        project.call("run", "one")
        for _ in range(60):
            if not project.owners():
                return
            pause(0.1)
        raise Wrong("the owner is still there six seconds after the last client")


COPY = "workflow: put\ntasks: {it: {uses: copy, with: {from: 's3://in/a', to: 'dst://a', if_exists: replace}}}\n"


def settings(folder):
    return f"project: test\nprofiles: {{local: {{connections: {{dst: {{type: local, root: {folder}}}}}}}}}\n"


def edited_settings(tutti):
    with Project(tutti, {"tutti.yaml": settings("out1"), "clouds/s3/in/a": "x", "workflows/put.yaml": COPY,
                         "workflows/slow.yaml": SLOW.replace("sleep 3", "sleep 300")}) as project:
        project.call("run", "put")
        (project.folder / "tutti.yaml").write_text(settings("out2"))
        project.call("run", "put")
        expect((project.folder / "out2/a").exists(), "the run used the old settings")
        run = project.call("run", "slow", "--detach").stdout.strip()
        project.wait_until(run, lambda view: state_of(view, "work") == "running")
        (project.folder / "tutti.yaml").write_text(settings("out3"))
        refused = project.call("run", "put", status=1)
        for word in ("tutti.yaml", run, "tutti cancel"):
            expect(word in refused.stderr, f"the error lacks '{word}': {refused.stderr}")
        expect(project.json("show", run)["state"] == "running", "a look is refused")
        (project.folder / "tutti.yaml").write_text("# only a comment\n" + settings("out2"))
        project.call("run", "put")
        (project.folder / "tutti.yaml").write_text(settings("out3"))
        project.call("cancel", run)
        project.wait_for_end(run)
        project.call("run", "put")
        expect((project.folder / "out3/a").exists(), "the run used the old settings")


def changed_environment(tutti):
    shows = "workflow: shows\ntasks: {it: {uses: process, env: {KEY: '{{ secrets.key }}'}, with: {run: 'printf %s \"$KEY\" | rev'}}}\n"
    with Project(tutti, {"tutti.yaml": "project: test\nsecrets: {key: {env: TUTTI_TEST_KEY}}\n", "workflows/shows.yaml": shows,
                         "workflows/slow.yaml": SLOW.replace("sleep 3", "sleep 300")}) as project:
        project.call("run", "shows", status=1)
        for value in ("first value", "second value"):
            project.environment["TUTTI_TEST_KEY"] = value
            project.call("run", "shows")
            expect(value[::-1] in project.call("logs", "latest").stdout, f"the run did not use '{value}'")
        run = project.call("run", "slow", "--detach").stdout.strip()
        project.wait_until(run, lambda view: state_of(view, "work") == "running")
        project.environment["TUTTI_TEST_KEY"] = "third value"
        refused = project.call("run", "shows", status=1)
        expect("environment variables" in refused.stderr and "third" not in refused.stderr, refused.stderr)
        expect(project.json("show", run)["state"] == "running", "a look is refused")


def followed_run(tutti):
    with Project(tutti, {"workflows/slow.yaml": SLOW}) as project:
        command = project.start("run", "slow")
        await_work(project)
        for pid in project.owners():
            os.kill(pid, signal.SIGKILL)
        out, err = command.communicate(timeout=60)
        expect(command.returncode == 0, f"exit status {command.returncode}: {out}{err}")
        expect("goes on with a new one" in err, f"it does not say what happened: {err}")
        runs = project.json("runs")
        expect([run["state"] for run in runs] == ["success"], f"not one run that succeeded: {runs}")


def full_disk(tutti):
    if os.geteuid() != 0:
        print("        skipped: needs root to mount a small disk")
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tutti-disk."))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], check=True)
    try:
        with Project(tutti, {"workflows/slow.yaml": SLOW}, folder / "project") as project:
            project.call("run", "slow")
            filler = folder / "filler"
            run = project.call("run", "slow", "--detach").stdout.strip()
            project.wait_until(run, lambda view: state_of(view, "work") == "running")
            with open(filler, "wb") as out:
                try:
                    while True:
                        out.write(b"x" * 65536)
                except OSError:
                    pass
            pause(4)  # the task ends meanwhile; its end cannot be written
            refused = project.call("run", "slow", "--detach", status=None)
            if refused.returncode != 0:
                expect("disk" in refused.stderr or "space" in refused.stderr, f"the error does not say why: {refused.stderr}")
            filler.unlink()
            view = project.wait_for_end(run, 90)
            expect(view["state"] == "success", f"the run is {view['state']}: {view}")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    parser.add_argument("--pairs", type=int, default=50)
    args = parser.parse_args()
    return run_tests([("the owner is killed, the next command takes over", killed_owner),
                      ("SIGTERM ends the owner and leaves the run resumable", terminated_owner),
                      ("a stopped owner goes on", stopped_owner),
                      ("Ctrl-C cancels the run", interrupted_run),
                      ("an idle owner ends", idle_owner_ends),
                      ("settings that were edited are used, or the run is refused", edited_settings),
                      ("so are secrets of the environment", changed_environment),
                      ("`tutti run` follows its run to the next owner", followed_run),
                      ("a full disk loses nothing", full_disk),
                      (f"two commands at once, {args.pairs} times", two_at_once(args.pairs))], args.tutti)


if __name__ == "__main__":
    sys.exit(main())
