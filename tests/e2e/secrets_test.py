#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A secret shows nowhere: logs, show, plan, database, blobs, process list, JSON; in no encoding, split or whole."""
import base64
import pathlib
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from project import Project, expect, pause, test_main  # noqa: E402

SECRET = "pÄss wörd/+=&?7f3a9c1e"
PROJECT = "project: test\nsecrets: {key: {env: TUTTI_TEST_KEY}}\n"
WORKFLOW = r"""workflow: leak
tasks:
  print:
    uses: process
    env: {KEY: "{{ secrets.key }}"}
    with:
      stdin: "{{ secrets.key }}"
      run: |
        echo "plain: $KEY"
        printf 'split: %s' "${KEY:0:7}"; sleep 0.3; printf '%s\n' "${KEY:7}"
        printf 'base64: '; printf %s "$KEY" | base64 -w0; echo
        printf 'base64 shifted: '; printf 'a%s' "$KEY" | base64 -w0; echo
        printf 'base64 shifted: '; printf 'ab%s' "$KEY" | base64 -w0; echo
        printf 'hex: '; printf %s "$KEY" | od -An -tx1 | tr -d ' \n'; echo
        printf 'url: '; python3 -c 'import os,urllib.parse; print(urllib.parse.quote(os.environ["KEY"], safe=""))'
        printf 'stdin: '; cat; echo
        python3 -c 'import json,os; json.dump({"key": os.environ["KEY"], "list": [os.environ["KEY"] * 2]}, open(os.environ["TUTTI_OUTPUT"], "w"))'
  large:
    uses: process
    env: {KEY: "{{ secrets.key }}"}
    with:
      run: |
        python3 -c 'import json,os; json.dump({"text": ("x" * 1000 + os.environ["KEY"]) * 50}, open(os.environ["TUTTI_OUTPUT"], "w"))'
  fail:
    uses: process
    allow_failure: true
    env: {KEY: "{{ secrets.key }}"}
    with: {run: 'echo "error with $KEY" >&2; exit 3'}
  use:
    needs: print
    uses: process
    with: {argv: [echo, "{{ tasks.print.outputs.key }}"]}
"""


def forms():
    raw = SECRET.encode()
    for skip in range(3):
        middle = base64.b64encode(b"\0" * skip + raw)
        yield middle[(skip * 8 + 5) // 6: len(middle) - 4 if middle.endswith(b"=") else len(middle)]
    yield raw
    yield raw.hex().encode()
    yield urllib.parse.quote(SECRET, safe="").encode()
    yield raw[:12]
    yield raw[8:]


def check_bytes(where, data):
    for form in forms():
        expect(form not in data, f"{where} shows the secret as {form[:12]!r}...")


def test(tutti):
    with Project(tutti, {"tutti.yaml": PROJECT, "workflows/leak.yaml": WORKFLOW}) as project:
        project.environment["TUTTI_TEST_KEY"] = SECRET
        seen, ended = [], threading.Event()

        def watch_processes():
            while not ended.is_set():
                for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                    try:
                        data = path.read_bytes()
                    except OSError:
                        continue
                    if SECRET.encode() in data:
                        seen.append(data)
                pause(0.02)

        watcher = threading.Thread(target=watch_processes)
        watcher.start()
        texts = {"plan": project.call("plan", "leak", status=None), "plan -o json": project.call("plan", "leak", "-o", "json", status=None)}
        texts["run"] = project.call("run", "leak")
        ended.set()
        watcher.join()
        expect(not seen, f"the process list shows it: {seen[:1]}")
        for arguments in (["show", "latest"], ["show", "latest", "--outputs"], ["show", "latest", "--outputs", "-o", "json"],
                          ["logs", "latest"], ["logs", "latest", "-o", "json"], ["runs", "-o", "json"]):
            texts[" ".join(arguments)] = project.call(*arguments)
        for name, done in texts.items():
            check_bytes(f"tutti {name}", (done.stdout + done.stderr).encode())
        logs = texts["logs latest"].stdout
        expect(logs.count("‹secret:key›") >= 8, f"the logs do not name the secret where it was:\n{logs}")
        outputs = {task["name"]: task for task in project.json("show", "latest", "--outputs")["task_runs"]}
        expect(outputs["print"]["output"]["key"] == "‹secret:key›", f"output {outputs['print'].get('output')}")
        for path in (project.folder / ".tutti").rglob("*"):
            if path.is_file():
                check_bytes(str(path.relative_to(project.folder)), path.read_bytes())


if __name__ == "__main__":
    sys.exit(test_main(__doc__, [("a secret shows nowhere", test)]))
