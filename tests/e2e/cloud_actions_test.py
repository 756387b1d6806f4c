#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workflows whose objects are in three real servers: the actions on objects, and SQL that reads and writes there.

Run under tests/servers/with_servers.py, which starts them and says where they are.
"""
import os
import sys

from clouds_test import World
from project import expect, test_main

# Like `s3` of the World, but with the credentials that the environment has.
CONNECTIONS = """      env: {{type: s3, endpoint: "{TUTTI_TEST_S3}"}}
      warehouse: {{type: duckdb}}
"""

WRITE_AND_LOAD = """
workflow: tables
tasks:
  write:
    uses: sql
    with:
      connection: warehouse
      query: |
        create or replace table made as select i as id, 'n' || i as name from range(1000) t(i);
        COPY_EACH
  wait:
    needs: write
    uses: wait.object
    with: {uri: "az://BUCKET/made.parquet", poll: 100ms}
  read:
    needs: wait
    uses: sql
    with:
      connection: warehouse
      query: select count(*) as rows, sum(id)::bigint as sum from read_parquet([FILES])
  load:
    needs: wait
    uses: load
    with: {from: [FILES], into: warehouse.main.loaded, format: parquet}
  total:
    needs: load
    uses: sql
    with: {connection: warehouse, query: select count(*) as rows from loaded}
"""

MOVE_ABOUT = """
workflow: objects
tasks:
  copy: {uses: copy, with: {from: "file://FOLDER/in/", to: "gs://BUCKET/in/"}}
  sync: {needs: copy, uses: sync, with: {from: "gs://BUCKET/in/", to: "az://BUCKET/in/", delete: true}}
  list: {needs: sync, uses: list, with: {from: "az://BUCKET/in/**/*.txt"}}
  wait: {needs: sync, uses: wait.object, with: {uri: "az://BUCKET/in/", count: 3, poll: 100ms}}
  back: {needs: wait, uses: copy, with: {from: "az://BUCKET/in/", to: "s3://BUCKET/in/"}}
  delete: {needs: [list, back], uses: delete, with: {target: "gs://BUCKET/in/"}}
"""


def world_of(tutti, workflow):
    world = World(tutti, CONNECTIONS.format(**os.environ))
    world.env.update(AWS_ACCESS_KEY_ID="testkey", AWS_SECRET_ACCESS_KEY="testsecret", AWS_EC2_METADATA_DISABLED="true")
    for name in ("s3", "gs", "az"):
        world.run("mb", f"{name}://{world.bucket}")
    files = [f"{name}://{world.bucket}/made.parquet" for name in ("env", "gs", "az")]
    text = workflow.replace("BUCKET", world.bucket).replace("FOLDER", str(world.folder))
    text = text.replace("COPY_EACH", "\n        ".join(f"copy made to '{file}' (format parquet);" for file in files))
    text = text.replace("read_parquet([FILES])", f"read_parquet({files})").replace("[FILES]", "[" + ", ".join(f'"{file}"' for file in files) + "]")
    world.write("workflows/w.yaml", text.encode())
    return world


def outputs_of(world):
    shown = world.json("show", "latest", "--outputs")
    return {each["name"]: each.get("output") for each in shown["task_runs"]}


def tables(tutti):
    """SQL writes to S3, Google and Azure, reads all three, and loads them; S3's credentials stand in the environment."""
    with world_of(tutti, WRITE_AND_LOAD) as world:
        world.run("run", "workflows/w.yaml")
        outputs = outputs_of(world)
        expect(outputs["read"]["rows"] == [{"rows": 3000, "sum": 3 * 499_500}], f"read: {outputs}")
        expect(outputs["load"]["files"] == 3 and outputs["load"]["rows"] == 3000, f"load: {outputs}")
        expect(outputs["total"]["rows"] == [{"rows": 3000}], f"total: {outputs}")


def objects(tutti):
    """The actions on objects: each proves what it did, and what they leave is what they say."""
    with world_of(tutti, MOVE_ABOUT) as world:
        for name, data in (("a.txt", b"one"), ("d/b.txt", b"two"), ("big.bin", bytes(17_000_000))):
            world.write(f"in/{name}", data)
        world.run("cp", "in/", f"az://{world.bucket}/in/old/")
        world.run("run", "workflows/w.yaml")
        outputs = outputs_of(world)
        expect(outputs["copy"]["objects"] == 3 and outputs["sync"]["copied"] == 3, f"copied: {outputs}")
        expect(outputs["sync"]["removed"] == 3 and outputs["list"]["count"] == 2, f"synced: {outputs}")
        expect(outputs["delete"]["count"] == 3, f"deleted: {outputs}")
        expect(world.names(f"gs://{world.bucket}/") == {}, "Google is empty")
        world.run("cp", f"s3://{world.bucket}/in/", "out/")
        world.same("in", "out")


TESTS = [("tables", tables), ("objects", objects)]


if __name__ == "__main__":
    sys.exit(test_main(__doc__, TESTS))
