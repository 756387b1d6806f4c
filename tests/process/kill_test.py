#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments: nothing lost, nothing twice.

    kill_test.py --tutti build/release/tutti [--trials 30] [--jobs 1] [--seed N] [--only graph|demo|sql]
                 [--dying-sql build/release/src/sql/dying_sql]

Each trial starts a run, kills the owner, the process helper, tutti-sql or all of them at a random moment,
one to three times, asks again with the next command, and waits for the end. Then:
  - the run succeeded, and its history is consistent: attempts rise by one, one success, nothing after it;
  - no task that was reported as succeeded before a kill has a later attempt;
  - attempts of one task never overlapped (each holds a lock while it works; some leave their session);
  - a reader that listed and digested the destinations throughout saw only whole objects;
  - with --dying-sql, a tutti-sql that dies when it has committed and not yet answered: every INSERT of a
    chain of `sql` tasks happened once, and of some the reply had been lost.
Prints the phase of each kill; at least 80 % must hit while a task runs.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TASKS = 200
END_STATES = {"success", "failed", "cancelled"}
PATIENCE_S = 120  # for a run to end after the last kill

SQL_TASKS = 40
LOST_REPLIES = 20  # at most, in a trial

SCRIPT = r"""
set -o noclobber
name="{{ task.name }}"
: > "marks/$name.{{ task.attempt }}"
exec 9>>"marks/$name.lock"
if ! flock -n 9; then : > "marks/OVERLAP.$name.{{ task.attempt }}"; exit 9; fi
WORK
: > "marks/$name.{{ task.attempt }}.done"
"""


class Wrong(Exception):
    """The promise does not hold."""


def graph_workflow(rng):
    lines = ["workflow: graph", "tasks:"]
    for n in range(TASKS):
        needs = sorted(rng.sample(range(max(0, n - 20), n), min(n, rng.randint(0, 3)))) if n else []
        seconds = f"{rng.uniform(0.05, 0.5):.3f}"
        # One in ten leaves its session and process group, as a daemon would.
        work = f"setsid -w sleep {seconds}" if n % 10 == 3 else f"sleep {seconds}"
        body = "\n".join("        " + line for line in SCRIPT.strip().replace("WORK", work).splitlines())
        lines.append(f"  t{n}:\n    uses: process")
        if needs:
            lines.append(f"    needs: [{', '.join(f't{m}' for m in needs)}]")
        lines.append(f"    with:\n      cwd: .\n      run: |\n{body}")
    return "\n".join(lines) + "\n"


def proc_table():
    """pid -> (parent, argv, environ-free) of every process that can be read."""
    table = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            argv = (entry / "cmdline").read_bytes().split(b"\0")[:-1]
            stat = (entry / "stat").read_text()
            table[int(entry.name)] = (int(stat[stat.rindex(")") + 2:].split()[1]), argv)
        except (OSError, ValueError):
            continue
    return table


def find(project, kind):
    """The pids of one kind of Tutti's processes that belong to this project."""
    table = proc_table()
    owners = [pid for pid, (_, argv) in table.items()
              if len(argv) > 2 and b"owner" in argv[1:3] and str(project).encode() in argv]
    if kind == "owner":
        return owners
    helpers = [pid for pid, (parent, argv) in table.items() if parent in owners and b"process-helper" in argv]
    if kind == "helper":
        return helpers
    sql = [pid for pid, (parent, argv) in table.items()
           if (parent in owners or parent in helpers) and argv and argv[0].endswith(b"tutti-sql")]
    return sql if kind == "sql" else owners + helpers + sql


class Project:
    """A project in a temporary folder, and the `tutti` that works on it."""

    def __init__(self, tutti, folder):
        self.tutti = tutti
        self.folder = folder

    def call(self, *arguments, check=True, timeout=PATIENCE_S):
        done = subprocess.run([self.tutti, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise Wrong(f"tutti {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def show(self, run):
        return json.loads(self.call("show", run, "-o", "json").stdout)

    def kill(self, kind):
        pids = find(self.folder, kind)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return len(pids)

    def close(self):
        for pid in find(self.folder, "owner"):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass


class Reader(threading.Thread):
    """Lists and digests destinations until stopped; remembers what was not whole."""

    def __init__(self, folder, whole):
        super().__init__(daemon=True)
        self.folder, self.whole = folder, whole
        self.stopping = threading.Event()
        self.looks, self.broken, self.failed = 0, [], None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.look()
                time.sleep(0.01)  # tidy: allow sleep, a test of real time
        except Exception as error:  # a reader that died would see nothing more
            self.failed = error

    def look(self):
        for folder, inner, names in os.walk(self.folder):  # what goes meanwhile is passed over
            inner[:] = [name for name in inner if not name.startswith(".")]
            for path in (pathlib.Path(folder, name) for name in names if not name.startswith(".")):
                try:
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                except FileNotFoundError:
                    continue
                self.looks += 1
                if self.whole.get(path.name) != digest:
                    self.broken.append(str(path))

    def stop(self):
        self.stopping.set()
        self.join()
        if self.failed:
            raise Wrong(f"the reader could not go on: {self.failed!r}")
        if self.broken:
            raise Wrong(f"half-written objects were seen: {self.broken[:3]}")


def running_tasks(view):
    return [task["name"] for task in view["task_runs"] if task["state"] in ("running", "cancelling")]


def succeeded(view):
    return {task["name"]: task["attempt"] for task in view["task_runs"] if task["state"] == "success"}


def check_history(view, before):
    by_task = collections.defaultdict(list)
    for attempt in view["attempts"]:
        by_task[attempt["task"] if isinstance(attempt["task"], str) else attempt["task_name"]].append(attempt)
    for name, attempts in by_task.items():
        numbers = [a["attempt"] for a in attempts if a["attempt"] > 0]
        if numbers != list(range(1, len(numbers) + 1)):
            raise Wrong(f"task {name} has the attempts {numbers}")
        good = [a["attempt"] for a in attempts if a["state"] == "success"]
        if len(good) > 1 or (good and good[0] != numbers[-1]):
            raise Wrong(f"task {name} succeeded in the attempts {good} of {numbers}")
    now = succeeded(view)
    for name, attempt in before.items():
        if now.get(name) != attempt:
            raise Wrong(f"task {name} had succeeded in attempt {attempt} and now shows {now.get(name)}")


def wait_for_end(project, run):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        view = project.show(run)
        if view["state"] in END_STATES:
            return view
        time.sleep(0.2)  # tidy: allow sleep, a test of real time
    raise Wrong(f"run {run} has not ended: {view['state']}, running {running_tasks(view)}")


def kill_some(project, run, rng, phases, expected_s, kinds):
    """Kills one to three times; returns what had succeeded before the last kill."""
    before = {}
    for _ in range(rng.randint(1, 3)):
        time.sleep(rng.uniform(0.02, expected_s))  # tidy: allow sleep, a test of real time
        view = project.show(run)
        if view["state"] in END_STATES:
            break
        before = succeeded(view)
        kind = rng.choice(kinds)
        if project.kill(kind) == 0:
            continue  # that one is not running now
        phases[kind, "task running" if running_tasks(view) else "between tasks"] += 1
    return before


def graph_trial(tutti, folder, rng, phases):
    project = Project(tutti, folder)
    (folder / "workflows").mkdir()
    (folder / "marks").mkdir()
    (folder / "tutti.yaml").write_text("project: kill\n")
    (folder / "workflows/graph.yaml").write_text(graph_workflow(rng))
    run = project.call("run", "graph", "--detach").stdout.strip()
    before = kill_some(project, run, rng, phases, 1.5, ["owner", "owner", "helper", "all"])
    view = wait_for_end(project, run)
    if view["state"] != "success":
        failed = [f"{t['name']}: {t.get('error')}" for t in view["task_runs"] if t["state"] == "failed"]
        raise Wrong(f"the run is {view['state']}: {failed[:3]}")
    overlaps = [path.name for path in (folder / "marks").glob("OVERLAP.*")]
    if overlaps:
        raise Wrong(f"attempts overlapped: {overlaps}")
    check_history(view, before)
    project.close()


def demo_trial(tutti, folder, rng, phases):
    project = Project(tutti, folder)
    example = ROOT / "examples/retail"
    for name in ("tutti.yaml", "workflows", "sql"):
        source = example / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    day = "2026-02-28"
    subprocess.run([sys.executable, str(example / "generate.py"), str(folder), "--day", day, "--size", "2MB",
                    "--seed", str(rng.randint(1, 10**6))], check=True)
    sources = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
               for path in (folder / "clouds/az/pos-data/sales" / day).iterdir()}
    readers = []
    for destination in (folder / "clouds/gs", folder / "clouds/s3/company-archive"):
        destination.mkdir(parents=True)
        readers.append(Reader(destination, sources))
        readers[-1].start()
    run = project.call("run", "retail", "--date", day, "--detach").stdout.strip()
    before = kill_some(project, run, rng, phases, 0.4, ["owner", "sql", "all", "helper"])
    view = wait_for_end(project, run)
    for reader in readers:
        reader.stop()
    if view["state"] != "success":
        raise Wrong(f"the run is {view['state']}: {[t.get('error') for t in view['task_runs'] if t['state'] == 'failed']}")
    check_history(view, before)
    report = json.loads(project.call("run", "report", "--date", day, "-o", "json").stdout)
    rows = next(task for task in report["task_runs"] if task["name"] == "daily_stock")["output"]["rows"]
    answer = (folder / "answer" / f"{day}.csv").read_text(encoding="utf-8").splitlines()[1:]
    ours = sorted(f"{r['units_sold']},{r['revenue_cents']},{r['stock_before']},{r['stock_after']}" for r in rows)
    theirs = sorted(",".join(line.rsplit(",", 4)[1:]) for line in answer)
    if ours != theirs:
        raise Wrong("the joined table is not the independent answer")
    archived = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in (folder / "clouds/s3/company-archive").rglob("*") if path.is_file() and path.name in sources}
    if archived != sources:
        raise Wrong(f"the archive has {len(archived)} of {len(sources)} objects, or other bytes")
    project.close()


SQL_COUNT = """workflow: count
params: {run: {type: string}}
tasks:
  rows:
    uses: sql
    with:
      connection: warehouse
      query: SELECT name, count(*) AS n FROM log GROUP BY name
  ledger:
    uses: sql
    with:
      connection: warehouse
      params: {run: "{{ params.run }}"}
      query: SELECT task, attempt FROM main._tutti_sql WHERE run = $run
"""


def sql_workflow(rng):
    lines = ["workflow: inserts", "defaults: {retry: {attempts: 100, delay: 0s}}", "tasks:", "  make:", "    uses: sql",
             "    with: {connection: warehouse, query: 'CREATE TABLE log (name VARCHAR)'}"]
    for n in range(SQL_TASKS):
        lines += [f"  t{n}:", f"    needs: [{f't{n - rng.randint(1, min(n, 3))}' if n else 'make'}]", "    uses: sql",
                  f"    with: {{connection: warehouse, query: \"INSERT INTO log VALUES ('t{n}'); "
                  "SELECT count(*) AS n FROM log, range(100000)\"}"]
    return "\n".join(lines) + "\n"


class Poisoner(threading.Thread):
    """Lets tutti-sql die before its next reply, again and again (src/sql/dying_sql_main.cc)."""

    def __init__(self, folder, rng):
        super().__init__(daemon=True)
        self.folder, self.rng = folder, rng
        self.stopping = threading.Event()

    def run(self):
        for _ in range(LOST_REPLIES):  # fewer than a task has attempts
            if self.stopping.wait(self.rng.uniform(0.05, 0.3)):
                return
            (self.folder / "kill_tutti_sql").touch()

    def stop(self):
        self.stopping.set()
        self.join()
        (self.folder / "kill_tutti_sql").unlink(missing_ok=True)


def sql_trial(tutti, folder, rng, phases):
    project = Project(tutti, folder)
    (folder / "workflows").mkdir()
    (folder / "tutti.yaml").write_text("project: kill\nprofiles: {local: {connections: {warehouse: {type: duckdb}}}}\n")
    (folder / "workflows/inserts.yaml").write_text(sql_workflow(rng))
    (folder / "workflows/count.yaml").write_text(SQL_COUNT)
    poisoner = Poisoner(folder, random.Random(rng.random()))
    poisoner.start()
    run = project.call("run", "inserts", "--detach").stdout.strip()
    before = kill_some(project, run, rng, phases, 0.5, ["owner", "sql", "all"])
    view = wait_for_end(project, run)
    poisoner.stop()
    if view["state"] != "success":
        raise Wrong(f"the run is {view['state']}: {[t.get('error') for t in view['task_runs'] if t['state'] == 'failed']}")
    check_history(view, before)
    count = json.loads(project.call("run", "count", "--param", f"run={run}", "-o", "json").stdout)
    rows, ledger = (next(task for task in count["task_runs"] if task["name"] == name)["output"]["rows"]
                    for name in ("rows", "ledger"))
    twice = [row for row in rows if row["n"] != 1]
    if twice or len(rows) != SQL_TASKS:
        raise Wrong(f"{len(rows)} of {SQL_TASKS} tasks have a row, and these more than one: {twice}")
    numbers = succeeded(view)
    order = [task["name"] for task in view["task_runs"]]
    phases["reply", "lost"] += sum(numbers[order[row["task"]]] > row["attempt"] for row in ledger)
    project.close()


TRIALS = {"graph": graph_trial, "demo": demo_trial, "sql": sql_trial}


def try_once(tutti, args, trial):
    """One trial; the phases of its kills, or None when something was wrong."""
    phases = collections.Counter()
    seed = args.seed + trial
    kinds = ["graph", "demo", "sql"] if args.dying_sql else ["graph", "demo"]
    kind = args.only or kinds[trial % len(kinds)]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tutti-kill."))
    started = time.monotonic()
    try:
        TRIALS[kind](args.tutti_beside_dying if kind == "sql" else tutti, folder, random.Random(seed), phases)
    except (Wrong, subprocess.SubprocessError) as wrong:
        log = folder / ".tutti/owner.log"
        print(f"trial {trial} ({kind}, seed {seed}) FAILED: {wrong}\nfolder: {folder}\n"
              + (log.read_text(errors="replace")[-4000:] if log.exists() else "no owner.log"), flush=True)
        Project(tutti, folder).kill("all")
        return None
    shutil.rmtree(folder, ignore_errors=True)
    print(f"trial {trial} ({kind}, seed {seed}) good, {time.monotonic() - started:.1f} s", flush=True)
    return phases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tutti", type=pathlib.Path, default=ROOT / "build/release/tutti")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--only", choices=list(TRIALS))
    parser.add_argument("--dying-sql", type=pathlib.Path, help="tutti-sql that can be told to die before a reply")
    parser.add_argument("--jobs", type=int, default=1, help="trials at once (default %(default)s)")
    args = parser.parse_args()
    if args.only == "sql" and not args.dying_sql:
        parser.error("--only sql needs --dying-sql")
    with tempfile.TemporaryDirectory(prefix="tutti-kill-bin.") as folder:
        if args.dying_sql:
            args.tutti_beside_dying = str(beside(args.tutti, args.dying_sql, pathlib.Path(folder)))
        return run_trials(args)


def beside(tutti, dying, folder):
    """`tutti` in a folder where it finds the dying program as its tutti-sql."""
    shutil.copy(tutti, folder / "tutti")
    shutil.copy(dying, folder / "tutti-sql")
    return folder / "tutti"


def run_trials(args):
    tutti = str(args.tutti.resolve())
    phases = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        trials = [pool.submit(try_once, tutti, args, trial) for trial in range(args.trials)]
        for each in concurrent.futures.as_completed(trials):
            if each.result() is None:
                pool.shutdown(cancel_futures=True)
                return 1
            phases.update(each.result())
    lost = phases.pop(("reply", "lost"), 0)
    total = sum(phases.values())
    during = sum(count for (_, phase), count in phases.items() if phase == "task running")
    for (victim, phase), count in sorted(phases.items()):
        print(f"  killed {victim:7} {phase}: {count}")
    share = during / total if total else 0
    print(f"{args.trials} trials, {total} kills, {100 * share:.0f} % while a task ran")
    if args.dying_sql:
        print(f"{lost} replies of sql were lost behind their commit")
        if args.trials >= 10 and lost < args.trials // 3:
            print("FAILED: too few replies were lost")
            return 1
    if args.trials >= 10 and (total < args.trials // 2 or share < 0.8):
        print("FAILED: too few kills hit a running task")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
