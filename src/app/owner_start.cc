// SPDX-License-Identifier: Apache-2.0
#include "app/owner_start.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "rt/file.h"
#include "rt/process.h"

namespace tutti::app {
namespace {

constexpr off_t log_bytes_max = 4 << 20;
constexpr int ready_fd = 3;
constexpr int lock_fd = 4;

Result<rt::Descriptor> open_log(const std::filesystem::path& folder) {
  const auto path = folder / "owner.log";
  struct stat info{};
  if (stat(path.c_str(), &info) == 0 && info.st_size > log_bytes_max) {
    rename(path.c_str(), (folder / "owner.log.1").c_str());
  }
  rt::Descriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.is_open()) {
    return fail(rt::error_of_errno(errno, "opening the owner's log", path));
  }
  return fd;
}

// Above the numbers that the owner gets, so that none is overwritten before it was copied.
Result<rt::Descriptor> moved_up(const rt::Descriptor& fd) {
  rt::Descriptor high(fcntl(fd.get(), F_DUPFD_CLOEXEC, 10));
  if (!high.is_open()) {
    return fail(rt::error_of_errno(errno, "starting the project's owner", {}));
  }
  return high;
}

struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  // Own session; no signal blocked or ignored that the command blocks or ignores.
  void set_apart() {
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
};

// The owner's process id.
Result<pid_t> spawn(const OwnerCall& call, const rt::Descriptor& ready, const OwnerLock& lock) {
  TRY(const rt::Descriptor log, open_log(state_folder(call.project)));
  TRY(const rt::Descriptor lock_high, moved_up(rt::Descriptor(dup(lock.fd()))));
  TRY(const rt::Descriptor ready_high, moved_up(ready));
  TRY(const rt::Descriptor log_high, moved_up(log));
  SpawnPlan plan;
  plan.set_apart();
  posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&plan.actions, log_high.get(), 1);
  posix_spawn_file_actions_adddup2(&plan.actions, log_high.get(), 2);
  posix_spawn_file_actions_adddup2(&plan.actions, ready_high.get(), ready_fd);
  posix_spawn_file_actions_adddup2(&plan.actions, lock_high.get(), lock_fd);
  posix_spawn_file_actions_addchdir_np(&plan.actions, call.project.c_str());
  std::vector<std::string> words = call.program;
  words.insert(words.end(),
               {call.project.string(), std::to_string(ready_fd), std::to_string(lock_fd)});
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error_number =
      posix_spawn(&pid, argv[0], &plan.actions, &plan.attributes, argv.data(), environ);
  if (error_number != 0) {
    return fail(rt::error_of_errno(error_number, "starting the project's owner", call.project));
  }
  return pid;
}

// How it ended, and the last line it wrote.
Error died_error(pid_t pid, const std::filesystem::path& folder) {
  int status = 0;
  std::string how = "ended";
  if (waitpid(pid, &status, 0) == pid) {
    how = WIFSIGNALED(status) ? "was killed by " + rt::signal_name(WTERMSIG(status))
                              : fmt::format("ended with status {}", WEXITSTATUS(status));
  }
  const auto log = rt::read_file(folder / "owner.log");
  std::string last = log.has_value() ? *log : "";
  while (!last.empty() && last.back() == '\n') {
    last.pop_back();
  }
  last.erase(0, last.rfind('\n') + 1);
  return {.code = Code::unavailable,
          .what = fmt::format("the project's owner {} while it started{}{}", how,
                              last.empty() ? "" : ": ", last.substr(0, 300)),
          .where = (folder / "owner.log").string(),
          .remedy = "the file may say more; then try again"};
}

Result<Unit> understand(const std::string& said, pid_t pid, const OwnerCall& call) {
  if (said == "ready") {
    return Unit{};
  }
  if (said.empty()) {
    return fail(died_error(pid, state_folder(call.project)));
  }
  TRY(const Value json, parse_json(said));
  TRY(Error error, control::decode<Error>(json));
  return fail(std::move(error));
}

}  // namespace

Task<Unit> start_owner(rt::Context& ctx, OwnerCall call, OwnerLock lock) {
  CO_TRY(rt::DescriptorPair pipe, rt::make_pipe());
  CO_TRY(const pid_t pid, spawn(call, pipe.second, lock));
  pipe.second.reset();
  rt::ByteStream from_owner(co_await rt::asio::this_coro::executor, std::move(pipe.first));
  std::string said;
  while (true) {
    CO_TRY(const std::string piece, co_await from_owner.read(ctx));
    if (piece.empty()) {
      break;
    }
    said += piece;
  }
  co_return understand(said, pid, call);
}

}  // namespace tutti::app
