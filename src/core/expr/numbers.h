// SPDX-License-Identifier: Apache-2.0
// Text to numbers by the rules of Python's int() and float(), and its round().
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tutti::expr {

struct ParsedInt {
  std::optional<int64_t> value;
  bool too_big = false;  // a whole number, but not one of 64 bits
};
// Base 0 goes by the prefix; 2 to 36 otherwise. White space around and single _ between digits.
ParsedInt parse_int(std::string_view text, int64_t base);
std::optional<double> parse_float(std::string_view text);  // also inf and nan

// Rounds the exact decimal value half to even, as round(value, precision) does.
double round_decimal(double value, int64_t precision);

}  // namespace tutti::expr
