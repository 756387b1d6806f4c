// SPDX-License-Identifier: Apache-2.0
#include "core/expr/numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string>

#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

// Without the space around it, with ASCII for the digits of other scripts, and without the '_'
// between digits; empty when one stands elsewhere.
std::string plain(std::string_view text) {
  std::string out;
  text = trim_left(trim_right(text));
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = next_point(text, at);
    const int digit = c < 0x80 ? -1 : decimal_value(c);
    if (digit >= 0) {
      out += static_cast<char>('0' + digit);
    } else {
      out += text.substr(start, at - start);
    }
  }
  std::string joined;
  const auto alnum = [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  };
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] != '_') {
      joined += out[i];
    } else if (i == 0 || i + 1 == out.size() || !alnum(out[i - 1]) || !alnum(out[i + 1])) {
      return {};
    }
  }
  return joined;
}

int prefix_base(std::string_view digits) {
  if (digits.size() < 2 || digits[0] != '0') {
    return 0;
  }
  const char letter = static_cast<char>(digits[1] | 0x20);
  return letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
}

}  // namespace

ParsedInt parse_int(std::string_view text, int64_t base) {
  const std::string joined = plain(text);
  std::string_view digits = joined;
  const bool minus = digits.starts_with('-');
  if (minus || digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  const int prefix = prefix_base(digits);
  if (base != 0 && (base < 2 || base > 36)) {
    return {};
  }
  if (prefix != 0 && (base == 0 || base == prefix)) {
    digits.remove_prefix(2);
    base = prefix;
  } else if (base == 0) {
    base = 10;
    if (digits.size() > 1 && digits[0] == '0' &&
        digits.find_first_not_of('0') != std::string::npos) {
      return {};
    }
  }
  uint64_t size = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, size, static_cast<int>(base));
  if (digits.empty() || read.ptr != end) {
    return {};
  }
  const uint64_t limit = static_cast<uint64_t>(INT64_MAX) + (minus ? 1 : 0);
  if (read.ec == std::errc::result_out_of_range || size > limit) {
    return {.value = std::nullopt, .too_big = true};
  }
  return {.value = static_cast<int64_t>(minus ? 0 - size : size)};
}

std::optional<double> parse_float(std::string_view text) {
  const std::string joined = plain(text);
  std::string_view digits = joined;
  const bool minus = digits.starts_with('-');
  if (minus || digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  std::string word(digits.substr(0, 9));
  std::ranges::transform(word, word.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  const double sign = minus ? -1.0 : 1.0;
  if (word == "inf" || word == "infinity") {
    return sign * HUGE_VAL;
  }
  if (word == "nan") {
    return std::nan("");
  }
  const bool starts =
      !digits.empty() && (digits[0] == '.' || (digits[0] >= '0' && digits[0] <= '9'));
  double out = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, out);
  if (!starts || read.ptr != end) {
    return std::nullopt;
  }
  if (read.ec == std::errc::result_out_of_range) {
    // Python rounds to infinity or zero; the exponent says which.
    const size_t e = joined.find_first_of("eE");
    const bool tiny = e != std::string::npos ? joined[e + 1] == '-'
                                             : joined.starts_with("0") || joined.starts_with("-0");
    return sign * (tiny ? 0.0 : HUGE_VAL);
  }
  return sign * out;
}

double round_decimal(double value, int64_t precision) {
  if (!std::isfinite(value) || value == 0) {
    return value;
  }
  std::array<char, 2048> buffer{};
  double out = value;
  if (precision >= 0) {
    if (precision > 330) {
      return value;
    }
    // printf rounds the exact value half to even in the mode we never change.
    const int length =
        std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(precision), value);
    std::from_chars(buffer.data(), buffer.data() + length, out);
    return out;
  }
  // Left of the point: %e with as many digits as stay.
  const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value))));
  const int digits = exponent + static_cast<int>(precision);
  if (digits < -1) {
    return std::copysign(0.0, value);
  }
  if (digits == -1) {  // the first digit alone decides: more than half of the unit, or not
    const double unit = std::pow(10.0, static_cast<double>(-precision));
    return std::copysign(std::abs(value) > unit / 2 ? unit : 0.0, value);
  }
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*e", digits, value);
  std::from_chars(buffer.data(), buffer.data() + length, out);
  return out;
}

}  // namespace tutti::expr
