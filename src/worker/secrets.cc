// SPDX-License-Identifier: Apache-2.0
#include "worker/secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "rt/descriptor.h"
#include "rt/file.h"

namespace tutti::worker {
namespace {

Result<std::string> read_environment(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr) {
    return fail(Code::not_found, fmt::format("the environment variable {} is not set", variable),
                fmt::format("export {}=... before the command", variable));
  }
  return std::string(value);
}

Result<std::string> read_secret_file(const std::filesystem::path& path) {
  const rt::Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat info{};
  if (!fd.is_open() || fstat(fd.get(), &info) != 0) {
    return fail(rt::error_of_errno(errno, "opening the file of the secret", path));
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(
        Error{.code = Code::bad_input, .what = "it is not a regular file", .where = path.string()});
  }
  if ((info.st_mode & 077U) != 0) {
    return fail(Error{.code = Code::denied,
                      .what = fmt::format("others may read the file of the secret (mode {:04o})",
                                          info.st_mode & 07777U),
                      .where = path.string(),
                      .remedy = fmt::format("chmod 600 '{}'", path.string())});
  }
  TRY(std::string value, rt::read_file(path, {.bytes_max = secret_bytes_max + 2}));
  if (value.ends_with('\n')) {
    value.pop_back();
    if (value.ends_with('\r')) {
      value.pop_back();
    }
  }
  return value;
}

Result<Unit> check_value(const std::string& value) {
  if (value.size() < secret_bytes_min) {
    return fail(Code::bad_input,
                fmt::format("its value is shorter than {} bytes, so it could not be kept out of "
                            "logs",
                            secret_bytes_min),
                "use a longer secret");
  }
  if (value.size() > secret_bytes_max) {
    return fail(Code::bad_input, fmt::format("its value is over {} KiB", secret_bytes_max >> 10U));
  }
  if (!is_utf8(value)) {
    return fail(Code::bad_input, "its value is not UTF-8", "encode it in base64");
  }
  return Unit{};
}

Result<std::string> read_declared(const Value& from, const std::filesystem::path& project) {
  if (const auto variable = from.get_string("env"); !variable.empty()) {
    return read_environment(std::string(variable));
  }
  if (const auto path = from.get_string("file"); !path.empty()) {
    return read_secret_file(project / path);
  }
  return fail(Code::unsupported, "secrets come from `env` or `file` in this version",
              "declare {env: NAME} or {file: PATH}");
}

}  // namespace

SecretSource::SecretSource(Value declared, std::filesystem::path project)
    : declared_(std::move(declared)), project_(std::move(project)) {}

Result<std::string> SecretSource::read(std::string_view name) const {
  const Value* from = declared_.is_map() ? declared_.as_map().find(name) : nullptr;
  if (from == nullptr) {
    return fail(Code::not_found, fmt::format("no secret '{}' is declared", name),
                "declare it under `secrets` in tutti.yaml");
  }
  auto value = read_declared(*from, project_);
  if (value.has_value()) {
    if (auto usable = check_value(*value); !usable.has_value()) {
      value = fail(std::move(usable).error());
    }
  }
  if (!value.has_value()) {
    return fail(with_context(std::move(value).error(), fmt::format("secret '{}'", name)));
  }
  return value;
}

std::vector<std::string> SecretSource::names() const {
  std::vector<std::string> names;
  if (declared_.is_map()) {
    for (const auto& [name, from] : declared_.as_map()) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace tutti::worker
