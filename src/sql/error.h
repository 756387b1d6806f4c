// SPDX-License-Identifier: Apache-2.0
// From DuckDB's error texts to our errors: what, where in the SQL, what to do. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "action/api/action.h"
#include "base/error.h"

namespace tutti::sql {

struct Failure {
  Error error;
  action::FailReason reason = action::FailReason::code;
  bool retryable = true;
};

struct ErrorPlace {
  std::string label;        // the SQL file, or "query"
  size_t line_before = 0;   // lines of the text before the statement
  std::string memory = {};  // the limit, for messages: "1.0 GiB"
};

// `text` is DuckDB's: "Parser Error: ...\n\nLINE 3: ...".
Failure failure_of(std::string_view text, const ErrorPlace& place);

std::string bytes_text(uint64_t bytes);  // "1.5 GiB"

}  // namespace tutti::sql
