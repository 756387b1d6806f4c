// SPDX-License-Identifier: Apache-2.0
// Problem: one thing that is wrong in a file, where, and what to do about it. Report: all of a
// file.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "core/spec/spec.h"

namespace tutti::spec {

enum class Severity : uint8_t { error, warning };

struct Problem {
  std::string id;    // docs/errors.md: "unknown_key", "not_yet", ...
  std::string file;  // as given
  Mark mark;
  std::string what;    // one sentence without the final point
  std::string remedy;  // may be empty
  Severity severity = Severity::error;
  auto operator<=>(const Problem&) const = default;
};
// "file:line:column: error: what. remedy"
std::string to_text(const Problem& problem);

struct Report {
  std::vector<Problem> problems;  // by file, line, column; errors before warnings at one place
  bool has_errors() const;
  size_t error_count() const;
  size_t warning_count() const;
};
std::string to_text(const Report& report);  // one line each
Value to_value(const Report& report);       // {errors, warnings, problems: [...]} for -o json
Error to_error(const Report& report);       // the first error, naming how many more; has_errors()

}  // namespace tutti::spec
