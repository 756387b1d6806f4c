#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the commands print and with which status they end."""
import argparse
import datetime
import fcntl
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from project import DEFAULT_TUTTI, Project, expect, run_tests, state_of  # noqa: E402

PROJECT = """project: test
secrets: {key: {env: TUTTI_E2E_NO_SUCH_VARIABLE}}
profiles:
  local:
    sandbox: true
    connections:
      s3: {type: local, buckets: clouds/s3}
      gs: {type: local, buckets: clouds/gs}
"""
FILES = {
    "tutti.yaml": PROJECT,
    "clouds/s3/b/a.json": "{}",
    "clouds/s3/b/in/x.json": "[]",
    "clouds/s3/b/in/y.csv": "1,2",
    "workflows/quiet.yaml": "workflow: quiet\ntasks: {a: {uses: noop}}\n",
    "workflows/slow.yaml": "workflow: slow\ntasks:\n  wait: {uses: process, with: {run: 'trap \"sleep 1; exit 1\" TERM; echo up; sleep 60 & wait'}}\n",
    "workflows/late.yaml": "workflow: late\ntasks:\n  long: {uses: process, timeout: 100ms, with: {run: 'sleep 9'}}\n",
    "workflows/secret.yaml": "workflow: secret\ntasks:\n  call: {uses: process, env: {KEY: '{{ secrets.key }}'}, with: {run: 'true'}}\n",
    "workflows/lines.yaml": "workflow: lines\ntasks:\n  many: {uses: process, with: {run: 'head -n 300000 < <(yes); echo last'}}\n",
}


def says(project, arguments, status, *words, lacks=()):
    done = project.call(*arguments, status=None)
    text = done.stdout + done.stderr
    expect(done.returncode == status, f"{arguments} ended with {done.returncode}, not {status}:\n{text}")
    for word in words:
        expect(word in text, f"{arguments} does not say '{word}':\n{text}")
    for word in lacks:
        expect(word not in text, f"{arguments} says '{word}':\n{text}")
    return done


def mistakes(tutti):
    """What newcomers type, which must cost them nothing."""
    with Project(tutti, FILES) as project:
        folder = project.folder
        (folder / "src").mkdir()
        for name in ("one", "two", "three"):
            (folder / f"src/{name}.csv").write_text(name)
        # The shell has written out src/*.csv: all but the first would be destinations.
        says(project, ["cp", "src/one.csv", "src/three.csv", "src/two.csv", "out/"], 2, "src/three.csv", "quote it: 'data/*.csv'")
        for name in ("one", "two", "three"):
            expect((folder / f"src/{name}.csv").read_text() == name, f"src/{name}.csv was overwritten")
        says(project, ["mv", "--dry-run", "src/", "out/", "more/"], 2, "mv has one destination")

        for said, meant in (("S3://b/x/", "s3://b/x/"), ("s3:b/x/", "s3://b/x/"), ("arn:aws:s3:::b/x/", "s3://b/x/")):
            says(project, ["cp", "src/", said], 2, f"write {meant}", f"a file of that name is ./{said}")
            says(project, ["cp", said + "k", "out/"], 2, f"write {meant}k")
        expect(not [each for each in folder.iterdir() if ":" in each.name], "a folder was made of an address")
        says(project, ["cp", "src/one.csv", "./a:b"], 0, "copied 1 object")
        says(project, ["cp", "a:b", "out/"], 0, "copied 1 object")  # it is there
        says(project, ["cp", "src/one.csv", "12:30"], 0, "copied 1 object")

        says(project, ["cp", "src/", "s3://b/src/", "--manifest", "src/one.csv"], 2, "src/one.csv", "give it a name of its own")
        says(project, ["cp", "src/", "s3://b/src/", "--manifest", "/dev/null"], 2, "/dev/null", "give it a name of its own")
        expect((folder / "src/one.csv").read_text() == "one", "src/one.csv became a manifest")
        for _ in range(2):
            says(project, ["cp", "src/", "s3://b/src/", "--manifest", "copied.jsonl"], 0, "copied 3 objects")
        says(project, ["cp", "src/", "s3://b/src/", "--only-failed", "copied.jsonl"], 0, "nothing has failed")
        says(project, ["cp", "src/", "s3://b/src/", "--only-failed", "copied.jsonl", "--manifest", "copied.jsonl"], 2, "another name")
        says(project, ["verify", "copied.jsonl"], 0, "3 objects")

        says(project, ["cp", "src/", "s3://b/none/", "--larger", "10MB"], 2, "the filters leave out every object below this prefix")
        says(project, ["cp", "src/", "s3://b/none/", "--exclude", "*", "--include", "*.csv"], 2, "no --include brings back")
        says(project, ["cp", "nothing/", "s3://b/none/"], 2, "there is no object below this prefix")

        (folder / "src/two.csv").write_text("changed")
        says(project, ["cp", "src/", "s3://b/src/", "--if-exists", "verify"], 1, "it exists and is different",
             "`tutti sync` sends what differs", lacks=["finishes it"])
        says(project, ["sync", "src/", "s3://b/src/", "--checksum"], 0, "copied 1 object")

        says(project, ["rm", "--yes", "--max", "-1", "s3://b/src/"], 2, "--max")
        says(project, ["sync", "src/", "s3://b/src/", "--delete", "--max-delete", "-1"], 2, "--max-delete")
        says(project, ["cp", "src/", "s3://b/src/", "--max-failures", "-1"], 2, "--max-failures")

        for said, meant in (("https://acc.blob.core.windows.net/con/a.csv?sv=1&sig=x", "abfss://con@acc.blob.core.windows.net/a.csv"),
                            ("https://storage.googleapis.com/b/a.csv", "gs://b/a.csv"),
                            ("https://b.s3.eu-west-1.amazonaws.com/a.csv", "s3://b/a.csv"),
                            ("https://s3.amazonaws.com/b/a%20b.csv", "s3://b/a b.csv"),
                            ("https://my.s3.data.s3.eu-west-1.amazonaws.com/k", "s3://my.s3.data/k"),
                            ("HTTPS://b.storage.googleapis.com/k", "gs://b/k"),
                            ("https:/b/k", "CONNECTION://KEY"), ("https://", "CONNECTION://KEY"),
                            ("https://me:sig=x@b.s3.amazonaws.com/k", "CONNECTION://KEY"),
                            ("https://glue.us-east-1.amazonaws.com/k", "CONNECTION://KEY"),
                            ("http://127.0.0.1:9000/b/a.csv", "CONNECTION://KEY")):
            says(project, ["cp", said, "out/"], 2, f"write {meant}", lacks=["sig=x"])
        says(project, ["ls", "gcs://b/"], 2, "gs://BUCKET/KEY")
        says(project, ["ls", "s3a://b/in/"], 0, "s3://b/in/x.json")
        for said, meant in (("copy", "tutti cp"), ("rsync", "tutti sync"), ("delete", "tutti rm"), ("s3", "leave that word out")):
            says(project, [said, "src/", "s3://b/"], 2, f"no command '{said}'", meant)
        for word in (["ls", "-R"], ["du", "-r"], ["rm", "-R", "--dry-run"]):
            says(project, [*word, "s3://b/in/"], 0)
        says(project, ["cp", "src/", "s3://b/slow/", "--bandwidth", "10M"], 0, "copied 3 objects")


def what_is_left_out(tutti):
    """Nothing is left out without a word."""
    with Project(tutti, FILES) as project:
        folder = project.folder
        (folder / "src/sub").mkdir(parents=True)
        for name in ("one", "sub/two"):
            (folder / f"src/{name}").write_text(name)
        (folder / "src/link").symlink_to("one")
        (folder / "src/loop").symlink_to(".")
        os.mkfifo(folder / "src/pipe")
        for command in (["cp"], ["sync"]):
            says(project, [*command, "src/", "s3://b/src/"], 0, f"left out: file://{folder}/src/link and 2 more (links, pipes")
        says(project, ["cp", "src/sub/", "s3://b/sub/"], 0, lacks=["left out"])

        (folder / "names").write_text("one\nnone\nsub/two\nsub/none\n")
        failed = says(project, ["cp", "src/", "s3://b/names/", "--names-from", "names", "--manifest", "src/copied.jsonl"], 1,
                      "src/none", "src/sub/none", "2 objects").stdout
        expect("Traceback" not in failed, failed)
        says(project, ["ls", "-r", "s3://b/names/"], 0, "2 objects")
        (folder / "src/none").write_text("late")
        says(project, ["cp", "src/", "s3://b/names/", "--only-failed", "src/copied.jsonl", "--manifest", "second.jsonl"], 1,
             "src/sub/none", "copied 1 object")
        says(project, ["cp", "src/", "s3://b/names/", "--names-from", "names", "--larger", "3", "--exclude", "sub/none"], 0,
             "copied 2 objects")

        # The manifest is no part of the folder it is written into.
        done = says(project, ["cp", "src/", "s3://b/all/", "--manifest", "src/copied.jsonl"], 0, "copied 3 objects")
        says(project, ["sync", "src", "s3://b/all/", "--manifest", "src/copied.jsonl"], 0, "copied 0 objects")
        expect("copied.jsonl" not in done.stderr, done.stderr)

        says(project, ["cp", "src/", "s3://b/dry/", "--dry-run", "-v", "--names-from", "names", "--exclude", "sub/*"], 0,
             f"copy: file://{folder}/src/one -> s3://b/dry/one", "would copy 2 objects", "left out: ")
        says(project, ["cp", "src/", "s3://b/dry/", "--dry-run", "--names-from", "names"], 1, f"there is no file://{folder}/src/sub/none")
        says(project, ["cp", "src/o*", "s3://b/glob/", "--names-from", "names"], 0, "copied 1 object")

        (folder / "way").symlink_to("src")
        says(project, ["cp", "src/", "s3://b/way/", "--manifest", "way/other.jsonl"], 0, "copied 4 objects")
        says(project, ["cp", "way/sub/two", "s3://b/through/"], 0, "copied 1 object")
        says(project, ["cp", "way/sub/", "s3://b/through/"], 0, "copied 1 object")
        says(project, ["cp", "way/", "s3://b/whole/", "--exclude", "*.jsonl"], 0, "copied 3 objects")
        says(project, ["rm", "--yes", "way"], 4, "links are not followed")
        says(project, ["cp", "way/link", "s3://b/through/"], 4, "links are not followed")
        (folder / "src/one").write_text("longer than before")
        (folder / "src/none").unlink()
        says(project, ["sync", "src/", "s3://b/all/", "--dry-run", "-v", "--delete", "--exclude", "copied.jsonl"], 0,
             "replace: s3://b/all/one", "remove: s3://b/all/none", "would remove: 1")
        (folder / "mirror").mkdir()
        says(project, ["sync", "src/sub/", "mirror/", "--delete", "--manifest", "mirror/m.jsonl"], 0, "copied 1 object")
        says(project, ["sync", "src/sub/", "mirror/", "--delete", "--manifest", "mirror/m.jsonl"], 0, "removed: 0")
        (folder / "only").mkdir()
        (folder / "only/link").symlink_to("../src/one")
        says(project, ["cp", "only/", "s3://b/only/"], 2, "no object below this prefix", "only/link (links")


def renaming(tutti):
    with Project(tutti, FILES) as project:
        (project.folder / "src/sub").mkdir(parents=True)
        for name in ("2026-01-a.csv", "2026-02-b.csv", "sub/c.csv", "sub/2026-01-a.csv"):
            (project.folder / f"src/{name}").write_text(name)
        by_month = ["--rename", r"s/^(\d{4})-(\d\d)-/\1\/\2\//"]
        says(project, ["cp", "src/", "s3://b/by/", "--dry-run", "-v", *by_month], 0, "/src/2026-01-a.csv -> s3://b/by/2026/01/a.csv",
             "would copy 4 objects")
        says(project, ["cp", "src/", "s3://b/by/", *by_month, "--manifest", "m"], 0, "copied 4 objects")
        says(project, ["ls", "-r", "s3://b/by/"], 0, "2026/02/b.csv", "sub/2026-01-a.csv")
        says(project, ["verify", "m"], 0, "4 objects")
        says(project, ["cp", "src/", "s3://b/by/", *by_month, "--if-exists", "verify"], 0, "4 were there already")

        flat = ["cp", "src/", "s3://b/flat/", "--rename", "s|.*/||"]
        says(project, [*flat, "--dry-run", "-v"], 1, "conflict: ", "another object has the same name there")
        says(project, [*flat, "--manifest", "f"], 1, "another object has the same name there", "copied 3 objects")
        says(project, ["mv", "src/", "s3://b/moved/", "--rename", "s/[.]csv$/.txt/", "--rename", "s/2026-//g", "--yes"], 0, "moved 4 objects")
        says(project, ["ls", "-r", "s3://b/moved/"], 0, "01-a.txt", "sub/01-a.txt")

        says(project, ["cp", "s3://b/moved/", "x/", "--rename", "old=new"], 2, "old=new: not a renaming", "s/PATTERN/REPLACEMENT/")
        says(project, ["cp", "s3://b/moved/01-a.txt", "x", "--rename", "s/a/b/"], 2, "a destination that is a name")
        says(project, ["sync", "s3://b/moved/", "x/", "--rename", "s/a/b/"], 2, "only `tutti cp` and `tutti mv` rename")
        says(project, ["cp", "s3://b/moved/", "x/", "--flatten"], 2, "--rename 's|.*/||'")


def listing(tutti):
    with Project(tutti, FILES) as project:
        says(project, ["ls", "s3://b/"], 0, "s3://b/a.json", "s3://b/in/", "1 object,", lacks=["1 objects"])
        says(project, ["ls", "s3://b/**/*.json"], 0, "s3://b/a.json", "s3://b/in/x.json", "2 objects", lacks=["y.csv"])
        says(project, ["ls", "-o", "json", "s3://b/in/*.csv"], 0, '"s3://b/in/y.csv"')
        says(project, ["ls", "clouds/s3/b/*.json"], 0, f"file://{project.folder}/clouds/s3/b/a.json")
        says(project, ["ls", "clouds/s3/b/in"], 0, f"  file:///{str(project.folder).lstrip('/')}/clouds/s3/b/in/x.json")
        says(project, ["ls", "s3://b/none/"], 0, "0 objects", "tutti ls s3://b/")
        says(project, ["ls", "s3://b/*.parquet"], 2, "no object matches")
        says(project, ["ls", "s3"], 2, "no such file or folder", "write s3://")
        says(project, ["ls", "nonexist/"], 2, "no such file or folder", "nonexist/")
        says(project, ["ls", "s3://bb/"], 2, "no bucket 'bb'", "there are: b")
        says(project, ["ls", "gs://any/"], 2, "no bucket 'any'")
        says(project, ["ls", ""], 2, "no address")
        says(project, ["ls", "s3://"], 0, "s3://b/", "1 bucket")
        says(project, ["ls", "-o", "json", "s3://"], 0, '"bucket": "b"', '"uri": "s3://b/"')
        says(project, ["ls", "gs://"], 0, "0 buckets")
        says(project, ["ls", "s4://b/"], 2, "did you mean")


def statuses(tutti):
    with Project(tutti, FILES) as project:
        for arguments in (["run", "none"], ["plan", "none"], ["validate", "none.yaml"], ["graph", "none"],
                          ["show", "none@2026-01-01"], ["cat", "s3://b/none"], ["cp", "s3://b/none", "s3://b/to"],
                          ["run", "quiet", "--profile", "none"], ["-C", "/", "runs"], ["run", "quiet", "-p", "x=1"]):
            says(project, arguments, 2, "error:")
        says(project, ["run", "late"], 1, "it took longer", lacks=["long: long:"])


def options(tutti):
    with Project(tutti, FILES) as project:
        says(project, ["--version"], 0, "tutti ")
        says(project, ["run", "quiet", "--dat", "2026-01-01"], 2, "`tutti run` has no option '--dat'", "did you mean '--date'?")
        says(project, ["ls", "--recursiv=1", "s3://b/"], 2, "did you mean '--recursive'?")
        says(project, ["run", "quiet", "more"], 2, "'more'")
        says(project, ["rnu"], 2, "no command 'rnu'", "did you mean 'run'?")
        says(project, ["runs", "--help"], 0, "tutti runs [OPTIONS]", "-n,--limit NUMBER", lacks=["INT in"])
        says(project, ["runs", "-n", "0"], 2, "--limit")


def options_of_others(tutti):
    """What a user of the aws CLI, s5cmd, rclone, AzCopy or gcloud storage tries first is taken, or explained."""
    with Project(tutti, FILES) as project:
        write = project.folder / "d/e"
        write.mkdir(parents=True)
        (write / "f").write_text("f", encoding="utf-8")
        for taken in (["cp", "--recursive", "d", "s3://others/a/"], ["cp", "-r", "d/", "s3://others/b/", "--storage-class", "STANDARD"],
                      ["cp", "-R", "d/", "s3://others/c/", "--dryrun"], ["sync", "-r", "d/", "s3://others/a/"],
                      ["rm", "--yes", "-r", "s3://others/b/"], ["mv", "--recursive", "s3://others/a/", "s3://others/m/"]):
            says(project, taken, 0)
        says(project, ["ls", "-r", "s3://others/"], 0, "m/e/f", lacks=["b/", "c/"])
        for command, options in {
                "cp": "--endpoint-url=x --no-sign-request --region=x --acl=x --sse=AES256 --sse-kms-key-id=x --only-show-errors "
                      "--no-progress --progress -P --metadata=x --metadata-directive=x --cache-control=x --content-type=x "
                      "--expected-size=1 --request-payer --follow-symlinks --checksum-algorithm=x --concurrency=4 -c=4 "
                      "--part-size=5 -p=5 -n --no-clobber -u --if-source-newer -s --if-size-differ --flatten -f --force "
                      "--transfers=4 --checkers=8 --bwlimit=1M --ignore-existing --immutable --update --checksum --size-only "
                      "--min-size=1 --max-size=1 --min-age=1d --max-age=1d --files-from=x --filter=x --fast-list --stats=1s "
                      "--cap-mbps=1 --overwrite=false --put-md5 --check-md5 --from-to=x --include-pattern=x --retries=3 "
                      "--no-check-certificate --log-level=x --json --gzip-in-flight",
                "sync": "--exact-timestamps --delete-after --delete-destination --backup-dir=x --acl=x --exclude-from=x -u",
                "ls": "--human-readable --summarize -H -e --endpoint-url=x -l", "du": "--human-readable --summary -s",
                "rm": "--force -f --bypass-governance-retention", "rb": "--force", "presign": "--expires-in=3600 --expire=1h",
                "mb": "--region=x --object-lock-enabled-for-bucket --versioning", "mv": "--compress=gzip --acl=x"}.items():
            rest = {"ls": ["s3://b/"], "du": ["s3://b/"], "rm": ["s3://b/k"], "rb": ["s3://b"], "presign": ["s3://b/k"],
                    "mb": ["s3://b"]}.get(command, ["s3://b/x/", "s3://b/y/"])
            for option in options.split():
                says(project, [command, option, *rest], 2, f"`tutti {command}` has no option '{option.split('=')[0]}'",
                     lacks=["--help", "did you mean"])


def names(tutti):
    with Project(tutti, FILES | {"workflows/zz.yaml": FILES["workflows/quiet.yaml"]}) as project:
        for command in ["run", "plan", "graph"]:
            says(project, [command, "quiet"], 2, "workflows/zz.yaml is called 'quiet' too", "workflows/quiet.yaml")
        says(project, ["run", "workflows/zz.yaml"], 0)
        says(project, ["run", "late"], 1)
        says(project, ["cat", "s3://none/a.json"], 2, "the folder", "clouds/s3/none does not exist yet")


def results_that_cannot_be_written(tutti):
    with Project(tutti, FILES) as project:
        project.call("run", "quiet")
        for arguments in (["runs"], ["show", "-o", "json"], ["validate", "-o", "json"], ["run", "quiet"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([project.tutti, *arguments], cwd=project.folder, env=project.environment, stdout=full,
                                      stderr=subprocess.PIPE, text=True, check=False)
            expect(done.returncode == 3 and "No space left on device" in done.stderr, f"{arguments}: {done}")
        gone = subprocess.Popen([project.tutti, "runs"], cwd=project.folder, env=project.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        gone.stdout.close()  # as `| head` does
        expect(gone.wait() == 0 and gone.stderr.read() == "", f"{gone.returncode}")


def plans(tutti):
    tasks = [f"  t{i}: {{uses: noop{f', needs: t{i - 1}' if i else ''}}}" for i in range(3000)]
    files = FILES | {
        "workflows/sees.yaml": "workflow: sees\ntasks: {a: {uses: process, with: {run: 'echo {{ connections.s3.type }}'}}}\n",
        "workflows/long.yaml": "workflow: long\ntasks:\n" + "\n".join(tasks) + "\n"}
    with Project(tutti, files) as project:
        says(project, ["plan", "sees", "--date", "2026-02-28"], 0, "echo local", "for 2026-02-28 (2026-02-28 00:00:00 to 2026-03-01 00:00:00 UTC)")
        plan = project.json("plan", "sees", "--date", "2026-02-28")
        expect(plan["interval_end"] == "2026-03-01T00:00:00+00:00", str(plan))
        expect(len(project.json("plan", "long")["tasks"]) == 3000, "tasks are missing")
        graph = project.call("graph", "long").stdout
        expect(len(graph) < 400_000, f"{len(graph)} bytes for 3000 tasks")


def no_file(tutti):
    with Project(tutti, FILES) as project:
        os.mkfifo(project.folder / "workflows/pipe.yaml")
        for command in (["validate"], ["run", "quiet"], ["plan", "workflows/pipe.yaml"]):
            done = project.call(*command, status=None, timeout=20)
            if command[0] != "run":
                expect(done.returncode == 2 and "not a file" in done.stderr, f"{command}: {done}")
        says(project, ["runs", "--workflow", "none"], 0, "no run matches")
        says(project, ["-o", "xml", "runs"], 2, "--output: xml", lacks=["no command"])
        says(project, ["cp", "s3://b/a.json", "-"], 2, "tutti cat")


def doctor(tutti):
    files = FILES | {"tutti.yaml": PROJECT + "      odd: {type: duckdb, path: none/x.duckdb}\n      api: {type: http, url: 'http://127.0.0.1:1'}\n"}
    with Project(tutti, files) as project:
        says(project, ["doctor"], 1, "connection odd: there is no folder", "connection api: http://127.0.0.1:1")


def times(tutti):
    with Project(tutti, FILES) as project:
        run = project.json("run", "quiet")
        views = [run, project.json("show"), project.json("runs")[0], *project.json("show")["task_runs"],
                 *project.json("show")["attempts"]]
        for view in views:
            for name in ("created", "started", "ended", "logical_date"):
                if view.get(name) is not None:
                    at = datetime.datetime.fromisoformat(view[name])
                    expect(at.utcoffset() == datetime.timedelta(0), f"{name}: {view[name]}")
        expect(run["ended"] >= run["started"] >= run["created"], str(run))


def logs(tutti):
    with Project(tutti, FILES) as project:
        project.call("run", "quiet")
        done = project.call("logs", "quiet")
        expect(done.stdout == "" and "no output" in done.stderr, done.stdout + done.stderr)
        project.call("run", "lines")
        text = project.call("logs", "lines", "many").stdout
        expect(text == "y\n" * 300000 + "last\n", f"{len(text)} bytes, ends with {text[-20:]!r}")
        line = json.loads(project.call("logs", "lines", "-o", "json").stdout.splitlines()[-1])
        expect(line["text"] == "last" and datetime.datetime.fromisoformat(line["at"]).year > 2000, str(line))


def cancel(tutti):
    with Project(tutti, FILES) as project:
        for no_wait in (False, True):
            run = project.call("run", "slow", "--detach").stdout.strip()
            deadline = time.monotonic() + 30
            while "up" not in project.call("logs", run).stdout and time.monotonic() < deadline:
                pass
            done = project.call("cancel", run, *(["--no-wait"] if no_wait else []))
            if no_wait:
                expect("cancel is requested" in done.stderr, done.stderr)
                project.wait_for_end(run)
            else:
                expect("cancelled" in done.stdout, done.stdout + done.stderr)
            view = project.json("show", run)
            expect(view["state"] == "cancelled" and state_of(view, "wait") == "cancelled", str(view))


def secret(tutti):
    with Project(tutti, FILES) as project:
        says(project, ["plan", "secret"], 1, "1 task,", "would fail", "'key'", "TUTTI_E2E_NO_SUCH_VARIABLE", lacks=["1 tasks"])
        project.environment["TUTTI_E2E_NO_SUCH_VARIABLE"] = "a value of it"
        says(project, ["plan", "secret"], 0, lacks=["a value of it"])


def live_table(tutti):
    tasks = "".join(f"  t{i}: {{uses: process, with: {{run: 'sleep 0.2'}}}}\n" for i in range(60))
    with Project(tutti, {**FILES, "workflows/many.yaml": f"workflow: many\ntasks:\n{tasks}"}) as project:
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 100, 0, 0))
        process = subprocess.Popen([project.tutti, "run", "many"], cwd=project.folder, stdin=terminal, stdout=terminal,
                                   stderr=terminal, env={**project.environment, "TERM": "xterm"}, start_new_session=True)
        os.close(terminal)
        seen = b""
        try:
            while piece := os.read(controller, 65536):
                seen += piece
        except OSError:
            pass  # the other end was closed
        os.close(controller)
        expect(process.wait(timeout=60) == 0, seen[-2000:].decode())
        ups = [int(lines) for lines in re.findall(rb"\x1b\[(\d+)A", seen)]
        expect(ups and max(ups) <= 19, f"moved up {ups} on 20 lines")
        expect(b"... and 42 more" in seen and b"60 succeeded" in seen, seen[-2000:].decode())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    args = parser.parse_args()
    os.environ.pop("TUTTI_E2E_NO_SUCH_VARIABLE", None)
    return run_tests([("ls", listing), ("mistakes", mistakes), ("what is left out", what_is_left_out), ("renaming", renaming), ("exit status", statuses), ("options and help", options), ("options of other movers", options_of_others), ("two of one name, a bucket that is missing", names), ("times", times), ("results that cannot be written", results_that_cannot_be_written), ("plan", plans), ("what is no file", no_file), ("doctor", doctor),
                      ("logs", logs), ("cancel", cancel), ("live table", live_table), ("plan and a secret that is missing", secret)], args.tutti)


if __name__ == "__main__":
    sys.exit(main())
