#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""file:///PATH is a path of the machine, file://PATH one of the project's folder: for actions, plans and commands alike."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from project import Project, expect, test_main  # noqa: E402

WORKFLOW = """workflow: paths
params: {{outside: {{type: string, default: "{outside}"}}}}
tasks:
  out: {{uses: copy, with: {{from: "file://data/a.csv", to: "file://{{{{ params.outside }}}}/a.csv"}}}}
  back: {{needs: out, uses: copy, with: {{from: "file://{outside}/a.csv", to: "file://./data/b.csv"}}}}
  rows: {{needs: back, uses: sql, with: {{connection: warehouse, query: "select count(*) as n from 'file://data/b.csv'"}}}}
"""


def actions(tutti):
    with tempfile.TemporaryDirectory(prefix="tutti-outside.") as outside, \
            Project(tutti, {"workflows/paths.yaml": WORKFLOW.format(outside=outside), "data/a.csv": "n\n1\n2\n"}) as project:
        plan = project.call("plan", "paths")
        expect("copy 1 object to" in plan.stdout, plan.stdout)
        project.call("run", "paths")
        expect((pathlib.Path(outside) / "a.csv").read_text() == "n\n1\n2\n", "the copy outside is not there")
        expect((project.folder / "data/b.csv").read_text() == "n\n1\n2\n", "the copy in the project is not there")


def commands(tutti):
    with Project(tutti, {"data/a.csv": "n\n1\n"}) as project:
        whole = f"file://{project.folder.resolve()}/data/a.csv"
        for address in ("file://data/a.csv", "file://./data/a.csv", whole, "data/a.csv", f"{project.folder}/data/a.csv"):
            expect(project.call("cat", address).stdout == "n\n1\n", address)
        listed = project.call("ls", "file://data/").stdout
        expect("a.csv" in listed, listed)
        missing = project.call("cat", "file:///data/a.csv", status=None)
        expect(missing.returncode != 0, "a path of the machine was taken from the project")


if __name__ == "__main__":
    sys.exit(test_main(__doc__, [("actions", actions), ("commands", commands)]))
