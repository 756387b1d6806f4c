#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the documents say holds: links lead somewhere, generated pages are current, commands and workflows work.

    docs_test.py [--tutti build/release/tutti] [--update]

- Relative links of every Markdown file name a file that is there.
- docs/cli-reference.md, docs/actions.md, docs/other-movers.md and api/workflow.schema.json are what `tutti reference` prints
  (--update writes them); every api/*.schema.json is a JSON Schema.
- In docs/quick-start.md every `$ tutti ...` (and `$ cd`) of the console blocks runs, in order, in one folder.
- Every yaml block that begins with `workflow:` validates within a project.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEFAULT_TUTTI = ROOT / "build/release/tutti"
GENERATED = {"docs/cli-reference.md": ["reference", "commands"], "docs/actions.md": ["reference", "actions"],
             "docs/other-movers.md": ["reference", "others"], "api/workflow.schema.json": ["reference", "workflow-schema"]}
PROJECT = "project: docs\ntag_keys: {cost_center: {}, classification: {}}\n"


def markdown_files():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines()]


def blocks(text, language):
    return re.findall(rf"^```{language}[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def check_links(problems):
    for path in markdown_files():
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:|#", target):
                continue
            if not (path.parent / target.split("#")[0]).exists():
                problems.append(f"{path.relative_to(ROOT)}: the link {target} leads nowhere")


def check_generated(tutti, update, problems):
    for name, arguments in GENERATED.items():
        text = subprocess.run([tutti, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
        path = ROOT / name
        if update:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            problems.append(f"{name} is not what `tutti {' '.join(arguments)}` prints; run tests/docs/docs_test.py --update")


def check_schemas(problems):
    paths = sorted(ROOT.glob("api/*.schema.json"))
    for path in paths:
        try:
            jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))
        except jsonschema.SchemaError as error:
            problems.append(f"{path.relative_to(ROOT)} is no JSON Schema: {error.message}")
    if not paths:
        problems.append("api/ has no *.schema.json")


def check_commands(tutti, problems):
    path = ROOT / "docs/quick-start.md"
    environment = {**os.environ, "PATH": f"{pathlib.Path(tutti).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory(prefix="tutti-docs.") as temporary:
        folder = pathlib.Path(temporary)
        for block in blocks(path.read_text(encoding="utf-8"), "console"):
            for line in block.splitlines():
                command = line[2:].split("#")[0].strip() if line.startswith("$ ") else ""
                if command.startswith("cd "):
                    folder = folder / command[3:]
                elif command.startswith("tutti "):
                    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
                    expected = 1 if command.startswith("tutti retry") else 0  # nothing has failed
                    if done.returncode != expected:
                        problems.append(f"docs/quick-start.md: `{command}` ends with {done.returncode}:\n{done.stdout}")


def check_workflows(tutti, problems):
    for path in markdown_files():
        for block in blocks(path.read_text(encoding="utf-8"), "yaml"):
            if not block.startswith("workflow:"):
                continue
            with tempfile.TemporaryDirectory(prefix="tutti-docs.") as temporary:
                folder = pathlib.Path(temporary)
                (folder / "workflows").mkdir()
                (folder / "sql").mkdir()
                (folder / "tutti.yaml").write_text(PROJECT)
                (folder / "sql/join.sql").write_text("select 1")
                (folder / "workflows/w.yaml").write_text(block, encoding="utf-8")
                done = subprocess.run([tutti, "validate"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, timeout=60, check=False)
                if done.returncode != 0:
                    problems.append(f"{path.relative_to(ROOT)}: a workflow does not validate:\n{done.stdout}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    tutti = str(args.tutti.resolve())
    problems = []
    check_generated(tutti, args.update, problems)
    check_schemas(problems)
    check_links(problems)
    check_commands(tutti, problems)
    check_workflows(tutti, problems)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
