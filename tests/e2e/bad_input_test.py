#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong for users, and the message each of them gets."""
import argparse
import http.server
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from project import DEFAULT_TUTTI, Project, expect, run_tests  # noqa: E402


def one_task(uses, body, extra=""):
    return f"workflow: bad\ntasks:\n  it:\n    uses: {uses}\n{extra}    with:\n" + "".join(
        f"      {line}\n" for line in body.strip().splitlines())


def fails_with(workflow, words, files=None, status=1, before=None):
    """A test that the run fails and that its output has all of `words`."""
    def test(tutti):
        with Project(tutti, {"workflows/bad.yaml": workflow, **(files or {})}) as project:
            if before:
                before(project)
            done = project.call("run", "bad", status=None)
            text = done.stdout + done.stderr
            expect(done.returncode == status, f"ended with {done.returncode}, not {status}:\n{text}")
            for word in words:
                expect(word.lower() in text.lower(), f"the message lacks '{word}':\n{text}")
            expect("Traceback" not in text or "python" in workflow, f"a traceback:\n{text}")
    return test


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/500":
            self.send_response(500)
            self.end_headers()
            self.wfile.write(b"the database is on fire")
        else:
            threading.Event().wait(30)

    def log_message(self, *_):
        pass


def no_permission(project):
    folder = project.folder / "clouds/s3/in"
    folder.mkdir(parents=True)
    (folder / "a").write_text("x")
    blocked = project.folder / "clouds/gs"
    blocked.write_text("a file where a folder must be")


def tests(port):
    sql = lambda query: one_task("sql", f'connection: warehouse\nquery: "{query}"')  # noqa: E731
    return [
        ("missing file", fails_with(one_task("copy", 'from: "s3://in/none.csv"\nto: "gs://out/none.csv"'),
                                    ["s3://in/none.csv", "no "])),
        ("misspelt key of an action", fails_with(one_task("copy", 'form: "s3://in/a"\nto: "gs://out/a"'),
                                                 ["workflows/bad.yaml:", "form", "did you mean 'from'"], status=2)),
        ("folder that cannot be written", fails_with(one_task("copy", 'from: "s3://in/a"\nto: "gs://out/a"'),
                                                     ["gs"], before=no_permission)),
        ("unknown connection", fails_with(one_task("copy", 'from: "s4://in/a"\nto: "gs://out/a"'),
                                          ["s4", "did you mean"], status=2)),
        ("SQL error", fails_with(sql("selec * from t"), ["syntax error", "selec"])),
        ("missing table", fails_with(sql("select * from nowhere"), ["nowhere"])),
        ("SQL that needs 100 GB", fails_with(
            sql("select list(i::varchar || repeat('x', 100)) from range(1000000000) t(i)"), ["memory"],
            files={"tutti.yaml": "project: test\nprofiles:\n  local:\n    connections:\n      warehouse: {type: duckdb, memory: 200MB}\n"})),
        ("python exception", fails_with(one_task("python", "call: mod:broken"), ["ZeroDivisionError"],
                                        files={"mod.py": "def broken():\n    return 1 / 0\n"})),
        ("missing package", fails_with(one_task("python", "call: mod:needs"), ["no_such_package"],
                                       files={"mod.py": "import no_such_package\n\ndef needs():\n    return {}\n"})),
        ("missing function", fails_with(one_task("python", "call: mod:nothing"), ["nothing"],
                                        files={"mod.py": "def something():\n    return {}\n"})),
        ("HTTP 500", fails_with(one_task("http", f'url: "http://127.0.0.1:{port}/500"'), ["500"])),
        ("HTTP time-out", fails_with(one_task("http", f'url: "http://127.0.0.1:{port}/slow"', "    timeout: 1s\n"), ["timeout"])),
        ("HTTP refused", fails_with(one_task("http", f'url: "http://127.0.0.1:{closed_port()}/"'), ["127.0.0.1"])),
        ("bad TLS", fails_with(one_task("http", f'url: "https://127.0.0.1:{port}/"'), ["tls"])),
        ("process killed by a signal", fails_with(one_task("process", 'run: "kill -SEGV $$"'), ["SIGSEGV"])),
        ("program that does not exist", fails_with(one_task("process", "argv: [no-such-program]"), ["no-such-program"])),
        ("exit code", fails_with(one_task("process", 'run: "echo the reason >&2; exit 7"'), ["7", "the reason"])),
        ("output that is no JSON", fails_with(one_task("process", "run: 'echo nonsense > \"$TUTTI_OUTPUT\"'"), ["JSON"])),
        ("workflow that does not exist", missing_workflow),
        ("two workflows of one name", two_of_a_name),
        ("output of 1 GB", gigabyte),
        ("no project", no_project),
        ("what can be known before the run", known_before),
        ("a missing file and each place that names it", missing_file),
    ]


def missing_workflow(tutti):
    with Project(tutti, {"workflows/shop.yaml": "workflow: shop\ntasks: {a: {uses: noop}}\n"}) as project:
        done = project.call("run", "shpo", status=2)
        expect("did you mean 'shop'" in done.stderr, done.stderr)


def two_of_a_name(tutti):
    files = {f"workflows/{file}.yaml": f"workflow: {name}\ntasks: {{a: {{uses: noop}}}}\n"
             for file, name in (("a", "sales"), ("b", "stock"), ("c", "sales"))}
    with Project(tutti, files) as project:
        for arguments, place, other in (((), "c.yaml:1:11", "a.yaml:1:11"), (("workflows/a.yaml",), "a.yaml:1:11", "c.yaml:1:11")):
            done = project.call("validate", *arguments, status=2)
            expect(f"workflows/{place}: error: the workflow at workflows/{other} is called 'sales' too" in done.stdout, done.stdout)
            expect("1 error," in done.stdout + done.stderr, done.stdout + done.stderr)
        project.call("validate", "workflows/b.yaml")
        copy = project.folder / "elsewhere.yaml"
        copy.write_text(files["workflows/a.yaml"])
        project.call("validate", "elsewhere.yaml")


# `with` of a task, and what `validate` says of it.
KNOWN_BEFORE = [
    ('load', '{from: "s3://b/k", into: warehouse.t, mode: merge}', "load needs 'key' where 'mode' is merge"),
    ('load', '{from: "s3://b/k", into: warehouse.t, key: id}', "load makes no use of 'key' here"),
    ('load', '{from: "s3://b/k", into: s3.t}', "'s3' is of type local, which has no tables"),
    ('sql', '{connection: s3, query: select 1}', "'s3' is of type local, which has no tables"),
    ('check', '{connection: gs, query: select true}', "'gs' is of type local, which has no tables"),
    ('http', '{connection: warehouse, path: /}', "'warehouse' is of type duckdb, which takes no HTTP requests"),
    ('copy', '{from: "warehouse://x/y", to: "s3://b/k"}', "'warehouse' is of type duckdb, which holds no objects"),
    ('http', '{url: "s3://b/k"}', "'s3://b/k' is not a URL of http or https"),
    ('wait.object', '{uri: "s3://b/k", poll: 1ms}', "'poll' is 1ms. give at least 100ms"),
    ('process', '{argv: [""]}', "'argv' names no program"),
    ('check', '{expr: 1/0 == 1}', "division by zero"),
    ('spark', '{main: x}', "the action 'spark' comes in a later version"),
    ('./templates/a.yaml', '{}', "templates of the project come in a later version"),
]


def known_before(tutti):
    tasks = "".join(f"  t{n}: {{uses: {uses}, with: {given}}}\n" for n, (uses, given, _) in enumerate(KNOWN_BEFORE))
    with Project(tutti, {"workflows/w.yaml": "workflow: w\ntasks:\n" + tasks}) as project:
        lines = project.call("validate", status=2).stdout.splitlines()
        for n, (_, _, words) in enumerate(KNOWN_BEFORE):
            expect(any(line.startswith(f"workflows/w.yaml:{n + 3}:") and words in line for line in lines),
                   f"nothing says '{words}' of line {n + 3}:\n" + "\n".join(lines))
        expect(len(lines) == len(KNOWN_BEFORE), "\n".join(lines))


def missing_file(tutti):
    calls = "".join(f"  {task}: {{uses: python, with: {{call: {call}}}}}\n"
                    for task, call in (("a", "nomodule"), ("b", "nomodule:f"), ("c", "nomodule:g")))
    with Project(tutti, {"workflows/w.yaml": "workflow: w\ntasks:\n" + calls}) as project:
        text = project.call("validate", status=2).stdout
        expect("w.yaml:3:34: error: 'nomodule' does not name a function" in text, text)
        for line in (4, 5):
            expect(f"w.yaml:{line}:34: error: the project has no file 'nomodule.py'" in text, text)
        expect(len(text.splitlines()) == 3, text)


def no_project(tutti):
    with Project(tutti, {}) as project:
        (project.folder / "tutti.yaml").unlink()
        done = project.call("run", "shop", status=2)
        expect("tutti init" in done.stderr, done.stderr)


def gigabyte(tutti):
    workflow = one_task("process", "run: 'head -c 1000000000 /dev/zero | tr \"\\0\" x'")
    with Project(tutti, {"workflows/bad.yaml": workflow}) as project:
        project.call("run", "bad", timeout=300)
        size = sum(path.stat().st_size for path in (project.folder / ".tutti").rglob("*") if path.is_file())
        expect(size < 100_000_000, f".tutti has {size} bytes after an output of 1 GB")
        for pid in project.owners():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
            expect(peak < 300_000, f"the owner used {peak} kB for an output of 1 GB")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tutti", type=pathlib.Path, default=DEFAULT_TUTTI)
    args = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return run_tests(tests(server.server_address[1]), args.tutti)


if __name__ == "__main__":
    sys.exit(main())
