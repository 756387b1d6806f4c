// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "action/api/testing.h"
#include "action/python/python_action.h"
#include "rt/file.h"
#include "rt/testing.h"

#include "action/api/doctest.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;

struct World : rt::TestWorld {
  rt::Pool pool{2};
  cloud::BufferPool buffers;
  fs::path folder = make_folder();
  fs::path project = folder / "project";
  cloud::local::Environment local{.project = project, .buffers = buffers, .files = pool.executor()};
  cloud::Connections connections{
      {{"local", {{"s3", {.type = "local", .settings = Value::of({{"buckets", "s3"}})}}}}},
      cloud::local::openers(local)};
  rt::Processes processes{loop.executor(),
                          {.lock = folder / "lock", .helper = {TUTTI_PROCESS_HELPER}}};
  FileStaging staging{connections, local, pool.executor()};
  PythonEnvironments environments{processes, folder / "cache"};
  PythonAction action{processes, staging, environments};
  RecordingAttempt attempt;

  World() {
    fs::create_directories(project);
    fs::create_directories(folder / "scratch");
    attempt.info_to_change() = {.id = {.task = {3}, .attempt = 2},
                                .task = "t",
                                .profile = "local",
                                .project = project,
                                .scratch = folder / "scratch"};
  }
  ~World() {
    (void)loop.run(processes.close(ctx));
    fs::remove_all(folder);
  }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "tutti_python_XXXXXX").string();
    return mkdtemp(name.data());
  }
  void put(const fs::path& path, const std::string& text) {
    fs::create_directories((project / path).parent_path());
    std::ofstream(project / path, std::ios::binary) << text;
  }
  Result<Outcome> run(Value with, rt::Context& within) {
    return loop.run(action.run(within, attempt, std::move(with)));
  }
  // One function of a module m.
  Result<Outcome> call(const std::string& source, Value args = Value()) {
    attempt.files["m.py"] = source;
    return run(Value::of({{"call", "m:f"}, {"args", std::move(args)}}), ctx);
  }
};

TEST_CASE("typed values go in and out") {
  World w;
  const Value args = *parse_json(R"({"a": [1, 2.5, null, "é"], "b": {"k": true}})");
  CHECK(output_of(w.call("def f(a, b): return {'a': a, 'b': b, 't': (1,)}", args)) ==
        *parse_json(R"({"a": [1, 2.5, null, "é"], "b": {"k": true}, "t": [1]})"));
  CHECK(output_of(w.call("def f(x, y=2): return x + y", ValueList{1})) ==
        Value::of({{"value", 3}}));
  CHECK(output_of(w.call("async def f(): pass")) == Value::of({{"value", Value()}}));
}

TEST_CASE("what it prints is the log, its variables and folder are the task's") {
  World w;
  w.attempt.info_to_change().env = {{"GREETING", "hi"}};
  const Value output = output_of(w.call(
      "import os, subprocess, sys\n"
      "def f():\n"
      "  print(os.environ['GREETING']); print('warn', file=sys.stderr)\n"
      "  subprocess.run(['echo', 'child'])\n"
      "  return [os.listdir('.'), os.environ['TUTTI_ATTEMPT'], os.environ['TUTTI_PROJECT']]"));
  CHECK(w.attempt.out == "hi\nchild\n");
  CHECK(w.attempt.err == "warn\n");
  CHECK(output["value"] ==
        ValueList{ValueList{}, to_text(w.attempt.info().id), w.project.string()});
}

TEST_CASE("the module is the one of the run's version, what it imports is the project's") {
  World w;
  w.put("pkg/__init__.py", "");
  w.put("pkg/steps.py", "def f(): return 'changed since'\n");
  w.put("pkg/helper.py", "WORD = 'helped'\n");
  w.put("top.py", "NAME = 'top'\n");
  w.attempt.files["pkg/steps.py"] =
      "import top\nfrom pkg.helper import WORD\nfrom . import helper\ndef f(): return [WORD, "
      "helper.WORD, top.NAME, __name__, __file__]\n";
  CHECK(output_of(w.run(Value::of({{"call", "pkg.steps:f"}}), w.ctx))["value"] ==
        ValueList{"helped", "helped", "top", "pkg.steps", (w.project / "pkg/steps.py").string()});
  w.attempt.files.clear();  // not part of the version: from the project's folder
  CHECK(output_of(w.run(Value::of({{"call", "pkg.steps:f"}}), w.ctx))["value"] ==
        Value("changed since"));
}

TEST_CASE("an exception's last line is the error, its traceback is in the log") {
  World w;
  const Failed failed = failure_of(w.call("def g(x):\n  return 1 / x\ndef f():\n  g(0)\n"));
  CHECK(failed.error.text() ==
        "m.py:2: ZeroDivisionError: division by zero. the log of the attempt has the traceback");
  CHECK(failed.reason == FailReason::code);
  CHECK(failed.retryable);
  CHECK(w.attempt.err.starts_with("Traceback (most recent call last):\n  File \"" +
                                  (w.project / "m.py").string() + "\", line 4, in f\n    g(0)\n"));
  CHECK(w.attempt.err.ends_with("ZeroDivisionError: division by zero\n"));
  CHECK(!w.attempt.err.contains("tutti_runner"));
}

TEST_CASE("each way to end badly is told apart") {
  World w;
  struct Case {
    const char* source;
    const char* text;
  };
  const std::vector<Case> cases = {
      {"import sys\ndef f(): sys.exit(3)", "m.py:2: the function called sys.exit(3)"},
      {"import sys\ndef f(): sys.exit()", "m.py:2: the function called sys.exit()"},
      {"import pandas_not_there",
       "m.py:1: the Python package 'pandas_not_there' is not installed. "
       "list it in a file of the project and give `runtime: "
       "{requirements: FILE}`"},
      {"def f(:", "m.py:1: SyntaxError: invalid syntax"},
      {"def g(): pass", "m:f: m has no function 'f'. it has: g"},
      {"f = 3", "m:f: m:f is a int, not a function"},
      {"def f(a): pass",
       "m.py:1: the function does not take these args: missing a required "
       "argument: 'a'. it is m:f(a)"},
      {"import datetime\ndef f(): return {'rows': [{'day': datetime.date(2026, 2, 28)}]}",
       "the function returned a datetime.date, which JSON cannot hold (at it.rows[0].day)"},
      {"def f(): return {1: 2}", "the function returned a key of type int"},
      {"def f(): return float('nan')", "the function returned the number nan"},
      {"def f(): return 1 << 64", "the function returned an integer beyond 64 bits"},
      {"def f(): return '\\ud800'", "the function returned a text that is no Unicode"},
      {"def f():\n  a = []\n  a.append(a)\n  return a", "a value that contains itself"},
      {"def f(): return 'x' * (70 << 20)",
       "the function returned 73400333 bytes of JSON; at most 64 MiB are kept"},
      {"import os\ndef f():\n  print('last words', file=__import__('sys').stderr)\n  os._exit(5)",
       "m:f: python ended before the function had returned (exit code 5): last words"},
      {"import os\ndef f(): os.kill(os.getpid(), 11)",
       "m:f: python ended before the function had returned (killed by SIGSEGV)"},
      {"import os\ndef f(): os.kill(os.getpid(), 9)",
       "m:f: python ended before the function had returned (killed by SIGKILL). somebody killed "
       "it; when the system did, it was for memory"},
  };
  for (const Case& each : cases) {
    INFO(each.source);
    const std::string text = failure_of(w.call(each.source)).error.text();
    INFO(text);
    CHECK(text.contains(each.text));
  }
  w.attempt.files.clear();
  CHECK(failure_of(w.run(Value::of({{"call", "nope.mod:f"}}), w.ctx)).error.text() ==
        "nope.mod:f: there is no module 'nope' in the project. write nope/mod.py below the "
        "project's folder, or correct `call`");
  const auto wrong = w.run(Value::of({{"call", "scripts/clean.py"}}), w.ctx);
  CHECK(text_of(wrong).starts_with("`call` is 'scripts/clean.py'. write module:function"));
}

TEST_CASE("cancelled, the function is interrupted and may clean up") {
  World w;
  rt::Context limited = w.ctx.with_timeout(milliseconds(1500));
  w.attempt.files["m.py"] =
      "import time\ndef f():\n  try:\n    time.sleep(60)  # tidy: allow sleep, until it is "
      "stopped\n"
      "  finally:\n    print('cleaned', flush=True)\n";
  const auto begun = w.clock->boot();
  const auto outcome = w.run(Value::of({{"call", "m:f"}}), limited);
  REQUIRE(!outcome.has_value());
  CHECK(outcome.error().code == Code::timed_out);
  CHECK(w.clock->boot() - begun < seconds(20));
}

TEST_CASE("files come in before and are published after success only") {
  World w;
  w.put("s3/in/raw.csv", "1\n2\n");
  w.attempt.info_to_change().files =
      *parse_json(R"({"in": {"raw": "s3://in/raw.csv"}, "out": {"sum": "s3://out/sum.txt"}})");
  const Value output =
      output_of(w.call("def f(files):\n"
                       "  total = sum(int(l) for l in open(files['in']['raw']))\n"
                       "  open(files['out']['sum'], 'w').write(str(total))\n"
                       "  return {'total': total}"));
  CHECK(output["total"] == Value(3));
  CHECK(output["files"]["sum"]["uri"] == Value("s3://out/sum.txt"));
  CHECK(*rt::read_file(w.project / "s3/out/sum.txt") == "3");

  w.attempt.info_to_change().files = *parse_json(R"({"out": {"sum": "s3://out/never.txt"}})");
  failure_of(
      w.call("import os\ndef f():\n  open(os.environ['TUTTI_OUT_SUM'], 'w').write('x')\n"
             "  raise ValueError('no')"));
  CHECK(!fs::exists(w.project / "s3/out/never.txt"));
  fs::remove_all(w.folder / "scratch" / "files");  // each attempt has an empty folder
  CHECK(failure_of(w.call("def f(): pass")).error.what ==
        "the task succeeded without writing files.out.sum");
}

TEST_CASE("a Python that is not there is an error that names what is") {
  World w;
  const fs::path bin = w.folder / "bin";
  fs::create_directories(bin);
  for (const char* name : {"python3", "python3.9", "python3.11", "python3.11-config"}) {
    std::ofstream(bin / name) << "#!/bin/sh\n";
    fs::permissions(bin / name, fs::perms::owner_all);
  }
  CHECK(*find_python("", {bin.string()}) == (bin / "python3").string());
  CHECK(*find_python("3.9", {bin.string()}) == (bin / "python3.9").string());
  const auto missing = find_python("3.99", {"/no/such/folder", bin.string()});
  REQUIRE(!missing.has_value());
  CHECK(missing.error().text() ==
        "there is no Python 3.99 on this machine; it has 3.11, 3.9. install python3.99, or change "
        "runtime.python");
  CHECK(find_python("", {}).error().what == "there is no python3 on this machine");
  CHECK(python_wish(*parse_json(R"({"python": 3.12})")).error().remedy ==
        "quote it: python: \"3.12\"");
  CHECK(python_wish(*parse_json(R"({"python": "latest"})")).error().what ==
        "runtime.python is 'latest'");
}

// A wheel made by hand: no index and no network are needed to install it.
constexpr const char* make_wheel = R"(
import sys, zipfile
info = "greet-1.0.dist-info"
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("greet.py", "WORD = 'hello'\n")
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", f"greet.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
)";

TEST_CASE("an environment is built once from its requirements, and pip's own words are the error") {
  World w;
  w.put("vendor/make.py", make_wheel);
  const std::string wheel = (w.project / "vendor" / "greet-1.0-py3-none-any.whl").string();
  const std::string make =
      fmt::format("python3 '{}' '{}'", (w.project / "vendor/make.py").string(), wheel);
  REQUIRE(std::system(make.c_str()) == 0);  // NOLINT
  w.attempt.info_to_change().runtime = Value::of({{"requirements", "requirements.txt"}});
  w.attempt.files["requirements.txt"] = "--no-index\n" + wheel + "\n";
  const std::string source = "import greet\ndef f(): return greet.WORD\n";
  CHECK(output_of(w.call(source))["value"] == Value("hello"));
  CHECK(w.attempt.system.contains("building a Python environment for requirements.txt\n"));
  w.attempt.system.clear();
  CHECK(output_of(w.call(source))["value"] == Value("hello"));
  CHECK(w.attempt.system.empty());  // it was there

  w.attempt.files["requirements.txt"] = "--no-index\nno-such-package-at-all==1.0\n";
  const Failed failed = failure_of(w.call(source));
  INFO(failed.error.text());
  CHECK(failed.error.where == "requirements.txt");
  CHECK(failed.error.what.starts_with("pip could not install it (exit code 1): "));
  CHECK(
      failed.error.what.contains("No matching distribution found for no-such-package-at-all==1.0"));
}

TEST_CASE("plan names the call, its arguments and its files, and runs nothing") {
  World w;
  w.attempt.info_to_change().files = *parse_json(R"({"out": {"sum": "s3://out/sum.txt"}})");
  const auto preview = w.loop.run(
      w.action.plan(w.ctx, w.attempt.info(),
                    Value::of({{"call", "m:f"}, {"args", Value::of({{"day", "{{ ds }}"}})}})));
  REQUIRE_OK(preview);
  CHECK(preview->steps.at(0).what == "publish files.out.sum to s3://out/sum.txt");
  CHECK(preview->steps.at(1).what == "call m:f");
  CHECK(preview->steps.at(1).detail == R"(args: {"day":"{{ ds }}"})");
}

}  // namespace
}  // namespace tutti::action
