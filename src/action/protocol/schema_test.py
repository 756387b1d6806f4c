#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""api/action-protocol.schema.json takes every message of the fuzz corpus and of the example, and refuses broken ones."""
import json
import pathlib
import re
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[3]
VALIDATOR = jsonschema.Draft202012Validator(json.loads((ROOT / "api/action-protocol.schema.json").read_text()))

BROKEN = [
    {},
    {"type": "dance"},
    {"type": "hello", "protocol": "tutti.action/2"},
    {"type": "run", "id": 0},
    {"type": "run", "id": 1, "with": "x"},
    {"type": "log", "id": 1},
    {"type": "log", "id": 1, "text": "x", "stream": "sideways"},
    {"type": "progress", "id": 1, "bytes_done": -1},
    {"type": "answer", "id": 1},
    {"type": "failed", "id": 1, "error": {"code": "moon", "what": "x"}},
    {"type": "planned", "id": 1, "steps": [{"objects": 1}]},
]


def messages():
    for path in sorted((ROOT / "tests/fuzz/corpus/protocol").iterdir()):
        text = path.read_bytes()[1:]  # the first byte is the fuzzer's
        if text.startswith(b"{"):     # else frames
            yield path.name, json.loads(text)


def documented():
    text = (ROOT / "docs/action-protocol.md").read_text()
    return set(re.findall(r"^\| (?:host|program) \| `(\w+)`", text, re.M))


def main():
    kinds = set()
    for name, message in messages():
        errors = [error.message for error in VALIDATOR.iter_errors(message)]
        assert not errors, f"{name}: {errors}"
        kinds.add(message["type"])
    missing = documented() - kinds
    assert not missing, f"the corpus has no {missing}"
    for message in BROKEN:
        assert not VALIDATOR.is_valid(message), message
    defined = set(VALIDATOR.schema["$defs"]) - {"error", "info", "step"}
    assert defined == documented(), defined ^ documented()
    print(f"{len(kinds)} kinds of messages fit, {len(BROKEN)} broken ones do not")
    return 0


if __name__ == "__main__":
    sys.exit(main())
