// SPDX-License-Identifier: Apache-2.0
// Python's string operations that filters and methods share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::expr {

// str.splitlines(): at every line boundary of Unicode.
std::vector<std::string> split_lines(std::string_view text);
// str.split() without a separator: runs of white space; at most `max` splits when it is not
// negative.
std::vector<std::string> split_space(std::string_view text, int64_t max);
std::vector<std::string> split_space_right(std::string_view text, int64_t max);
// str.split(separator) and str.rsplit(separator).
std::vector<std::string> split_at(std::string_view text, std::string_view separator, int64_t max);
std::vector<std::string> split_at_right(std::string_view text, std::string_view separator,
                                        int64_t max);

enum class Side : uint8_t { both, left, right };
// str.strip(chars); white space when there are none.
std::string strip(std::string_view text, const std::optional<std::string>& chars, Side side);

// str.replace(from, to, count); all when count is negative. `bytes` is how long the result will be.
size_t replaced_bytes(std::string_view text, std::string_view from, std::string_view to,
                      int64_t count);
std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     int64_t count);

struct Wrap {
  int64_t width = 79;
  bool break_long_words = true;
  bool break_on_hyphens = true;
};
// textwrap.wrap of one paragraph, white space kept as it is. The width must be positive.
std::vector<std::u32string> wrap_line(std::u32string_view text, const Wrap& wrap);

}  // namespace tutti::expr
