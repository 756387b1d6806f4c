// SPDX-License-Identifier: Apache-2.0
// What logs promise (src/store/log.h): on both implementations, then what only files do.
#include <sys/stat.h>

#include <fstream>

#include <fmt/format.h>

#include "rt/scope.h"
#include "store/log_files.h"
#include "tests/conformance/store/fixtures.h"

#include "base/doctest.h"

namespace tutti::store {
namespace {

struct MemoryLogFixture : Harness {
  std::unique_ptr<Logs> open(LogLimits limits = {}) { return make_memory_logs(limits); }
};

struct FileLogFixture : Harness {
  TempFolder folder;
  std::unique_ptr<Logs> open(LogLimits limits = {}) {
    return open_log_files({.folder = folder.path(), .clock = clock.get(), .limits = limits});
  }
  std::filesystem::path run_folder(uint8_t n) { return folder.path() / to_text(run_id(n)); }
  uint64_t bytes_on_disk() {
    uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
      bytes += entry.is_regular_file() ? entry.file_size() : 0;
    }
    return bytes;
  }
};

#define LOGS MemoryLogFixture, FileLogFixture

LogEntry entry(uint32_t task, std::string bytes, LogStream stream = LogStream::out, uint8_t run = 1,
               AttemptNo attempt = 1) {
  return {.id = {.run = run_id(run), .task = {task}, .attempt = attempt},
          .stream = stream,
          .at = {1000 + task},
          .bytes = std::move(bytes)};
}

// All of the log, read in pages; "task.attempt stream text\n" each.
template <class F>
std::string all(F& f, Logs& logs, LogRead query) {
  std::string text;
  while (true) {
    const LogPage page = f.wait(logs.read(f.ctx, query)).value();
    for (const LogLine& line : page.lines) {
      text += fmt::format("{}.{} {} {}\n", line.task.value, line.attempt,
                          std::string_view("oes").substr(static_cast<size_t>(line.stream), 1),
                          line.text);
    }
    REQUIRE(page.cursor >= query.cursor);
    query.cursor = page.cursor;
    if (!page.more) {
      return text;
    }
  }
}

TEST_CASE_TEMPLATE("lines come whole and in order, however they were cut", F, LOGS) {
  F f;
  auto logs = f.open();
  for (auto& e : {entry(1, "hel"), entry(2, "other\n"), entry(1, "lo\nwor"),
                  entry(1, "an error\n", LogStream::err), entry(1, "ld\n\nlast")}) {
    REQUIRE_OK(f.wait(logs->append(f.ctx, e)));
  }
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, ""))));  // the end of the stream
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(2, "unfinished"))));
  REQUIRE_OK(f.wait(logs->finish(f.ctx, run_id(1))));
  const std::string expected =
      "2.1 o other\n1.1 o hello\n1.1 e an error\n1.1 o world\n1.1 o \n1.1 o last\n"
      "2.1 o unfinished\n";
  CHECK(all(f, *logs, {.run = run_id(1)}) == expected);
  CHECK(all(f, *logs, {.run = run_id(1), .bytes_max = 1}) == expected);
  CHECK(all(f, *logs, {.run = run_id(2)}).empty());
}

TEST_CASE_TEMPLATE("a log is read by task and attempt", F, LOGS) {
  F f;
  auto logs = f.open();
  for (uint32_t task = 0; task < 130; ++task) {
    for (AttemptNo attempt = 1; attempt <= 2; ++attempt) {
      REQUIRE_OK(f.wait(logs->append(
          f.ctx, entry(task, fmt::format("t{}\n", task), LogStream::out, 1, attempt))));
    }
  }
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(65, "other run\n", LogStream::out, 2))));
  REQUIRE_OK(f.wait(logs->finish(f.ctx, run_id(1))));
  CHECK(all(f, *logs, {.run = run_id(1), .task = TaskNo{65}}) == "65.1 o t65\n65.2 o t65\n");
  CHECK(all(f, *logs, {.run = run_id(1), .task = TaskNo{1}, .attempt = 2}) == "1.2 o t1\n");
  CHECK(all(f, *logs, {.run = run_id(1), .attempt = 3}).empty());
}

TEST_CASE_TEMPLATE("a line longer than the limit is split, an endless one keeps no memory", F,
                   LOGS) {
  F f;
  auto logs = f.open({.line_bytes_max = 100});
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, std::string(250, 'x')))));
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, std::string(50, 'x') + "\nshort\n"))));
  REQUIRE_OK(f.wait(logs->finish(f.ctx, run_id(1))));
  const LogPage page = f.wait(logs->read(f.ctx, {.run = run_id(1)})).value();
  std::vector<size_t> sizes;
  for (const LogLine& line : page.lines) {
    sizes.push_back(line.text.size());
  }
  REQUIRE(sizes.size() >= 4);
  CHECK(sizes[0] == 100);
  CHECK(sizes[1] == 100);
  CHECK(sizes[2] == 100);
  CHECK(page.lines.back().text == "short");
}

template <class F>
Task<Unit> follow(rt::Context& ctx, F&, Logs& logs, std::string& seen) {
  LogRead query{.run = run_id(1), .wait = seconds(5)};
  for (int pages = 0; pages < 100; ++pages) {
    CO_TRY(const LogPage page, co_await logs.read(ctx, query));
    if (page.lines.empty()) {
      co_return Unit{};
    }
    for (const LogLine& line : page.lines) {
      seen += line.text + " ";
    }
    query.cursor = page.cursor;
  }
  co_return fail(Code::internal, "too many pages");
}

template <class F>
Task<Unit> write_slowly(rt::Scope& scope, F& f, Logs& logs, std::string& seen) {
  rt::Context& ctx = scope.context();
  CO_OK(co_await scope.spawn(follow(ctx, f, logs, seen)));
  for (int i = 0; i < 4; ++i) {
    CO_OK(co_await rt::delay(ctx, milliseconds(20)));
    CO_OK(co_await logs.append(ctx, entry(1, fmt::format("line{}\n", i))));
  }
  CO_OK(co_await rt::delay(ctx, milliseconds(20)));
  co_return co_await logs.finish(ctx, run_id(1));
}

TEST_CASE_TEMPLATE("a reader follows a live run and is let go when it ends", F, LOGS) {
  F f;
  auto logs = f.open();
  std::string seen;
  const BootInstant start = f.clock->boot();
  REQUIRE_OK(
      f.wait(rt::scoped(f.ctx, {}, write_slowly<F>, std::ref(f), std::ref(*logs), std::ref(seen))));
  CHECK(seen == "line0 line1 line2 line3 ");
  CHECK(f.clock->boot() - start < seconds(4));
  // and a run that is over makes nobody wait
  LogRead query{.run = run_id(1), .cursor = 1'000'000, .wait = seconds(5)};
  CHECK(f.wait(logs->read(f.ctx, query)).value().lines.empty());
  CHECK(f.clock->boot() - start < seconds(4));
}

TEST_CASE_TEMPLATE("following ends with its time", F, LOGS) {
  F f;
  auto logs = f.open();
  const BootInstant start = f.clock->boot();
  CHECK(f.wait(logs->read(f.ctx, {.run = run_id(1), .wait = milliseconds(30)}))
            .value()
            .lines.empty());
  CHECK(f.clock->boot() - start >= milliseconds(30));
}

// ---- files --------------------------------------------------------------------------------------

TEST_CASE("a log is read again after a restart, and appended to") {
  FileLogFixture f;
  auto logs = f.open();
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, "one\n"))));
  REQUIRE_OK(f.wait(logs->close(f.ctx)));
  logs = f.open();
  CHECK(all(f, *logs, {.run = run_id(1)}) == "1.1 o one\n");
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, "two\n"))));
  REQUIRE_OK(f.wait(logs->close(f.ctx)));
  logs = f.open();
  CHECK(all(f, *logs, {.run = run_id(1)}) == "1.1 o one\n1.1 o two\n");
}

TEST_CASE("what was printed is on the disk within a second or two, unfinished lines too") {
  FileLogFixture f;
  auto logs = f.open();
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, "whole\nunfinished"))));
  for (int i = 0;
       i < 80 && all(f, *f.open(), {.run = run_id(1)}) != "1.1 o whole\n1.1 o unfinished\n"; ++i) {
    REQUIRE_OK(f.wait(rt::delay(f.ctx, milliseconds(50))));
  }
  CHECK(all(f, *f.open(), {.run = run_id(1)}) == "1.1 o whole\n1.1 o unfinished\n");
}

TEST_CASE("a torn or spoilt segment gives what is good") {
  FileLogFixture f;
  auto logs = f.open();
  for (int i = 0; i < 3; ++i) {
    REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, fmt::format("group{}\n", i)))));
    (void)all(f, *logs, {.run = run_id(1)});  // reading writes what waits: a group each
  }
  REQUIRE_OK(f.wait(logs->close(f.ctx)));
  const auto file = f.run_folder(1) / "000000.log";
  const auto size = std::filesystem::file_size(file);
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  for (size_t cut = 0; cut < size; ++cut) {
    std::filesystem::resize_file(file, cut);
    logs = f.open();
    const std::string text = all(f, *logs, {.run = run_id(1)});
    const size_t groups = cut * 3 / size;
    CHECK(std::ranges::count(text, '\n') == static_cast<long>(groups));
    REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, "after\n"))));
    CHECK(all(f, *logs, {.run = run_id(1)}) == text + "1.1 o after\n");
    REQUIRE_OK(f.wait(logs->close(f.ctx)));
    std::filesystem::remove_all(f.run_folder(1));
    std::filesystem::create_directories(f.run_folder(1));
    std::ofstream(file, std::ios::binary) << bytes;
  }
  bytes[70] = static_cast<char>(bytes[70] ^ 1);  // in the records of the first group
  std::ofstream(file, std::ios::binary) << bytes;
  const std::string text = all(f, *f.open(), {.run = run_id(1)});
  CHECK(text.find("7 bytes of the log are damaged") != std::string::npos);
  CHECK(text.find("group2") != std::string::npos);
}

TEST_CASE("a gigabyte fills neither memory nor disk, and the mark says what is missing") {
  FileLogFixture f;
  // The buffer bounds what one group holds, and a tail is kept in whole groups.
  auto logs = f.open(
      {.head_bytes_max = 1u << 20, .tail_bytes_max = 1u << 20, .buffer_bytes_max = 256u << 10});
  std::string chunk;
  uint64_t line = 0;
  const uint64_t total = 128u << 20;
  for (uint64_t sent = 0; sent < total; sent += chunk.size()) {
    chunk.clear();
    while (chunk.size() < (64u << 10)) {
      chunk += fmt::format("{:016x}\n", line++ * 0x9e3779b97f4a7c15U);  // hardly compressible
    }
    REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, chunk))));
  }
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(2, "the neighbour\n"))));
  REQUIRE_OK(f.wait(logs->finish(f.ctx, run_id(1))));
  CHECK(f.bytes_on_disk() < (3u << 20));
  for (int round = 0; round < 2; ++round) {
    const std::string text = all(f, *logs, {.run = run_id(1), .bytes_max = 100'000});
    CHECK(text.starts_with("1.1 o 0000000000000000\n"));
    CHECK(text.find(fmt::format("1.1 o {:016x}\n", (line - 1) * 0x9e3779b97f4a7c15U)) !=
          std::string::npos);
    CHECK(text.ends_with("2.1 o the neighbour\n"));
    const auto mark = text.find("1.1 s ... ");
    REQUIRE(mark != std::string::npos);
    CHECK(text.find("1.1 s ... ", mark + 1) == std::string::npos);
    const uint64_t dropped = std::stoull(text.substr(mark + 10));
    // Every line is there or in the mark's count.
    const auto kept = static_cast<uint64_t>(std::ranges::count(text, '\n')) - 2;
    CHECK(kept * 17 + dropped == line * 17);
    REQUIRE_OK(f.wait(logs->close(f.ctx)));
    logs = f.open();
  }
  CHECK(all(f, *logs, {.run = run_id(1), .task = TaskNo{2}}) == "2.1 o the neighbour\n");
}

TEST_CASE("a run's log has an end, which is said once a task") {
  FileLogFixture f;
  auto logs = f.open({.run_bytes_max = 100'000});
  for (int i = 0; i < 4; ++i) {
    for (const uint32_t task : {1U, 2U}) {
      REQUIRE_OK(f.wait(logs->append(f.ctx, entry(task, std::string(40'000, 'x') + "\n"))));
    }
  }
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, "ended\n", LogStream::system))));
  REQUIRE_OK(f.wait(logs->finish(f.ctx, run_id(1))));
  const std::string text = all(f, *logs, {.run = run_id(1)});
  CHECK(text.size() < 101'000);
  size_t said = 0;
  for (size_t at = text.find("is not kept"); at != std::string::npos;
       at = text.find("is not kept", at + 1)) {
    ++said;
  }
  CHECK(said == 2);
  CHECK(text.ends_with("1.1 s ended\n"));
}

Task<Unit> flood(rt::Context& ctx, Logs& logs, uint32_t task) {
  for (int i = 0; i < 200; ++i) {
    CO_OK(co_await logs.append(ctx, entry(task, std::string(10'000, 'x') + "\n")));
  }
  co_return Unit{};
}

Task<Unit> flood_all(rt::Scope& scope, Logs& logs) {
  for (uint32_t task = 0; task < 8; ++task) {
    CO_OK(co_await scope.spawn(flood(scope.context(), logs, task)));
  }
  co_return Unit{};
}

TEST_CASE("a full buffer makes writers wait, and nothing is lost") {
  FileLogFixture f;
  auto logs = f.open({.buffer_bytes_max = 50'000});
  REQUIRE_OK(f.wait(rt::scoped(f.ctx, {}, flood_all, std::ref(*logs))));
  REQUIRE_OK(f.wait(logs->finish(f.ctx, run_id(1))));
  const std::string text = all(f, *logs, {.run = run_id(1)});
  CHECK(std::ranges::count(text, '\n') == 8 * 200);
}

TEST_CASE("a disk that refuses the log loses it, says so, and fails nothing") {
  FileLogFixture f;
  auto logs = f.open();
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, "kept\n"))));
  CHECK(all(f, *logs, {.run = run_id(1)}) == "1.1 o kept\n");
  // A folder in the place of the segment that comes next.
  REQUIRE_OK(f.wait(logs->close(f.ctx)));
  logs = f.open();
  CHECK(all(f, *logs, {.run = run_id(1)}) == "1.1 o kept\n");
  std::filesystem::create_directories(f.run_folder(1) / "000001.log");
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, "lost\n"))));
  CHECK(all(f, *logs, {.run = run_id(1)}) == "1.1 o kept\n");
  std::filesystem::remove(f.run_folder(1) / "000001.log");
  REQUIRE_OK(f.wait(logs->append(f.ctx, entry(1, "again\n"))));
  const std::string text = all(f, *logs, {.run = run_id(1)});
  CHECK(text.find("5 bytes of this run's log were lost") != std::string::npos);
  CHECK(text.ends_with("1.1 o again\n"));
}

TEST_CASE("many runs are followed with few open logs") {
  FileLogFixture f;
  auto logs = f.open();
  for (int round = 0; round < 3; ++round) {
    for (uint8_t run = 1; run <= 100; ++run) {
      REQUIRE_OK(
          f.wait(logs->append(f.ctx, entry(1, fmt::format("r{}\n", round), LogStream::out, run))));
    }
    for (uint8_t run = 1; run <= 100; ++run) {
      REQUIRE_OK(f.wait(logs->finish(f.ctx, run_id(run))));
    }
  }
  for (uint8_t run = 1; run <= 100; ++run) {
    CHECK(all(f, *logs, {.run = run_id(run)}) == "1.1 o r0\n1.1 o r1\n1.1 o r2\n");
  }
}

}  // namespace
}  // namespace tutti::store
