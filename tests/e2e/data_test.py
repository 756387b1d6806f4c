#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Objects, tables and files through whole workflows: what is handed from one task to the next is what was meant."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from project import Project, expect, test_main  # noqa: E402


def put(project, address, text):
    scheme, rest = address.split("://")
    path = project.folder / "clouds" / scheme / rest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def output_of(project, task):
    view = project.json("show", "latest", "--outputs")
    return next(each["output"] for each in view["task_runs"] if each["name"] == task)


ODD_NAMES = """
workflow: w
tasks:
  ls: {uses: list, with: {from: "gs://in/d/"}}
  load: {needs: ls, uses: load, with: {from: "{{ tasks.ls.outputs.objects }}", into: warehouse.t, format: csv}}
  copy: {needs: load, uses: copy, with: {from: "gs://in/d/", to: ["s3://b/d/", "az://b/d/"]}}
  again: {needs: copy, uses: load, with: {from: "{{ tasks.copy.outputs.manifest }}", into: warehouse.u, format: csv}}
  one: {needs: again, uses: delete, with: {target: "{{ tasks.ls.outputs.objects[1].uri }}"}}
  two: {needs: one, uses: delete, with: {target: "{{ tasks.ls.outputs.objects[1] }}"}}
  rows: {needs: two, uses: sql, with: {connection: warehouse, query: "select count(*) as n from u"}}
"""


def odd_names(tutti):
    with Project(tutti, {"workflows/w.yaml": ODD_NAMES}) as project:
        put(project, "gs://in/d/s[1].csv", "id\n1\n")
        put(project, "gs://in/d/x*.csv", "id\n2\n")
        keep = put(project, "gs://in/d/xkeep.csv", "id\n3\n")
        project.call("run", "w")
        rows = output_of(project, "load")["rows"]
        expect(rows == 3, f"{rows} rows of the listed objects")
        expect(output_of(project, "rows")["rows"] == [{"n": 3}], f"of the copy: {output_of(project, 'rows')}")
        expect(output_of(project, "one")["count"] == 1 and output_of(project, "two")["count"] == 0, "deleted more")
        expect(keep.exists(), "xkeep.csv was deleted")


FILES = """
workflow: w
tasks:
  it:
    uses: process
    with: {run: "tr a-z A-Z < {{ files.raw }} > {{ files['clean-one'] }}; cp $TUTTI_IN_RAW $COPY"}
    env: {COPY: "{{ files.copy }}"}
    files:
      in: {raw: "s3://in/{{ ds }}.txt"}
      out: {clean-one: "s3://out/clean.txt", copy: "s3://out/copy.txt"}
"""


def files_in_templates(tutti):
    with Project(tutti, {"workflows/w.yaml": FILES}) as project:
        put(project, "s3://in/2026-02-28.txt", "abc")
        planned = project.call("plan", "w", "--date", "2026-02-28").stdout
        expect("files.raw" in planned, f"the plan says nothing of the file:\n{planned}")
        project.call("run", "w", "--date", "2026-02-28")
        out = project.folder / "clouds/s3/out"
        expect((out / "clean.txt").read_text() == "ABC", "not what the task wrote")
        expect((out / "copy.txt").read_text() == "abc", "not what the task copied")


SCHEMA = """
workflow: w
tasks:
  it: {uses: check, with: {value: {id: 1}, schema: {type: object, required: [id], properties: {id: {type: integer}}}}}
"""


def inline_schema(tutti):
    with Project(tutti, {"workflows/w.yaml": SCHEMA}) as project:
        project.call("validate")
        project.call("run", "w")
        (project.folder / "workflows/w.yaml").write_text(SCHEMA.replace("{id: 1}", "{id: x}"))
        text = project.call("run", "w", status=1)
        expect("schema" in text.stdout + text.stderr, text.stdout)
        (project.folder / "workflows/w.yaml").write_text("workflow: w\ntasks:\n  it:\n    uses: check\n"
                                                         "    with: {value: 1, schema: none.json}\n")
        text = project.call("validate", status=2)
        expect("w.yaml:5:30: error: the project has no file 'none.json'" in text.stdout + text.stderr, text.stdout)
        (project.folder / "workflows/w.yaml").write_text(SCHEMA.replace("schema: {", "schema: [{").replace("}}}}}", "}}}]}}"))
        text = project.call("validate", status=2)
        expect("w.yaml:4:52: error: 'schema' of check is a list" in text.stdout + text.stderr, text.stdout + text.stderr)


LATER = """
workflow: w
tasks:
  ls: {uses: list, with: {from: "az://in/"}}
  first: {needs: ls, uses: copy, with: {from: "az://in/", to: "gs://staging/in/", if_exists: verify}}
  second: {needs: first, uses: copy, with: {from: "gs://staging/in/*.txt", to: "s3://archive/", if_exists: verify}}
  other: {needs: first, uses: copy, with: {from: "s3://elsewhere/", to: "s3://archive/"}}
  uses: {needs: second, uses: process, with: {run: "echo {{ tasks.ls.outputs.count }}"}}
"""


def plan_of_what_comes(tutti):
    with Project(tutti, {"workflows/w.yaml": LATER}) as project:
        put(project, "az://in/a.txt", "12345")
        planned = project.json("plan", "w")
        tasks = {each["task"]: each for each in planned["tasks"]}
        shown = json.dumps(planned, indent=1)
        expect(not any(step.get("bytes") for step in tasks["ls"]["steps"]), f"list moves nothing:\n{shown}")
        expect(tasks["first"]["steps"][0]["bytes"] == 5, shown)
        for name in ("second", "other"):
            expect(not tasks[name]["steps"] and tasks[name]["unknown"], f"{name} cannot be known:\n{shown}")
        expect("first" in tasks["second"]["unknown"][0], shown)
        text = project.call("plan", "w").stdout
        expect("bytes to move as far as known: 5 B" in text, text)
        expect("copy 0 objects" not in text, text)


FILTERED = """
workflow: w
tasks:
  copy:
    uses: copy
    with: {from: "s3://in/d/", to: "gs://out/d/", include: "*.csv", exclude: [skip*], order: largest, if_exists: verify}
"""
SEALED = """
workflow: sealed
tasks:
  a: {uses: copy, with: {from: "s3://in/", to: "gs://out/", encrypt: {with: fernet, secret: none}}}
  b: {uses: copy, with: {from: "s3://in/", to: "gs://out/", compress: zstd, if_exists: verify}}
  c: {uses: copy, with: {from: "s3://in/", to: "gs://out/", verify: "sample:5%", max_failures: 3}}
"""


def filters_and_failures(tutti):
    with Project(tutti, {"workflows/w.yaml": FILTERED}) as project:
        for name in ("a.csv", "b.csv", "skip.csv", "x.txt"):
            put(project, f"s3://in/d/{name}", name)
        taken = put(project, "gs://out/d/b.csv", "other")
        run = project.call("run", "w", status=1)
        expect("1 of 2 objects failed, among them s3://in/d/b.csv" in run.stdout + run.stderr, run.stdout + run.stderr)
        there = sorted(path.name for path in taken.parent.iterdir() if not path.name.startswith("."))
        expect(there == ["a.csv", "b.csv"], f"copied: {there}")
        output = output_of(project, "copy")
        done = {json.loads(line)["to"]["key"]: json.loads(line)["done"] for line in output["manifest"]["text"].splitlines()}
        expect(done == {"d/a.csv": "written", "d/b.csv": "failed"} and output["failed"] == 1, f"{output}")
        expect("1 object failed:" in project.call("logs", "latest").stdout, "the log does not list it")
        taken.unlink()
        project.call("retry", "latest")
        (project.folder / "workflows/sealed.yaml").write_text(SEALED, encoding="utf-8")
        said = project.call("validate", "sealed", status=None)
        expect(said.returncode != 0, "a secret that is not declared, and stages that are compared")
        text = said.stdout + said.stderr
        expect("there is no secret 'none'" in text and "cannot be given beside 'if_exists' verify" in text, text)
        expect(text.count("error:") == 2, text)


TESTS = [
    ("names that look like patterns", odd_names),
    ("files.NAME in templates", files_in_templates),
    ("a JSON Schema in the workflow", inline_schema),
    ("a plan of what an earlier task writes", plan_of_what_comes),
    ("filters and failures of copy", filters_and_failures),
]


if __name__ == "__main__":
    sys.exit(test_main(__doc__, TESTS))
