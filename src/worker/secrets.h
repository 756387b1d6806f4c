// SPDX-License-Identifier: Apache-2.0
// SecretSource: where the values of a project's secrets come from. Values stay in the worker; the
// engine and everybody else only know names.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace tutti::worker {

constexpr size_t secret_bytes_min = 4;  // shorter ones cannot be masked
constexpr size_t secret_bytes_max = 64u << 10;

// `declared`: the project's `secrets`: {name: {env: NAME} or {file: PATH}}. A relative path is
// meant from the project's folder. Read anew each time, so a rotated secret is taken up.
//
// A file must be readable by its owner alone (mode 0600 or 0400); one newline at its end is not
// part of the secret. Errors name the secret, never its value: not_found (not declared, variable or
// file missing), denied (file open to others), bad_input (shorter than secret_bytes_min, not UTF-8,
// too long), unsupported (a vault of a later version). Blocking: small local files.
class SecretSource {
 public:
  SecretSource() = default;  // none declared
  SecretSource(Value declared, std::filesystem::path project);
  Result<std::string> read(std::string_view name) const;
  std::vector<std::string> names() const;

 private:
  Value declared_;
  std::filesystem::path project_;
};

}  // namespace tutti::worker
