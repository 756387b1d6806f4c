// SPDX-License-Identifier: Apache-2.0
// SQL text into its statements, each with its place, so that errors name the line of the file.
// Pure. Knows quotes, comments and dollar quotes; what it cannot make sense of is left to the
// parser's error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tutti::sql {

struct Piece {
  std::string text;
  size_t line_before = 0;  // newlines before its first character
};
// Without empty ones and those of comments alone.
std::vector<Piece> split_statements(std::string_view sql);

}  // namespace tutti::sql
