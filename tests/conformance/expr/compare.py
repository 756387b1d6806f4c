#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our templates with Jinja2: the same text, or an error in both.

  compare.py DRIVER [--docs docs/templates.md] [--count N] [--seed N] [--fresh] [--show N]

DRIVER renders lines of JSON (driver_main.cc). Exits 1 when a difference is not one of DIFFERENCES, when
fewer than 70 % of the templates render in both, when a filter, test, operator or statement is used
fewer than 20 times, or when the list of differences in the docs is not DIFFERENCES.
"""
import argparse
import base64
import collections
import collections.abc
import datetime
import functools
import hashlib
import json
import os
import posixpath
import random
import re
import subprocess
import sys

import jinja2
import jinja2.sandbox

import generate

USES_MIN = 20
RENDERED_MIN = 0.70

OPERATORS = ["op:" + x for x in ("+ - * / // % ** ~ == != < <= > >= chain and or not in index slice choose choose_no_else list map tuple negative positive").split()] + ["op:not in"]
STATEMENTS = ["stmt:" + x for x in "if elif else for for_if for_else unpack pairs loop set set_block namespace with filter comment raw".split()]
# Tests and filters that only have one sensible use, or another name in a template.
ALIASES = {"test:==", "test:!=", "test:<", "test:<=", "test:>", "test:>="}

# What differs on purpose: (id, what the docs say, does this pair of outcomes come from it?).
# An outcome is (ok, text or error); that of Jinja2 can be asked for again with strict(): as if something
# undefined had no repr either, and with eager(): as if filters and methods gave lists where they give iterators.
DIFFERENCES = [
    ("lazy", "Lazy sequences (`map`, `select`, `reverse`, `batch`, `items()` ...) are lists: they print as lists, have a length and items, and can be gone through twice.",
     lambda j, o: o[0] and j.eager() == o),
    ("int64", "Whole numbers have 64 bits; what would be bigger is an error.", lambda j, o: j[0] and not o[0] and "64 bits" in o[1]),
    ("float", "A number that is too big or too small for a float cannot be written: `1e400` is an error (Python reads `inf`), `1e-400` too (`0.0`).",
     lambda j, o: j[0] and not o[0] and "this number does not fit into a float" in o[1]),
    ("keys", "Keys of maps are strings.", lambda j, o: j[0] and not o[0] and ("key of a map is a string" in o[1] or "dict() takes pairs of a string" in o[1])),
    ("undefined", "A name or member that does not exist has no text anywhere: where Jinja2 prints `Undefined` for it inside a list there is an error.",
     lambda j, o: j[0] and not o[0] and not j.strict()[0]),
    ("methods", "Only the methods listed above can be called, and nothing else of Python is reachable.", lambda j, o: j[0] and not o[0] and "has no method" in o[1]),
    ("complex", "A negative number has no fractional power (Python gives a complex number).", lambda j, o: j[0] and not o[0] and "has no such power" in o[1]),
    ("block", "The filters of a `{% filter %}` block may end in something other than text; it is printed.", lambda j, o: not j[0] and o[0] and "expected str instance" in j[1]),
    ("text", "`indent`, `truncate` and `wordwrap` take strings only (Jinja2 gives a short list back).", lambda j, o: j[0] and not o[0] and re.search(r"'(indent|truncate|wordwrap)' takes a string", o[1])),
    ("sameas", "`sameas` is for none, true and false: values have no identity.", lambda j, o: j[0] and not o[0] and "'sameas' is for" in o[1]),
]


def strptime_or_fail(text, fmt):
    return datetime.datetime.strptime(text, fmt)


def date_add(text, amount, format=""):
    at = datetime.datetime.fromisoformat(text)
    if isinstance(amount, int):
        delta = datetime.timedelta(days=amount)
    else:
        sign = -1 if amount.startswith("-") else 1
        parts = re.findall(r"([\d.]+)(us|ms|s|m|h|d|w)", amount.lstrip("+-"))
        seconds = sum(float(n) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[u] for n, u in parts)
        delta = sign * datetime.timedelta(seconds=seconds)
    moved = at + delta
    if format:
        return moved.strftime(format)
    if len(text) == 10 and delta.seconds == 0 and delta.microseconds == 0:
        return moved.strftime("%Y-%m-%d")
    return moved.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def need_str(value):
    if not isinstance(value, str):
        raise TypeError("a string is needed")
    return value


def our_filters():
    """Python's word for the filters that Jinja2 does not have."""
    def tojson(value, indent=None):
        return str(jinja2.filters.do_tojson(jinja2.nodes.EvalContext(jinja2.Environment()), value, indent))

    def regex_replace(value, pattern, replacement="", ignorecase=False, count=0):
        return re.sub(pattern, replacement, str(value), count=count, flags=re.I if ignorecase else 0)

    def mask(value, keep=4):
        text = str(value)
        return "*" * (len(text) - keep) + text[len(text) - keep:] if keep < len(text) else text

    return {
        "tojson": tojson,
        "fromjson": lambda v: json.loads(need_str(v)),
        "b64encode": lambda v: base64.b64encode(need_str(v).encode()).decode(),
        "b64decode": lambda v: base64.b64decode(need_str(v), validate=True).decode(),
        "sha256": lambda v: hashlib.sha256(need_str(v).encode()).hexdigest(),
        "regex_replace": regex_replace,
        "mask": mask,
        "basename": lambda v: posixpath.basename(need_str(v)),
        "dirname": lambda v: posixpath.dirname(need_str(v)),
        "splitext": lambda v: posixpath.splitext(need_str(v)),
        "ds_add": lambda v, days: (strptime_or_fail(v, "%Y-%m-%d") + datetime.timedelta(days=days)).strftime("%Y-%m-%d"),
        "ds_format": lambda v, a, b: strptime_or_fail(v, a).strftime(b),
        "date_add": date_add,
    }


class NoText(jinja2.StrictUndefined):
    __slots__ = ()
    __repr__ = jinja2.StrictUndefined._fail_with_undefined_error


def listed(value):
    lazy = (collections.abc.Iterator, collections.abc.KeysView, collections.abc.ValuesView, collections.abc.ItemsView)
    return list(value) if isinstance(value, lazy) else value


def listing(function):
    """The same function, with a list for what is lazy."""
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return listed(function(*args, **kwargs))
    return wrapper


class EagerEnvironment(jinja2.sandbox.SandboxedEnvironment):
    def __init__(self, **options):
        super().__init__(**options)
        self.filters = {name: listing(function) for name, function in self.filters.items()}

    def call(self, context, function, /, *args, **kwargs):
        return listed(super().call(context, function, *args, **kwargs))


class Theirs(tuple):
    """Jinja2's outcome, and ways to render again with NoText and in an EagerEnvironment."""
    strict = None
    eager = None


class Oracle:
    def __init__(self, environment=jinja2.sandbox.SandboxedEnvironment, undefined=jinja2.StrictUndefined):
        self.env = environment(undefined=undefined, keep_trailing_newline=True)
        self.env.filters.update(our_filters())

    def render(self, question):
        try:
            return True, self.env.from_string(question["template"]).render(question["context"])
        except RecursionError:
            raise
        except Exception as error:  # every error of a template counts as one
            return False, f"{type(error).__name__}: {error}"


def make_questions(seed, count, features):
    g = generate.Generator(seed)
    out = []
    for feature in features:
        for _ in range(USES_MIN + 5):
            text = generate.focused(g, feature)
            out.append(({"template": text, "context": g.context()}, set(g.used)))
    while len(out) < count:
        text = generate.template(g)
        out.append(({"template": text, "context": g.context()}, set(g.used)))
    return out


def answers(driver, questions):
    lines = "".join(json.dumps(q) + "\n" for q in questions)
    done = subprocess.run([driver], input=lines, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"the driver ended with {done.returncode}: {done.stderr}")
    out = [json.loads(line) for line in done.stdout.split("\n") if line]
    return [(a["ok"], a["text"] if a["ok"] else a["error"]) for a in out]


def names(driver):
    done = subprocess.run([driver, "--names"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def docs_problem(path):
    """The docs list the differences one a line: "- `id`: text"."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    section = text.split("<!-- differences -->")[1] if "<!-- differences -->" in text else ""
    listed = re.findall(r"^- `(\w+)`: (.*)$", section, re.M)
    wanted = [(name, what) for name, what, _ in DIFFERENCES]
    return None if listed == wanted else f"{path} does not list the differences as they are:\n" + "\n".join(f"- `{n}`: {w}" for n, w in wanted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--docs")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--fresh", action="store_true", help="a seed that was never used before")
    parser.add_argument("--show", type=int, default=20, help="how many unexplained differences to print")
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if args.fresh else args.seed

    known = names(args.driver)
    features = ["filter:" + x for x in known["filters"]] + ["test:" + x for x in known["tests"]]
    features = [f for f in features if f not in ALIASES] + OPERATORS + STATEMENTS
    made = make_questions(seed, args.count, features)
    questions = [q for q, _ in made]
    ours = answers(args.driver, questions)
    oracle, stricter, eager = Oracle(), Oracle(undefined=NoText), Oracle(EagerEnvironment)
    counts = collections.Counter()
    uses = collections.Counter()
    shown = 0
    for (question, used), our in zip(made, ours):
        theirs = Theirs(oracle.render(question))
        theirs.strict = lambda question=question: stricter.render(question)
        theirs.eager = lambda question=question: eager.render(question)
        uses.update(used)
        if theirs[0] and our[0] and theirs[1] == our[1]:
            counts["rendered in both"] += 1
            continue
        if not theirs[0] and not our[0]:
            counts["error in both"] += 1
            continue
        why = next((name for name, _, holds in DIFFERENCES if holds(theirs, our)), None)
        counts[f"difference {why}" if why else "UNEXPLAINED"] += 1
        if why is None and shown < args.show:
            shown += 1
            print(f"--- {question['template']!r}\n    jinja2 {tuple(theirs)}\n    ours   {our}\n    context {json.dumps(question['context'], ensure_ascii=False)[:600] if args.show <= 3 else ''}")
    print(f"{len(questions)} templates, seed {seed}, Jinja2 {jinja2.__version__}")
    for name, count in sorted(counts.items(), key=lambda x: -x[1]):
        print(f"  {count:6} {name}")
    failures = []
    if counts["UNEXPLAINED"]:
        failures.append(f"{counts['UNEXPLAINED']} templates differ")
    if counts["rendered in both"] < RENDERED_MIN * len(questions):
        failures.append(f"only {counts['rendered in both']} of {len(questions)} render in both")
    rare = {f: uses[f] for f in features if uses[f] < USES_MIN}
    if rare:
        failures.append(f"used fewer than {USES_MIN} times: {rare}")
    else:
        print(f"  each of {len(features)} filters, tests, operators and statements at least {min(uses[f] for f in features)} times")
    if args.docs and (problem := docs_problem(args.docs)):
        failures.append(problem)
    for failure in failures:
        print("FAILED:", failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
