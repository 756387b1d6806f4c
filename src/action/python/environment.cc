// SPDX-License-Identifier: Apache-2.0
#include "action/python/environment.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "action/api/output_log.h"
#include "base/digest.h"
#include "rt/descriptor.h"
#include "rt/file.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view complete_mark = ".tutti-complete";
constexpr Duration build_timeout = minutes(30);

bool is_program(const fs::path& path) { return access(path.c_str(), X_OK) == 0; }

bool is_version(std::string_view text) {
  const size_t dot = text.find('.');
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  return dot != std::string_view::npos && digits(text.substr(0, dot)) &&
         digits(text.substr(dot + 1));
}

// "3.11" for each python3.11 in the PATH.
std::set<std::string> versions_in(const std::vector<std::string>& folders) {
  constexpr std::string_view stem = "python";
  std::set<std::string> versions;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(stem) && is_version(name.substr(stem.size()))) {
        versions.insert(name.substr(stem.size()));
      }
    }
  }
  return versions;
}

// What a program prints, to the log, with its last lines kept for the error.
class PipLog final : public rt::OutputSink {
 public:
  explicit PipLog(Attempt& attempt) : attempt_(attempt) {}
  Task<Unit> write(rt::Context& ctx, rt::OutputKind, std::string bytes) override {
    last_.add(bytes);
    co_return co_await attempt_.log(ctx, Stream::system, std::move(bytes));
  }
  // pip's ERROR lines, else its last line.
  std::string words() const {
    std::vector<std::string> errors;
    const std::string_view text = last_.text();
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view line = text.substr(at, end - at);
      if (line.starts_with("ERROR: ")) {
        errors.emplace_back(line.substr(7));
      }
      at = end + 1;
    }
    constexpr size_t lines_max = 3;
    if (errors.size() > lines_max) {
      errors.erase(errors.begin(), errors.end() - lines_max);
    }
    return errors.empty() ? last_.line() : fmt::format("{}", fmt::join(errors, "; "));
  }

 private:
  Attempt& attempt_;
  LastWords last_;
};

// An flock on a file beside the environment, waited for without blocking the loop.
Task<rt::Descriptor> lock(rt::Context& ctx, fs::path path) {
  rt::Descriptor fd(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!fd.is_open()) {
    co_return fail(rt::error_of_errno(errno, "making the lock", path));
  }
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      co_return fail(rt::error_of_errno(errno, "locking", path));
    }
    CO_OK(co_await rt::delay(ctx, milliseconds(100)));
  }
  co_return fd;
}

}  // namespace

Result<PythonWish> python_wish(const Value& runtime) {
  PythonWish wish;
  if (!runtime.is_map()) {
    return wish;
  }
  wish.requirements = runtime.get_string("requirements");
  const Value& version = runtime["python"];
  if (version.is_string()) {
    wish.version = version.as_string();
  } else if (!version.is_null()) {
    return fail(Code::bad_input, "runtime.python is not a text", "quote it: python: \"3.12\"");
  }
  if (!wish.version.empty() && !is_version(wish.version)) {
    return fail(Code::bad_input, fmt::format("runtime.python is '{}'", wish.version),
                "write the version as python: \"3.12\"");
  }
  return wish;
}

std::vector<std::string> path_folders(const rt::Environment& env) {
  std::string path;
  for (const auto& [name, value] : env) {
    path = name == "PATH" ? value : path;
  }
  std::vector<std::string> folders;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    if (end > at) {
      folders.push_back(path.substr(at, end - at));
    }
    at = end + 1;
  }
  return folders;
}

Result<std::string> find_python(const std::string& version,
                                const std::vector<std::string>& folders) {
  const std::string name = version.empty() ? "python3" : "python" + version;
  for (const std::string& folder : folders) {
    if (is_program(fs::path(folder) / name)) {
      return (fs::path(folder) / name).string();
    }
  }
  const std::set<std::string> there = versions_in(folders);
  return fail(
      Code::not_found,
      version.empty()
          ? std::string("there is no python3 on this machine")
          : fmt::format("there is no Python {} on this machine{}", version,
                        there.empty() ? "" : fmt::format("; it has {}", fmt::join(there, ", "))),
      version.empty() ? "install Python 3.8 or newer"
                      : fmt::format("install python{}, or change runtime.python", version));
}

PythonEnvironments::PythonEnvironments(rt::Processes& processes, fs::path cache)
    : processes_(processes), cache_(std::move(cache)) {}

Task<std::string> PythonEnvironments::prepare(rt::Context& ctx, Attempt& attempt, PythonWish wish,
                                              rt::Environment env) {
  CO_TRY(const std::string python, find_python(wish.version, path_folders(env)));
  if (wish.requirements.empty()) {
    co_return python;
  }
  CO_TRY(const std::string requirements, co_await attempt.project_file(ctx, wish.requirements));
  std::error_code error;
  const fs::path real = fs::canonical(python, error);  // another interpreter, another environment
  const std::string name =
      hex(sha256(fmt::format("1\n{}\n{}", error ? python : real.string(), requirements)))
          .substr(0, 32);
  const fs::path folder = cache_ / name;
  if (!is_program(folder / "bin" / "python") || !fs::exists(folder / complete_mark)) {
    fs::create_directories(cache_, error);
    if (error) {
      co_return fail(rt::error_of_errno(error.value(), "making the folder", cache_));
    }
    CO_TRY(const rt::Descriptor held, co_await lock(ctx, cache_ / (name + ".lock")));
    if (!fs::exists(folder / complete_mark)) {
      CO_OK(co_await build(ctx, attempt, python, folder, wish.requirements, requirements,
                           std::move(env)));
    }
  }
  co_return (folder / "bin" / "python").string();
}

Task<Unit> PythonEnvironments::build(rt::Context& ctx, Attempt& attempt, std::string python,
                                     fs::path folder, std::string requirements_name,
                                     std::string requirements, rt::Environment env) {
  std::error_code error;
  fs::remove_all(folder, error);  // what an unfinished build left
  CO_OK(co_await attempt.log(
      ctx, Stream::system,
      fmt::format("building a Python environment for {}\n", requirements_name)));
  rt::Context limited = ctx.with_timeout(build_timeout);
  const std::string attempt_text = to_text(attempt.info().id);
  PipLog log(attempt);
  CO_TRY(const rt::Exit made,
         co_await processes_.run(limited,
                                 {.argv = {python, "-m", "venv", folder.string()},
                                  .env = env,
                                  .cwd = attempt.info().scratch,
                                  .attempt = attempt_text},
                                 log));
  if (!made.ok()) {
    co_return fail(
        Code::unavailable,
        fmt::format("{} -m venv failed ({}): {}", python, rt::to_text(made), log.words()),
        "install Python's venv module (on Debian: python3-venv)");
  }
  // From the project's folder, so that relative paths in the file mean what they say.
  const fs::path file = attempt.info().scratch / ".tutti_requirements.txt";
  CO_OK(rt::write_file(file, requirements, {.mode = 0600, .durable = false}));
  CO_TRY(const rt::Exit installed,
         co_await processes_.run(
             limited,
             {.argv = {(folder / "bin" / "python").string(), "-m", "pip", "install", "--no-input",
                       "--disable-pip-version-check", "--quiet", "--requirement", file.string()},
              .env = env,
              .cwd = attempt.info().project,
              .attempt = attempt_text},
             log));
  if (!installed.ok()) {
    fs::remove_all(folder, error);
    co_return fail(Error{.code = Code::unavailable,
                         .what = fmt::format("pip could not install it ({}): {}",
                                             rt::to_text(installed), log.words()),
                         .where = requirements_name,
                         .remedy = "correct the file, or check that this machine reaches the "
                                   "package index; the log has all of pip's words"});
  }
  co_return rt::write_file(folder / complete_mark, "");
}

}  // namespace tutti::action
