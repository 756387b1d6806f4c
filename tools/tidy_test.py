#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule of tools/tidy finds its violation and leaves clean code alone."""
import importlib.util
import os
import unittest
from importlib.machinery import SourceFileLoader

HERE = os.path.dirname(os.path.abspath(__file__))
loader = SourceFileLoader("tidy", os.path.join(HERE, "tidy"))
tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
loader.exec_module(tidy)

CXX_HEAD = "// SPDX-License-Identifier: Apache-2.0\n"
HASH_HEAD = "# SPDX-License-Identifier: Apache-2.0\n"


def found(path, text, head=CXX_HEAD, others=None):
    """(line, rule) of each finding in a file, its README being in place; lines count from below `head`."""
    files = {path: (head + text).encode()}
    for folder in tidy.folders_that_need_a_readme([path]):
        files[folder + "/README.md"] = b"# x\n"
    files.update({name: (CXX_HEAD + body).encode() for name, body in (others or {}).items()})
    return [(line - head.count("\n"), rule) for where, line, rule, _ in tidy.findings(files) if where == path]


class Layers(unittest.TestCase):
    def test_the_architecture_page_shows_the_table(self):
        with open(os.path.join(HERE, "../docs/architecture.md"), encoding="utf-8") as page:
            self.assertIn(f"```text\n{tidy.LAYERS.strip()}\n```\n", page.read())

    def test_what_the_table_allows_passes(self):
        for path, include in [("src/base/a.cc", "base/value.h"), ("src/core/run/a.cc", "core/spec/spec.h"),
                              ("src/engine/a.cc", "core/run/apply.h"), ("src/action/copy/a.cc", "xfer/transfer.h"),
                              ("src/action/copy/a.cc", "action/copy/plan.h"), ("src/action/copy/a.cc", "action/api/action.h"),
                              ("src/store/sqlite/a.cc", "store/store.h"), ("src/app/main.cc", "engine/engine.h"),
                              ("src/cloud/local/a.cc", "cloud/object_store.h"), ("src/cloud/s3.cc", "cloud/sign/s3.h")]:
            with self.subTest(path, include=include):
                self.assertEqual(found(path, f'#include "{include}"\n'), [])

    def test_what_it_does_not_allow_is_found(self):
        for path, include in [("src/base/a.cc", "rt/task.h"), ("src/core/run/a.h", "rt/clock.h"),
                              ("src/core/run/a.cc", "core/shard/shard.h"), ("src/core/expr/a.cc", "core/spec/spec.h"),
                              ("src/engine/a.cc", "action/api/action.h"), ("src/store/a.cc", "core/run/state.h"),
                              ("src/cloud/sign/a.cc", "cloud/object_store.h"), ("src/rt/a.cc", "app/main.h"),
                              ("src/worker/api/a.h", "worker/worker.h"), ("src/action/copy/a.cc", "action/sql/sql.h"), ("src/base/a.cc", "value.h")]:
            with self.subTest(path, include=include):
                self.assertEqual(found(path, f'\n#include "{include}"\n'), [(2, "layer")])

    def test_a_folder_that_is_not_in_the_table_is_found(self):
        self.assertEqual(found("src/utils/a.cc", "int a;\n")[0][1], "layer")

    def test_libraries_belong_to_their_folder(self):
        self.assertEqual(found("src/engine/a.cc", "#include <sqlite3.h>\n"), [(1, "layer")])
        self.assertEqual(found("src/app/a.cc", "#include <duckdb.hpp>\n"), [(1, "layer")])
        self.assertEqual(found("src/core/run/a.cc", "#include <boost/asio/awaitable.hpp>\n"), [(1, "layer")])
        self.assertEqual(found("src/store/sqlite/a.cc", "#include <sqlite3.h>\n"), [])

    def test_links_follow_the_table(self):
        path = "src/core/run/CMakeLists.txt"
        self.assertEqual(found(path, "tutti_library(core_run DEPS base core_spec LIBS yaml)\n", HASH_HEAD), [])
        self.assertEqual(found(path, "tutti_library(core_run\n  DEPS base rt)\n", HASH_HEAD), [(1, "layer")])

    def test_an_include_in_a_comment_is_no_include(self):
        self.assertEqual(found("src/base/a.cc", '// #include "rt/task.h"\n/*\n#include "rt/task.h"\n*/\n'), [])


class Bans(unittest.TestCase):
    def expect(self, path, lines, rule):
        for line in lines:
            with self.subTest(path, line=line):
                self.assertIn((1, rule), found(path, line + "\n"))

    def expect_clean(self, path, lines):
        for line in lines:
            with self.subTest(path, line=line):
                self.assertEqual(found(path, line + "\n"), [])

    def test_clocks(self):
        lines = ["auto t = std::chrono::system_clock::now();", "steady_clock::time_point t;", "clock_gettime(CLOCK_REALTIME, &ts);",
                 "x = time(nullptr);", "x = std::time(0);", "localtime_r(&t, &tm);"]
        self.expect("src/core/run/a.cc", lines, "clock")
        self.expect("src/engine/a.cc", lines, "clock")
        self.expect_clean("src/rt/clock.cc", lines)
        self.expect_clean("src/core/run/a.cc", ["Duration run_time(Instant now);", "// steady_clock", 'f("system_clock");', "at.time(0);"])

    def test_randomness(self):
        self.expect("src/core/run/a.cc", ["std::random_device d;", "std::mt19937 g(seed);", "int x = rand();", "getrandom(p, n, 0);"], "random")
        self.expect_clean("src/core/run/a.cc", ["int operand(int a);", "brand(x);", "uint64_t random = seed;"])

    def test_threads(self):
        self.expect("src/core/run/a.cc", ["std::mutex m;", "std::jthread t;", "#include <thread>", "std::atomic<int> a;", "thread_local int x;"], "thread")
        self.expect_clean("src/rt/a.cc", ["std::mutex m;"])

    def test_core_does_no_io(self):
        self.expect("src/core/spec/a.cc", ["#include <fstream>", "#include <unistd.h>", "getenv(x);", "fopen(x, y);"], "io")
        self.expect_clean("src/core/spec/a_test.cc", ["#include <fstream>", "steady_clock::now();"])  # golden files, limits of time

    def test_floating_point(self):
        for folder in ("run", "shard", "schedule", "graph"):
            self.expect(f"src/core/{folder}/a.cc", ["double x;", "float f(int);", "x = 1.5 * y;", "x = 1e9;", "x = 3. * y;"], "float")
        self.expect_clean("src/core/run/a.cc", ["int x = 1'000'000;", "auto v = \"1.5\";", "v.x = a.b1.c;", "int y = 0x1e9;", "case Code::double_start:"])
        self.expect_clean("src/core/expr/a.cc", ["double x = 1.5;"])

    def test_waiting(self):
        lines = ["sleep(1);", "::usleep(5);", "std::this_thread::sleep_for(d);", "std::this_thread::sleep_until(t);"]
        for path in ("src/rt/a.cc", "tests/sim/a.cc", "bench/a.cc"):
            self.expect(path, lines, "sleep")
        self.assertEqual(found("tests/e2e/a.py", "time.sleep(1)\n", HASH_HEAD), [(1, "sleep")])
        self.expect_clean("src/rt/a.cc", ["delay(ctx, d);", "asleep(x);"])

    def test_detaching(self):
        self.expect("src/rt/a.cc", ["std::thread(f).detach();", "co_spawn(e, f(), asio::detached);"], "detach")

    def test_output(self):
        self.expect("src/cli/a.cc", ["std::cout << x;"], "cout")

    def test_marks(self):
        self.assertEqual(found("src/rt/a.cc", "int a;  // FIX" + "ME later\n"), [(1, "mark")])
        self.assertEqual(found("tools/a.sh", "true  # XX" + "X\n", HASH_HEAD), [(1, "mark")])
        self.assertEqual(found("src/rt/a.cc", "int prefix_XXXXXX;\n"), [])

    def test_exceptions(self):
        self.expect("src/engine/a.cc", ["} catch (const std::exception& e) {", "} catch (...) {"], "catch")
        self.expect("src/engine/a.cc", ["throw std::runtime_error(x);"], "throw")
        self.expect_clean("src/rt/scope.cc", ["} catch (...) {"])
        self.expect_clean("src/engine/a.cc", ["// we never throw or catch (so far)", "int catch_up(int n);"])

    def test_a_reason_excuses_but_not_without_words(self):
        self.assertEqual(found("src/engine/a.cc", "// tidy: allow clock, only for the log file's name\nsteady_clock::now();\n"), [])
        self.assertEqual(found("src/engine/a.cc", "// tidy: allow clock,\nsteady_clock::now();\n"), [(2, "clock")])
        self.assertEqual(found("src/engine/a.cc", "// tidy: allow random, no\nsteady_clock::now();\n"), [(2, "clock")])
        self.assertEqual(found("src/base/a.cc", '// tidy: allow layer, please\n#include "rt/task.h"\n'), [(2, "layer")])


class Unordered(unittest.TestCase):
    def test_iteration_in_core_is_found(self):
        for loop in ("for (auto& [k, v] : names) {}", "for (const auto& n : state.names) {}", "auto i = names.begin();"):
            with self.subTest(loop):
                self.assertEqual(found("src/core/run/a.cc", f"std::unordered_map<std::string, std::vector<int>> names;\n{loop}\n"), [(2, "unordered")])

    def test_members_of_the_folder_s_headers_are_known(self):
        header = {"src/core/run/a.h": "struct A { std::unordered_set<int> seen; };\n"}
        self.assertEqual(found("src/core/run/b.cc", "for (int x : a.seen) {}\n", others=header), [(1, "unordered")])

    def test_look_up_and_sorted_containers_pass(self):
        self.assertEqual(found("src/core/run/a.cc", "std::unordered_map<int, int> m;\nauto i = m.find(1);\nif (i == m.end()) {}\n"), [])
        self.assertEqual(found("src/core/run/a.cc", "std::map<int, int> m;\nfor (auto& x : m) {}\n"), [])
        self.assertEqual(found("src/engine/a.cc", "std::unordered_map<int, int> m;\nfor (auto& x : m) {}\n"), [])


class Coroutines(unittest.TestCase):
    def test_parameters_that_dangle_are_found(self):
        for line in ("Task<Unit> f(Context& ctx, const std::string& key);", "virtual rt::Task<Unit> f(std::string_view key) = 0;",
                     "Task<std::vector<int>> f(std::span<const int> x) {", "asio::awaitable<void> Store::f(Key&& key) {",
                     "auto f = [](const Key& key) -> Task<Unit> { co_return Unit{}; };"):
            with self.subTest(line):
                self.assertEqual(found("src/rt/a.cc", line + "\n"), [(1, "coroutine")])

    def test_values_and_services_pass(self):
        for line in ("Task<Unit> f(Context& ctx, ObjectStore& store, std::string key);", "Task<Unit> f(const action::Schema& schema);", "Result<int> f(const std::string& key);",
                     "std::vector<Task<Unit>> tasks;", "Task<Unit> task = f(std::string_view());", "Result<T> run(Task<T> task);",
                     "auto f = [](Key key) -> Task<Unit> { co_return Unit{}; };"):
            with self.subTest(line):
                self.assertEqual(found("src/rt/a.cc", line + "\n"), [])

    def test_capturing_lambda_coroutines_are_found(self):
        self.assertEqual(found("src/rt/a.cc", "auto f = [&x](int y) -> Task<Unit> { co_return co_await g(x); };\n"), [(1, "coroutine")])
        self.assertEqual(found("src/rt/a.cc", "auto f = [&x](int y) -> Task<Unit> { return g(x, y); };\n"), [])


class Trees(unittest.TestCase):
    def test_licence(self):
        self.assertEqual(found("src/rt/a.cc", "int a;\n", head=""), [(1, "licence")])
        self.assertEqual(found("tools/run", "true\n", head="#!/bin/sh\n"), [(0, "licence")])
        self.assertEqual(found("tools/run", "true\n", head="#!/bin/sh\n" + HASH_HEAD), [])
        for path in ("CMakeLists.txt", "cmake/a.cmake", "examples/a/tutti.yaml", "sdk/python/a.py"):
            self.assertEqual(found(path, "x\n", head=""), [(1, "licence")], path)
        self.assertEqual(found("tests/golden/a.yaml", "x: 1\n", head=""), [])

    def test_size(self):
        self.assertEqual(found("docs/a.svg", "x" * (1 << 20) + "\n", head=""), [(1, "size")])

    def test_paths_of_one_machine(self):
        for text in ("see /ro" + "ot/x", "cd /wo" + "rk/main", "`/ho" + "me/kim/a`"):
            self.assertEqual(found("docs/a.md", text + "\n", head=""), [(1, "path")], text)
        self.assertEqual(found("docs/a.md", "the ./work/x and $root/x and ~/work/y\n", head=""), [])

    def test_package_hosts(self):
        self.assertEqual(found("tools/a.sh", "curl https://registry.npm" + "js.org/x\n", HASH_HEAD), [(1, "host")])
        self.assertEqual(found("tools/package-lock.json", '{"resolved": "https://x.example/y"}\n', head=""), [(1, "host")])

    def test_readmes(self):
        def missing(files):
            return [path for path, _, rule, _ in tidy.findings(files) if rule == "readme"]
        source = CXX_HEAD.encode()
        self.assertEqual(missing({"src/rt/a.cc": source}), ["src", "src/rt"])
        self.assertEqual(missing({"src/rt/a.cc": source, "src/rt/README.md": b"# rt\n", "src/README.md": b"# src\n"}), [])
        self.assertEqual(missing({"tests/one/a.cc": source, "tests/README.md": b"#\n"}), ["tests/one"])
        self.assertEqual(missing({"docs/README.md": b"x\n" * 40}), [])
        self.assertEqual(missing({"docs/README.md": b"x\n" * 41}), ["docs/README.md"])


if __name__ == "__main__":
    unittest.main()
