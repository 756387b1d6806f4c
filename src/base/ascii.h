// SPDX-License-Identifier: Apache-2.0
// Letters and digits of ASCII, whatever the locale: what ids, schemes, headers and names are of.
#pragma once

#include <algorithm>
#include <string>

namespace tutti {

constexpr bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_ascii_alnum(char c) { return is_ascii_letter(c) || is_ascii_digit(c); }

// Every other byte stays as it is, those of UTF-8 too.
constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
inline std::string ascii_lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return ascii_lower(c); });
  return text;
}

}  // namespace tutti
