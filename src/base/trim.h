// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tutti {

// Without the white space at both ends. Part of `text`, and no longer valid than it.
constexpr std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const size_t from = text.find_first_not_of(blanks);
  return from == std::string_view::npos
             ? std::string_view()
             : text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

}  // namespace tutti
