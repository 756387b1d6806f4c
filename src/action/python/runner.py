# SPDX-License-Identifier: Apache-2.0
"""Calls one function of the project for Tutti, over tutti.action/1 on descriptors 3 and 4.

Kept inside Tutti's program; Python's standard library alone, 3.8 or newer.
"""
import importlib
import importlib.abc
import importlib.util
import inspect
import json
import linecache
import math
import os
import signal
import struct
import sys
import threading
import traceback

PROTOCOL = "tutti.action/1"
FRAME_BYTES_MAX = 64 << 20
WRITE_LOCK = threading.Lock()
RUNNER = __file__


def send(message):
    body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    view = memoryview(struct.pack("<I", len(body)) + body)
    with WRITE_LOCK:
        while view:
            view = view[os.write(4, view):]


def receive():
    head = read_exactly(4)
    return None if head is None else json.loads(read_exactly(struct.unpack("<I", head)[0]))


def read_exactly(count):
    parts = []
    while count:
        part = os.read(3, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


class FrozenModules(importlib.abc.MetaPathFinder):
    """Modules as they were when the run started; everything else comes from the project's folder."""

    def __init__(self, sources):
        self.sources = sources  # name -> {path, source}

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        frozen = self.sources[name]
        loader = FrozenLoader(frozen["path"], frozen["source"].encode())
        spec = importlib.util.spec_from_loader(name, loader, origin=frozen["path"])
        spec.has_location = True
        return spec


class FrozenLoader(importlib.abc.SourceLoader):
    def __init__(self, path, source):
        self.path = path
        self.source = source

    def get_filename(self, name):
        return self.path

    def get_data(self, path):
        if path != self.path:
            raise OSError(path)
        return self.source


class Refused(Exception):
    """An error for the user, with a remedy."""

    def __init__(self, code, what, where="", remedy="", retryable=False):
        super().__init__(what)
        self.error = {"code": code, "what": what, "where": where, "remedy": remedy}
        self.retryable = retryable


def find_function(call):
    module_name, _, name = call.partition(":")
    try:
        target = importlib.import_module(module_name)
    except ModuleNotFoundError as e:
        missing = e.name or ""
        if missing == module_name or module_name.startswith(missing + "."):
            raise Refused("not_found", f"there is no module {missing!r} in the project", call,
                          f"write {module_name.replace('.', '/')}.py below the project's folder, or correct `call`") from e
        raise
    for part in name.split("."):
        try:
            target = getattr(target, part)
        except AttributeError as e:
            names = [n for n, v in vars(target).items() if inspect.isfunction(v) and not n.startswith("_")]
            raise Refused("not_found", f"{module_name} has no function {name!r}", call,
                          f"it has: {', '.join(names)}" if names else "define it, or correct `call`") from e
    if not callable(target):
        raise Refused("bad_input", f"{call} is a {type(target).__name__}, not a function", call,
                      "name a function in `call`")
    return target


def bind(function, call, args, files):
    positional, named = ([], dict(args)) if isinstance(args, dict) else (list(args or []), {})
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return positional, named
    if files and "files" in signature.parameters and "files" not in named:
        named["files"] = files
    try:
        signature.bind(*positional, **named)
    except TypeError as e:
        raise Refused("bad_input", f"the function does not take these args: {e}", place_of(function, call),
                      f"it is {call}{signature}") from e
    return positional, named


def place_of(function, call):
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{shown(code.co_filename)}:{code.co_firstlineno}" if code else call


def shown(path):
    project = os.environ.get("TUTTI_PROJECT", "")
    return os.path.relpath(path, project) if project and path.startswith(project + os.sep) else path


def to_json(value, path="it"):
    """The value as JSON has it, or an error that says which part has no form there."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise no_form(path, "a text that is no Unicode (a lone surrogate)") from None
        return str(value)
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise no_form(path, "an integer beyond 64 bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise no_form(path, f"the number {value}")
        return float(value)
    if isinstance(value, (list, tuple)):
        return [to_json(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise no_form(path, f"a key of type {type(key).__name__}")
        return {key: to_json(item, f"{path}.{key}") for key, item in value.items()}
    raise no_form(path, f"a {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", ""))


def no_form(path, what):
    place = "" if path == "it" else f" (at {path})"
    return Refused("bad_input", f"the function returned {what}, which JSON cannot hold{place}", "",
                   "return text, whole and finite numbers, booleans, None, lists and dicts with text keys")


def output_of(result):
    try:
        value = to_json(result)
    except RecursionError:
        raise no_form("it", "a value that contains itself, or is nested too deeply") from None
    output = value if isinstance(value, dict) else {"value": value}
    size = len(json.dumps(output, ensure_ascii=False).encode())
    if size > FRAME_BYTES_MAX - 1024:
        raise Refused("bad_input", f"the function returned {size} bytes of JSON; at most 64 MiB are kept", "",
                      "write large results to a file of `files.out` and return what describes them")
    return output


def failure_of(e):
    """What the log and the error say of an exception the function left."""
    frames = [f for f in traceback.extract_tb(e.__traceback__) if f.filename != RUNNER and "importlib" not in f.filename]
    if isinstance(e, SyntaxError) and e.filename:
        where = f"{shown(e.filename)}:{e.lineno}"
    else:
        where = f"{shown(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    lines = traceback.format_exception_only(type(e), e)
    error = {"code": "internal", "what": lines[-1].strip()[:2000], "where": where, "provider_code": type(e).__name__,
             "remedy": "the log of the attempt has the traceback"}
    if isinstance(e, ModuleNotFoundError):
        package = (e.name or "").split(".")[0]
        error.update(code="not_found", what=f"the Python package {package!r} is not installed",
                     remedy="list it in a file of the project and give `runtime: {requirements: FILE}`")
    elif isinstance(e, MemoryError):
        error["what"] = "MemoryError: Python could not get the memory it asked for"
    elif isinstance(e, SystemExit):
        error.update(what=f"the function called sys.exit({'' if e.code is None else repr(e.code)})",
                     remedy="return from the function, or raise an exception to fail")
    print_traceback(e, frames)
    return error


def print_traceback(e, frames):
    chained = e.__cause__ or (None if e.__suppress_context__ else e.__context__)
    if chained is not None:
        traceback.print_exception(type(chained), chained, chained.__traceback__)
        print("\nThis led to:\n", file=sys.stderr)
    if frames:
        print("Traceback (most recent call last):", file=sys.stderr)
        print("".join(traceback.format_list(frames)), end="", file=sys.stderr)
    print("".join(traceback.format_exception_only(type(e), e)), end="", file=sys.stderr)


def carry_out(work):
    for frozen in work["frozen"].values():
        lines = frozen["source"].splitlines(True)
        linecache.cache[frozen["path"]] = (len(frozen["source"]), None, lines, frozen["path"])
    sys.meta_path.insert(0, FrozenModules(work["frozen"]))
    sys.path[0:1] = [work["project"]]
    function = find_function(work["call"])
    positional, named = bind(function, work["call"], work["args"], work["files"])
    result = function(*positional, **named)
    if inspect.iscoroutine(result):
        import asyncio
        result = asyncio.run(result)
    return output_of(result)


def outcome_of(number, work):
    try:
        return {"type": "done", "id": number, "output": carry_out(work)}
    except Refused as e:
        if e.__cause__ is not None:
            print_traceback(e.__cause__, [])
        return {"type": "failed", "id": number, "error": e.error, "retryable": e.retryable}
    except BaseException as e:  # whatever the function left: it is the function's, and has an end here
        return {"type": "failed", "id": number, "error": failure_of(e)}


def listen():
    """Waits for the host to cancel or to go away, and interrupts the function then."""
    while True:
        message = receive()
        if message is not None and message["type"] == "bye":
            return
        if message is None or message["type"] == "cancel":
            os.kill(os.getpid(), signal.SIGINT)
            if message is None:
                return


def main():
    for descriptor in (3, 4):  # the protocol is no business of programs the function starts
        os.set_inheritable(descriptor, False)
    hello = receive()
    if hello is None:
        return
    send({"type": "hello", "protocol": PROTOCOL, "name": "python", "version": sys.version.split()[0]})
    run = receive()
    if run is None or run["type"] != "run":
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=listen, daemon=True).start()
    message = outcome_of(run["id"], run["with"])
    sys.stdout.flush()
    sys.stderr.flush()
    send(message)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
