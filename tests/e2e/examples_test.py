#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every example runs: each line `# $ COMMAND` of its workflow files, in a copy of its folder.

    examples_test.py --tutti build/release/tutti [NAME ...]
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def commands_of(folder):
    for path in sorted((folder / "workflows").glob("*.yaml")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# $ "):
                yield line[4:]


def run_example(name, bin_folder):
    with tempfile.TemporaryDirectory(prefix="tutti-example.") as temporary:
        folder = pathlib.Path(temporary) / name
        shutil.copytree(ROOT / "examples" / name, folder)
        environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        count = 0
        for command in commands_of(folder):
            done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
            count += 1
            if done.returncode != 0:
                print(f"{name}: {command}: exit status {done.returncode}\n{done.stdout}")
                return False
        validated = subprocess.run(["tutti", "validate"], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        if validated.returncode != 0 or re.search("warning:", validated.stdout):
            print(f"{name}: tutti validate is not content:\n{validated.stdout}")
            return False
        print(f"{name}: {count} commands good")
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tutti", type=pathlib.Path, default=ROOT / "build/release/tutti")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    names = args.names or sorted(path.parent.name for path in (ROOT / "examples").glob("*/tutti.yaml"))
    bad = [name for name in names if not run_example(name, args.tutti.resolve().parent)]
    if bad:
        print(f"FAILED: {', '.join(bad)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
