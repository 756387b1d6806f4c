// SPDX-License-Identifier: Apache-2.0
// The SQLite store when its process is killed, its log torn, its disk full or failing: every commit
// that was answered is there whole, and no other in part. TUTTI_CRASH_SECONDS: how long to kill.
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "tests/conformance/store/crash_story.h"

#include "base/doctest.h"

namespace tutti::store {
namespace {

struct Child {
  pid_t pid = 0;
  int out = -1;
};

Child start_child(const char* verb, const std::filesystem::path& folder) {
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
  posix_spawn_file_actions_addclose(&actions, fds[0]);
  std::string program = CRASH_CHILD;
  std::string word = verb;
  std::string path = folder.string();
  char* argv[] = {program.data(), word.data(), path.data(), nullptr};
  Child child{.out = fds[0]};
  REQUIRE(posix_spawn(&child.pid, program.c_str(), &actions, nullptr, argv, environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(fds[1]);
  return child;
}

std::string read_all(int fd) {
  std::string all;
  char buffer[4096];
  for (ssize_t n = read(fd, buffer, sizeof(buffer)); n > 0; n = read(fd, buffer, sizeof(buffer))) {
    all.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return all;
}

// The last whole line as a number.
uint32_t last_number(const std::string& lines, uint32_t fallback) {
  const size_t end = lines.rfind('\n');
  if (end == std::string::npos) {
    return fallback;
  }
  const size_t before = end == 0 ? std::string::npos : lines.rfind('\n', end - 1);
  return static_cast<uint32_t>(std::stoul(lines.substr(before + 1)));
}

TEST_CASE("a killed writer loses nothing that it answered") {
  const char* setting = std::getenv("TUTTI_CRASH_SECONDS");
  const Duration time = seconds(setting == nullptr ? 8 : std::atoi(setting));
  Harness f;
  const TempFolder temporary;
  const auto folder = temporary.path() / ".tutti";
  std::mt19937 random(std::random_device{}());
  const BootInstant start = f.clock->boot();
  int kills = 0;
  int while_telling = 0;
  uint32_t told = 0;
  while (f.clock->boot() - start < time) {
    const Child child = start_child("tell", folder);
    if (kills % 4 != 1) {  // else while it opens the store
      pollfd first{.fd = child.out, .events = POLLIN, .revents = 0};
      poll(&first, 1, 5000);
    }
    REQUIRE_OK(f.wait(rt::delay(f.ctx, microseconds(random() % 10'000))));
    kill(child.pid, SIGKILL);
    int status = 0;
    waitpid(child.pid, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    const std::string lines = read_all(child.out);
    while_telling += lines.empty() ? 0 : 1;
    const uint32_t answered = last_number(lines, told);
    ++kills;
    if (kills % 4 != 0) {  // else the next child goes on with what this one left
      told = std::max(told, answered);
      continue;
    }
    const auto teller = StoryTeller::open(f, {.folder = folder, .reserve_bytes = 0});
    REQUIRE_OK(teller);
    CHECK(teller->told >= std::max(told, answered));
    told = teller->told;
  }
  MESSAGE(fmt::format("{} kills, {} of them while it committed, {} commits", kills, while_telling,
                      told));
  const auto teller = StoryTeller::open(f, {.folder = folder, .reserve_bytes = 0});
  REQUIRE_OK(teller);
  CHECK(teller->told >= told);
}

// ---- torn logs ----------------------------------------------------------------------------------

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Behind the last frame: the log is longer than what was written to it.
size_t end_of_log(std::string_view log) {
  constexpr size_t header_bytes = 32;
  constexpr size_t frame_bytes = 24 + 4096;
  const size_t last = log.find_last_not_of('\0');
  REQUIRE(last >= header_bytes);
  return header_bytes + ((last - header_bytes) / frame_bytes + 1) * frame_bytes;
}

TEST_CASE("a torn end of the write-ahead log costs what was not answered, and no more") {
  SqliteFixture f;
  const auto folder = f.folder.path() / ".tutti";
  std::string database;
  std::string log;
  std::vector<std::pair<size_t, uint32_t>> ends;  // of the log, when so much was told
  {
    auto teller = StoryTeller::open(f, {.folder = folder, .reserve_bytes = 0});
    REQUIRE_OK(teller);
    for (int i = 0; i < 12; ++i) {
      REQUIRE_OK(teller->tell(f));
      ends.emplace_back(end_of_log(bytes_of(folder / "state.db-wal")), teller->told);
    }
    database = bytes_of(folder / "state.db");
    log = bytes_of(folder / "state.db-wal");
    REQUIRE_OK(f.wait(teller->store->close(f.ctx)));
  }
  std::mt19937 random(7);
  for (int trial = 0; trial < 60; ++trial) {
    const size_t cut = ends.front().first + random() % (ends.back().first - ends.front().first);
    std::string torn = log.substr(0, cut);
    if (trial % 2 == 0) {  // the rest was allocated, never written, or is of another time
      std::string rest(log.size() - cut, '\0');
      std::ranges::generate(rest, [&] { return static_cast<char>(trial % 4 == 0 ? 0 : random()); });
      torn += rest;
    }
    uint32_t answered = 0;
    for (const auto& [end, told] : ends) {
      answered = end <= cut ? told : answered;
    }
    const auto copy = f.folder.path() / fmt::format("copy{}", trial);
    std::filesystem::create_directories(copy);
    write_bytes(copy / "state.db", database);
    write_bytes(copy / "state.db-wal", torn);
    auto teller = StoryTeller::open(f, {.folder = copy, .reserve_bytes = 0});
    REQUIRE_OK(teller);
    CHECK(teller->told >= answered);
    REQUIRE_OK(teller->tell(f));
    REQUIRE_OK(f.wait(teller->store->close(f.ctx)));
  }
}

TEST_CASE("a damaged or foreign database is refused with a remedy") {
  const auto opened = [](std::string_view bytes, size_t damage_at) {
    SqliteFixture f;
    const auto folder = f.folder.path() / ".tutti";
    {
      auto teller = StoryTeller::open(f, {.folder = folder, .reserve_bytes = 0});
      REQUIRE_OK(teller);
      for (int i = 0; i < 100; ++i) {
        REQUIRE_OK(teller->tell(f));
      }
      REQUIRE_OK(f.wait(teller->store->close(f.ctx)));
    }
    std::string database = bytes_of(folder / "state.db");
    if (damage_at == 0) {
      database = bytes;
    } else {
      database.replace(damage_at, bytes.size(), bytes);
    }
    write_bytes(folder / "state.db", database);
    return StoryTeller::open(f, {.folder = folder, .reserve_bytes = 0});
  };
  for (const size_t from : {200UZ, 4096UZ}) {
    const auto damaged = opened(std::string(20'000, '\xaa'), from);
    REQUIRE(!damaged.has_value());
    CHECK(damaged.error().code == Code::corrupt);
    CHECK(!damaged.error().remedy.empty());
  }
  const auto text =
      opened("this is no database, but a text of some length, as people have them", 0);
  REQUIRE(!text.has_value());
  CHECK(text.error().code == Code::corrupt);
  // user_version lies at byte 60, big-endian
  const auto newer = opened(std::string("\0\0\0\x63", 4), 60);
  REQUIRE(!newer.has_value());
  CHECK(newer.error().code == Code::unsupported);
  CHECK(newer.error().text().find("newer Tutti (format 99") != std::string::npos);
}

// ---- failing disks ------------------------------------------------------------------------------

struct Faults final : DiskFaults {
  std::atomic<int> fail_write_in = -1;  // the n-th from now; then all, until set again
  std::atomic<int> fail_sync_in = -1;
  std::atomic<int> error_number = 0;
  std::atomic<int> writes_since_sync = 0;

  int on(DiskOp op) override {
    if (op == DiskOp::sync) {
      writes_since_sync = 0;
      return due(fail_sync_in);
    }
    ++writes_since_sync;
    return due(fail_write_in);
  }
  int due(std::atomic<int>& in) {
    if (in < 0) {
      return 0;
    }
    return in == 0 || --in == 0 ? error_number.load() : 0;
  }
};

// SQLite's VFS keeps a pointer to it for the life of the process.
Faults& faults() {
  static Faults instance;
  return instance;
}

TEST_CASE("a commit is one sync, after its last write") {
  SqliteFixture f;
  auto teller = StoryTeller::open(f, {.folder = f.folder.path() / ".tutti", .faults = &faults()});
  REQUIRE_OK(teller);
  REQUIRE_OK(teller->tell(f));
  for (uint32_t i = 0; i < 20; ++i) {
    const uint64_t before = sync_count();
    REQUIRE_OK(f.wait(teller->store->commit(
        f.ctx, {.epoch = teller->epoch, .pages = {{run_id(1), 50, story_page(i)}}})));
    CHECK(sync_count() - before == 1);
    CHECK(faults().writes_since_sync == 0);
  }
}

TEST_CASE("a full disk writes nothing, says what to do, and is over when there is room") {
  for (int at = 1; at < 12; ++at) {
    CAPTURE(at);
    SqliteFixture f;
    const SqliteOptions options{.folder = f.folder.path() / ".tutti", .faults = &faults()};
    auto teller = StoryTeller::open(f, options);
    REQUIRE_OK(teller);
    for (int i = 0; i < 5; ++i) {
      REQUIRE_OK(teller->tell(f));
    }
    faults().error_number = ENOSPC;
    faults().fail_write_in = at;
    Result<Unit> told = Unit{};
    while (told.has_value()) {
      told = teller->tell(f);
    }
    CHECK(told.error().code == Code::unavailable);
    CHECK(told.error().what.find("disk is full") != std::string::npos);
    CHECK(!told.error().remedy.empty());
    CHECK(story_length(f, *teller->store).value() == teller->told);
    CHECK(teller->tell(f).error().code == Code::unavailable);
    faults().fail_write_in = -1;
    for (int i = 0; i < 5; ++i) {
      REQUIRE_OK(teller->tell(f));
    }
    const uint32_t all = teller->told;
    REQUIRE_OK(f.wait(teller->store->close(f.ctx)));
    CHECK(StoryTeller::open(f, options).value().told == all);
  }
}

TEST_CASE("after a sync that failed nobody trusts the disk until the database is opened anew") {
  SqliteFixture f;
  const SqliteOptions options{.folder = f.folder.path() / ".tutti", .faults = &faults()};
  auto teller = StoryTeller::open(f, options);
  REQUIRE_OK(teller);
  for (int i = 0; i < 5; ++i) {
    REQUIRE_OK(teller->tell(f));
  }
  faults().error_number = EIO;
  faults().fail_sync_in = 1;
  const auto unknown =
      f.wait(teller->store->commit(f.ctx, story_commit(teller->epoch, teller->told + 1)));
  REQUIRE(!unknown.has_value());
  CHECK(unknown.error().code == Code::unknown_outcome);
  faults().fail_sync_in = -1;
  const auto refused =
      f.wait(teller->store->commit(f.ctx, story_commit(teller->epoch, teller->told + 1)));
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == Code::corrupt);
  CHECK(refused.error().remedy.find("opens the database anew") != std::string::npos);
  const uint32_t told = teller->told;
  teller->store.reset();
  const std::string blob = story_blob(told + 1);
  {
    auto plain = open_sqlite_store({.folder = options.folder, .clock = f.clock.get()});
    REQUIRE_OK(plain);
    REQUIRE_OK(f.wait((*plain)->put_blob(f.ctx, sha256(blob), blob)));
  }
  const auto again = StoryTeller::open(f, options);
  REQUIRE_OK(again);
  CHECK((again->told == told || again->told == told + 1));
}

TEST_CASE("a small file system that fills up") {
  TempFolder folder;
  const Child child = start_child("full", folder.path());
  const std::string said = read_all(child.out);
  int status = 0;
  waitpid(child.pid, &status, 0);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    MESSAGE("skipped: " << said);
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
  MESSAGE(said);
}

TEST_CASE("blobs that nothing names are collected after their time") {
  SqliteFixture f;
  auto store = f.open();
  const std::string small = "small";
  const std::string large(5000, 'l');
  const std::string kept_small = "kept";
  const std::string kept_large(5000, 'k');
  for (const std::string& bytes : {small, large, kept_small, kept_large}) {
    REQUIRE_OK(f.wait(store->put_blob(f.ctx, sha256(bytes), bytes)));
  }
  const std::vector<Digest> live{sha256(kept_small), sha256(kept_large)};
  const Instant now = f.clock->wall();
  CHECK(f.wait(store->collect_blobs(f.ctx, live, now - days(1))).value() == 0);
  CHECK(f.wait(store->collect_blobs(f.ctx, live, now + seconds(10))).value() == 2);
  CHECK(!f.wait(store->get_blob(f.ctx, sha256(small))).has_value());
  CHECK(!f.wait(store->get_blob(f.ctx, sha256(large))).has_value());
  CHECK(f.wait(store->get_blob(f.ctx, sha256(kept_small))).value() == kept_small);
  CHECK(f.wait(store->get_blob(f.ctx, sha256(kept_large))).value() == kept_large);
}

TEST_CASE("the log is moved beside the writer and does not grow without end") {
  SqliteFixture f;
  auto teller = StoryTeller::open(
      f, {.folder = f.folder.path() / ".tutti", .reserve_bytes = 0, .checkpoint_bytes = 200'000});
  REQUIRE_OK(teller);
  for (int i = 0; i < 600; ++i) {
    REQUIRE_OK(teller->tell(f));
  }
  CHECK(std::filesystem::file_size(f.folder.path() / ".tutti/state.db-wal") < 6'000'000);
  CHECK(std::filesystem::file_size(f.folder.path() / ".tutti/state.db") > 200'000);
}

}  // namespace
}  // namespace tutti::store
