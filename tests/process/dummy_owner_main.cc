// SPDX-License-Identifier: Apache-2.0
// A program with the ownership of tutti and a plane without an engine, for owner_test.py.
//
//   dummy_owner client PROJECT    starts a run; prints "OWNER_PID RUNS"
//   dummy_owner hold PROJECT MS   as client, then stays connected for MS
//   dummy_owner owner ...         is started by the others
//
// Environment: DUMMY_VERSION, DUMMY_IDLE_MS, DUMMY_LIVE (runs), DUMMY_START (fail, crash, hang,
// slow).
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include <fmt/format.h>

#include "app/owner.h"
#include "rt/loop.h"
#include "tests/conformance/control/dummy_plane.h"

namespace tutti {
namespace {

std::string setting(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

struct Process {
  rt::Loop loop;
  std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::Context ctx{*clock, *random};
};

int report(const Error& error) {
  fmt::print(stderr, "{}\n", error.text());
  return exit_status(error.code);
}

int run_owner(const std::vector<std::string>& arguments) {
  Process process;
  const auto parsed = app::parse_owner_arguments(arguments);
  if (!parsed.has_value()) {
    return report(parsed.error());
  }
  app::Ready ready(parsed->ready_fd);
  const std::string start = setting("DUMMY_START", "");
  if (start == "fail") {
    ready.failed({.code = Code::corrupt, .what = "the state is damaged", .remedy = "mend it"});
    return 1;
  }
  if (start == "crash") {
    fmt::print(stderr, "an earlier line\nit went wrong here\n");
    std::fflush(stderr);
    std::abort();
  }
  if (start == "hang") {
    pause();
  }
  auto lock = app::OwnerLock::inherit(parsed->lock_fd);
  if (!lock.has_value()) {
    return report(lock.error());
  }
  const std::string version = setting("DUMMY_VERSION", "1");
  (void)lock->identify({.pid = getpid(), .version = version});
  if (start == "slow") {
    (void)process.loop.run(rt::delay(process.ctx, milliseconds(300)));
  }
  control::DummyPlane plane;
  plane.live_runs = std::stoul(setting("DUMMY_LIVE", "0"));
  const auto served = process.loop.run(app::serve_owner(
      process.ctx, plane, parsed->project, ready,
      {.version = version, .idle = milliseconds(std::stol(setting("DUMMY_IDLE_MS", "2000")))}));
  fmt::print("ended: {}\n", served.has_value() ? "idle" : served.error().text());
  return 0;
}

Task<Unit> be_client(rt::Context& ctx, std::filesystem::path project, Duration stay) {
  CO_TRY(const auto remote,
         co_await app::connect_or_start_owner(
             ctx, {.project = project,
                   .version = setting("DUMMY_VERSION", "1"),
                   .patience = milliseconds(std::stol(setting("DUMMY_PATIENCE_MS", "15000")))}));
  const RunId id = make_run_id(ctx.clock().wall(), ctx.random().next(), ctx.random().next());
  CO_OK(co_await remote->start(ctx, {.id = id, .workflow = "w"}));
  CO_TRY(const auto runs, co_await remote->runs(ctx, {}));
  fmt::print("{} {} {}\n", remote->owner_hello().pid, runs.size(), remote->owner_hello().version);
  std::fflush(stdout);
  co_return co_await rt::delay(ctx, stay);
}

int run_client(const std::filesystem::path& project, Duration stay) {
  Process process;
  const auto done = process.loop.run(be_client(process.ctx, project, stay));
  return done.has_value() ? 0 : report(done.error());
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  using namespace tutti;
  signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 4 && words[0] == "owner") {
    return run_owner({words.begin() + 1, words.end()});
  }
  if (words.size() == 2 && words[0] == "client") {
    return run_client(words[1], {});
  }
  if (words.size() == 3 && words[0] == "hold") {
    return run_client(words[1], milliseconds(std::stol(words[2])));
  }
  fmt::print(stderr, "usage: dummy_owner client PROJECT | hold PROJECT MS\n");
  return 2;
}
