# SPDX-License-Identifier: Apache-2.0
"""Functions that tasks call. Arguments and results are JSON values; files are paths."""
import csv
import json


def clean(minimum, files):
    """Keeps the rows with at least `minimum` units; returns how many were kept and dropped."""
    kept, dropped = 0, 0
    with open(files["in"]["raw"], encoding="utf-8", newline="") as rows, \
            open(files["out"]["clean"], "w", encoding="utf-8") as lines:
        for row in csv.DictReader(rows):
            row["units"] = int(row["units"])
            if row["units"] < minimum:
                dropped += 1
                continue
            kept += 1
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"kept {kept}, dropped {dropped}")
    return {"kept": kept, "dropped": dropped}
