#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes unicode_tables.inc from the Unicode data of the Python that runs it.

Run it again for a newer Unicode: python3 unicode_tables.py > unicode_tables.inc
"""
import sys
import unicodedata

points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def ranges(name, wanted):
    out, start, last = [], None, None
    for c in points:
        if wanted(chr(c)):
            if last is not None and c == last + 1:
                last = c
                continue
            if start is not None:
                out.append((start, last))
            start = last = c
    if start is not None:
        out.append((start, last))
    print(f"constexpr Range {name}[] = {{")
    for i in range(0, len(out), 6):
        print("    " + " ".join(f"{{0x{a:X}, 0x{b:X}}}," for a, b in out[i : i + 6]))
    print("};")


def mapping(name, convert):
    """Runs of a constant difference and step 1 or 2; what becomes several code points goes apart."""
    runs, special = [], []
    for c in points:
        to = convert(chr(c))
        if to == chr(c):
            continue
        if len(to) != 1:
            special.append((c, [ord(x) for x in to]))
            continue
        delta = ord(to) - c
        if runs:
            start, last, step, d = runs[-1]
            if d == delta and (c - last == step or (start == last and c - last in (1, 2))):
                runs[-1] = (start, c, c - last, d)
                continue
        runs.append((c, c, 1, delta))
    print(f"constexpr CaseRun {name}[] = {{")
    for i in range(0, len(runs), 4):
        print("    " + " ".join(f"{{0x{a:X}, 0x{b:X}, {s}, {d}}}," for a, b, s, d in runs[i : i + 4]))
    print("};")
    print(f"constexpr CaseSpecial {name}_special[] = {{")
    for c, to in special:
        padded = to + [0] * (3 - len(to))
        print(f"    {{0x{c:X}, {{" + ", ".join(f"0x{x:X}" for x in padded) + "}},")
    if not special:
        print("    {0, {0, 0, 0}},")
    print("};")


def lower_one(c):
    return c.lower()


print("// SPDX-License-Identifier: Apache-2.0")
print(f"// Made by unicode_tables.py from Unicode {unicodedata.unidata_version}; not edited by hand.")
print("// clang-format off")
ranges("word_ranges", lambda c: c.isalnum() or c == "_")
ranges("alpha_ranges", str.isalpha)
ranges("space_ranges", str.isspace)
ranges("printable_ranges", str.isprintable)
ranges("upper_ranges", str.isupper)
ranges("lower_ranges", str.islower)
ranges("title_ranges", lambda c: unicodedata.category(c) == "Lt")
ranges("decimal_ranges", lambda c: c.isdecimal() and unicodedata.decimal(c) == 0)
# Both are what Python's rule for a final sigma sees.
ranges("cased_ranges", lambda c: ("1" + c + "\u03a3").lower()[-1] == "\u03c2")
ranges(
    "ignorable_ranges",
    lambda c: ("A" + c + "\u03a3").lower()[-1] == "\u03c2" and ("1" + c + "\u03a3").lower()[-1] == "\u03c3",
)
mapping("to_upper", str.upper)
mapping("to_lower", lower_one)
mapping("to_title", lambda c: c.title())
sys.stdout.flush()
