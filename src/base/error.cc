// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <array>

namespace tutti {
namespace {

struct CodeRow {
  Code code;
  std::string_view name;
  bool retryable;
  int exit_status;
};

// The one table of codes; a server adds its HTTP column to it when there is one.
constexpr std::array<CodeRow, 12> codes{{
    {Code::not_found, "not_found", false, 2},
    {Code::conflict, "conflict", false, 1},
    {Code::throttled, "throttled", true, 3},
    {Code::unavailable, "unavailable", true, 3},
    {Code::unknown_outcome, "unknown_outcome", false, 1},
    {Code::timed_out, "timed_out", true, 1},
    {Code::cancelled, "cancelled", false, 130},
    {Code::denied, "denied", false, 4},
    {Code::bad_input, "bad_input", false, 2},
    {Code::unsupported, "unsupported", false, 2},
    {Code::corrupt, "corrupt", false, 1},
    {Code::internal, "internal", false, 1},
}};

const CodeRow& row(Code code) { return codes[static_cast<size_t>(code)]; }

}  // namespace

std::string_view code_name(Code code) { return row(code).name; }

std::optional<Code> code_from_name(std::string_view name) {
  for (const CodeRow& each : codes) {
    if (each.name == name) {
      return each.code;
    }
  }
  return std::nullopt;
}

bool is_retryable(Code code) { return row(code).retryable; }

int exit_status(Code code) { return row(code).exit_status; }

std::string Error::text() const {
  std::string out;
  if (!where.empty()) {
    out += where + ": ";
  }
  out += what.empty() ? std::string(code_name(code)) : what;
  if (!remedy.empty()) {
    out += ". " + remedy;
  }
  return out;
}

Error with_context(Error error, std::string_view context) {
  error.what = std::string(context) + ": " + error.what;
  return error;
}

}  // namespace tutti
