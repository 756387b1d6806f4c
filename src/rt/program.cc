// SPDX-License-Identifier: Apache-2.0
#include "rt/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include <fmt/format.h>

#include "rt/descriptor.h"
#include "rt/file.h"

extern char** environ;

namespace tutti::rt {
namespace {

constexpr size_t output_bytes_max = 1U << 20U;

class Actions {
 public:
  Actions() { posix_spawn_file_actions_init(&actions_); }
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  void redirect(int from, int to) { posix_spawn_file_actions_adddup2(&actions_, from, to); }
  void close_input() {
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

struct Output {
  Descriptor from;
  std::string text = {};

  // False at its end. What is too long is read and forgotten.
  bool read_some() {
    std::array<char, 16384> space{};
    const ssize_t n = read(from.get(), space.data(), space.size());
    if (n <= 0) {
      return n < 0 && errno == EINTR;
    }
    if (text.size() < output_bytes_max) {
      text.append(space.data(), static_cast<size_t>(n));
    }
    return true;
  }
};

// True when both have ended; false when the time is up.
bool read_all(Output& out, Output& err, std::chrono::steady_clock::time_point until) {
  while (out.from.is_open() || err.from.is_open()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    std::array<pollfd, 2> fds{{{out.from.get(), POLLIN, 0}, {err.from.get(), POLLIN, 0}}};
    if (left.count() <= 0 || poll(fds.data(), fds.size(), static_cast<int>(left.count())) == 0) {
      return false;
    }
    for (auto [fd, output] : {std::pair(fds[0], &out), std::pair(fds[1], &err)}) {
      if (fd.revents != 0 && !output->read_some()) {
        output->from.reset();
      }
    }
  }
  return true;
}

// posix_spawn does not change them.
std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& each : strings) {
    pointers.push_back(const_cast<char*>(each.c_str()));
  }
  return pointers;
}

// The environment of this process, but for what `variables` (NAME=VALUE) say otherwise.
std::vector<char*> with_variables(const std::vector<std::string>& variables) {
  std::vector<char*> all = pointers_to(variables);
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view own(*each);
    const std::string_view name = own.substr(0, own.find('=') + 1);
    if (std::ranges::none_of(variables, [name](const auto& v) { return v.starts_with(name); })) {
      all.push_back(*each);
    }
  }
  return all;
}

std::string first_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  return std::string(text.substr(0, 300));
}

Result<std::string> outcome(const std::vector<std::string>& argv, int status, Output out,
                            const Output& err) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return std::move(out.text);
  }
  const std::string how = WIFEXITED(status)
                              ? fmt::format("ended with status {}", WEXITSTATUS(status))
                              : fmt::format("was ended by signal {}", WTERMSIG(status));
  const std::string said = first_line(err.text);
  return fail(
      Error{.code = Code::denied,
            .what = fmt::format("{} {}{}{}", argv.front(), how, said.empty() ? "" : ": ", said),
            .remedy = "run it by hand to see what is wrong"});
}

}  // namespace

Result<std::string> run_program(const std::vector<std::string>& argv, Duration within,
                                const std::vector<std::string>& variables) {
  if (argv.empty()) {
    return fail(Code::bad_input, "no program to run");
  }
  TRY(DescriptorPair out, make_pipe());
  TRY(DescriptorPair err, make_pipe());
  Actions actions;
  actions.close_input();
  actions.redirect(out.second.get(), STDOUT_FILENO);
  actions.redirect(err.second.get(), STDERR_FILENO);
  std::vector<char*> words = pointers_to(argv);
  words.push_back(nullptr);
  std::vector<char*> environment = with_variables(variables);
  environment.push_back(nullptr);
  pid_t pid = 0;
  const int error_number =
      posix_spawnp(&pid, words.front(), actions.get(), nullptr, words.data(), environment.data());
  if (error_number != 0) {
    Error error = error_of_errno(error_number, "starting", argv.front());
    error.code = error_number == ENOENT ? Code::not_found : error.code;
    return fail(std::move(error));
  }
  out.second.reset();
  err.second.reset();
  Output said{.from = std::move(out.first)};
  Output complained{.from = std::move(err.first)};
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(within.us);
  const bool ended = read_all(said, complained, until);
  if (!ended) {
    kill(pid, SIGKILL);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) {
    return fail(Error{.code = Code::timed_out,
                      .what = fmt::format("{} did not end within {}", argv.front(), human(within)),
                      .remedy = "run it by hand to see what it waits for"});
  }
  return outcome(argv, status, std::move(said), complained);
}

}  // namespace tutti::rt
