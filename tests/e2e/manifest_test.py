#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manifests as Parquet: what DuckDB reads of the file is what the lines say."""
import datetime
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from project import Project, expect, test_main  # noqa: E402

SETTINGS = """
project: manifests
profiles:
  local:
    connections:
      warehouse: {type: duckdb}
      s3: {type: local, buckets: clouds/s3}
"""
READ = """
workflow: read
tasks:
  rows:
    uses: sql
    with:
      connection: warehouse
      query: "select * replace (epoch_us(began) as began, epoch_us(\\"at\\") as \\"at\\") from 'file://m.parquet'"
  types:
    uses: sql
    with: {connection: warehouse, query: "describe select * from 'file://m.parquet'"}
"""
TYPES = {"bytes": "BIGINT", "attempts": "INTEGER", "sent_bytes": "BIGINT", "read_back_bytes": "BIGINT",
         "began": "TIMESTAMP WITH TIME ZONE", "at": "TIMESTAMP WITH TIME ZONE", "lost": "VARCHAR[]",
         "stages": "VARCHAR[]", "source_bytes": "BIGINT", "class_kept": "BOOLEAN"}
DIGESTS = ("sha256", "md5", "crc32c", "crc64nvme")
NAMES = ("plain.txt", "\u00fcml\u00e4ut \u4e2d\u6587.csv", "emoji \U0001f600.bin", "quote'\".txt", "sp ace/a,b.txt", "back\\slash",
         "line\nend")


def world(tutti, names=NAMES):
    project = Project(tutti, {"tutti.yaml": SETTINGS, "workflows/read.yaml": READ})
    for i, name in enumerate(names):
        path = project.folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([65 + i]) * (i * 1000))
    return project


def micros(text):
    if text is None:
        return None
    since = datetime.datetime.fromisoformat(text) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)


def row_of(line):
    """The columns that docs/transfers.md promises of a line."""
    row = {}
    for side in ("from", "to"):
        for member in ("address", "provider", "endpoint", "account", "bucket", "key", "etag", "version"):
            row[f"{side}_{member}"] = line[side].get(member)
    for kind in DIGESTS:
        row[kind] = line["digests"].get(kind)
        row[f"source_{kind}"] = line.get("source_digests", {}).get(kind)
    for name in ("bytes", "computed_by", "proof", "done", "route", "attempts", "sent_bytes", "read_back_bytes", "lost",
                 "stages", "source_bytes", "class", "class_kept"):
        row[name] = line.get(name)
    row["began"], row["at"] = micros(line.get("began")), micros(line["at"])
    row["error_code"] = line.get("error", {}).get("code")
    row["error_what"] = line.get("error", {}).get("what")
    return row


def read(project):
    project.call("run", "read")
    view = project.json("show", "latest", "--outputs")
    outputs = {each["name"]: each["output"] for each in view["task_runs"]}
    return outputs["rows"]["rows"], {each["column_name"]: each["column_type"] for each in outputs["types"]["rows"]}


def export(project, status=0):
    return project.call("manifest", "export", "m.jsonl", "m.parquet", status=status)


def compare(project, count):
    done = export(project)
    expect(f"{count} row" in done.stderr, f"it says {done.stderr!r}")
    lines = [json.loads(line) for line in (project.folder / "m.jsonl").read_text(encoding="utf-8").split("\n") if line]
    expect(len(lines) == count, f"{len(lines)} lines, not {count}")
    rows, types = read(project)
    expect(len(rows) == count, f"{len(rows)} rows of {count} lines")
    for line, row in zip(lines, rows):
        wanted = row_of(line)
        expect(row == wanted, f"{ {k: (row.get(k), wanted.get(k)) for k in wanted if row.get(k) != wanted.get(k)} }")
    for name, kind in types.items():
        expect(kind == TYPES.get(name, "VARCHAR"), f"{name} is {kind}")
    return lines


def every_kind(tutti):
    """Written, skipped, replaced, failed, changed on the way; names of all letters."""
    with world(tutti) as project:
        project.call("cp", "data/", "s3://b/in/", "--sha256", "--class", "cold", "--manifest", "m.jsonl")
        lines = compare(project, len(NAMES))
        expect({line["from"]["key"].rsplit("data/")[-1] for line in lines} == set(NAMES), "names are missing")
        for line in lines:
            expect(line["done"] == "written" and line["route"] == "through" and line["attempts"] == 1, f"{line}")
            expect(line["sent_bytes"] == line["bytes"] and line["read_back_bytes"] == 0, f"{line}")
            expect(line["began"] <= line["at"], f"{line['began']} to {line['at']}")
        (project.folder / "data/plain.txt").write_text("another")
        project.call("cp", "data/", "s3://b/in/", "--if-exists", "verify", "--manifest", "m.jsonl", status=1)
        lines = compare(project, len(NAMES))
        failed = [line for line in lines if line["done"] == "failed"]
        expect(len(failed) == 1 and failed[0]["error"]["code"] == "conflict" and failed[0]["proof"] == "none", f"{failed}")
        skipped = [line for line in lines if line["done"] == "skipped"]
        expect(len(skipped) == len(NAMES) - 1 and all(line["sent_bytes"] == 0 for line in skipped), f"{skipped}")
        project.call("cp", "data/", "s3://b/in/", "--verify", "full", "--manifest", "m.jsonl")
        lines = compare(project, len(NAMES))
        expect(all(line["done"] == "replaced" and line["read_back_bytes"] == line["bytes"] for line in lines), f"{lines}")
        project.call("cp", "data/", "s3://b/z/", "--compress", "zstd", "--manifest", "m.jsonl")
        lines = compare(project, len(NAMES))
        expect(all(line["stages"] == ["zstd"] and line["sent_bytes"] == line["bytes"] for line in lines), f"{lines}")


def nothing_and_much(tutti):
    """Of no object a file without rows; of many, more than one group of rows."""
    with world(tutti) as project:
        (project.folder / "m.jsonl").write_text("")
        compare(project, 0)
        project.call("cp", "data/", "s3://b/in/", "--manifest", "m.jsonl")
        line = json.loads((project.folder / "m.jsonl").read_text(encoding="utf-8").split("\n")[0])
        before, after = json.dumps({**line, "bytes": "@"}, ensure_ascii=False).split('"@"')
        with open(project.folder / "m.jsonl", "w", encoding="utf-8") as file:
            file.writelines(f"{before}{i}{after}\n" for i in range(200_000))
        expect("200,000 rows" in export(project).stderr or "200000 rows" in export(project).stderr, "rows are missing")


def damage(tutti):
    """A cut line, or one of something else, is told with its line; the Parquet file stays as it was."""
    with world(tutti) as project:
        project.call("cp", "data/", "s3://b/in/", "--manifest", "m.jsonl")
        export(project)
        whole = (project.folder / "m.jsonl").read_bytes()
        before = (project.folder / "m.parquet").read_bytes()
        lines = whole.count(b"\n")
        bad = {
            "cut": (whole[:-30], [f"m.jsonl:{lines}", "give a whole file that --manifest wrote"]),
            "cut within a name": (whole[: whole.rfind(b"emoji") + 8], ["m.jsonl:"]),
            "another format": (whole.replace(b"manifest/1", b"manifest/9", 1), ["a line that is none of a manifest"]),
            "no manifest": (b'{"a": 1}\n', ["a line that is none of a manifest"]),
            "no number": (whole.replace(b'"bytes":1000', b'"bytes":"many"', 1), ["m.jsonl"]),
            "text": (b"hello\n", ["m.jsonl:1"]),
        }
        for name, (text, says) in bad.items():
            expect(text != whole, f"{name} changes nothing")
            (project.folder / "m.jsonl").write_bytes(text)
            done = export(project, status=None)
            expect(done.returncode != 0, f"{name}: status {done.returncode}, {done.stderr}")
            for each in says:
                expect(each in done.stderr, f"{name}: {done.stderr}")
            expect((project.folder / "m.parquet").read_bytes() == before, f"{name}: the file was written")
        (project.folder / "m.jsonl").write_bytes(whole.rstrip(b"\n"))
        compare(project, lines)
        for arguments, says in ((("none.jsonl", "m.parquet"), "no such file"), (("m.jsonl", "data"), "folder"),
                                (("m.jsonl", "./m.jsonl"), "its own export")):
            done = project.call("manifest", "export", *arguments, status=None)
            expect(done.returncode != 0 and says in done.stderr, f"{arguments}: {done.stderr}")
        left = [str(path) for path in project.folder.rglob(".tutti-staging*")]
        expect(not left, f"left behind: {left}")


TESTS = [
    ("every kind of line", every_kind),
    ("no object and many", nothing_and_much),
    ("damage", damage),
]


if __name__ == "__main__":
    sys.exit(test_main(__doc__, TESTS))
