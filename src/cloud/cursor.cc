// SPDX-License-Identifier: Apache-2.0
#include "cloud/cursor.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace tutti::cloud {

std::string text_of(const Cursor& cursor) {
  return fmt::format("{}:{}{}", cursor.token.size(), cursor.token, cursor.name);
}

Cursor parse_cursor(const std::string& text) {
  const size_t colon = std::min(text.find(':'), text.size());
  size_t bytes = 0;
  std::from_chars(text.data(), text.data() + colon, bytes);
  const std::string rest = text.substr(std::min(colon + 1, text.size()));
  return {.token = rest.substr(0, bytes), .name = rest.substr(std::min(bytes, rest.size()))};
}

}  // namespace tutti::cloud
