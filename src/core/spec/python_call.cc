// SPDX-License-Identifier: Apache-2.0
#include "core/spec/python_call.h"

#include <algorithm>

#include "base/ascii.h"

namespace tutti::spec {

namespace {

bool is_identifier(std::string_view word) {
  const bool digit = !word.empty() && word[0] >= '0' && word[0] <= '9';
  return !word.empty() && !digit && std::ranges::all_of(word, [](char c) {
    return c == '_' || is_ascii_alnum(c) || static_cast<unsigned char>(c) >= 0x80;
  });
}

// Identifiers with a point between each two.
bool is_module(std::string_view text) {
  size_t dot = text.find('.');
  while (dot != std::string_view::npos && is_identifier(text.substr(0, dot))) {
    text.remove_prefix(dot + 1);
    dot = text.find('.');
  }
  return dot == std::string_view::npos && is_identifier(text);
}

}  // namespace

std::optional<std::string> module_file(std::string_view call) {
  const size_t colon = call.find(':');
  if (colon == std::string_view::npos || !is_module(call.substr(0, colon)) ||
      !is_identifier(call.substr(colon + 1))) {
    return std::nullopt;
  }
  std::string path(call.substr(0, colon));
  std::ranges::replace(path, '.', '/');
  return path + ".py";
}

}  // namespace tutti::spec
