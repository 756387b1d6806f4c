// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/fields.h"

#include <algorithm>

namespace tutti::cloud::sign {
namespace {

// Blanks at both ends go, and those inside become one.
std::string single_spaced(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) {
    out.pop_back();
  }
  return out;
}

}  // namespace

std::string value_of(const Pairs& pairs, std::string_view name) {
  const std::string* value = find_value(pairs, name);
  return value == nullptr ? std::string() : *value;
}

std::string unquoted(std::string_view etag) {
  const bool quoted = etag.size() >= 2 && etag.front() == '"' && etag.back() == '"';
  return std::string(quoted ? etag.substr(1, etag.size() - 2) : etag);
}

Pairs signed_headers(const Request& request) {
  Pairs headers;
  headers.reserve(request.headers.size() + 1);
  headers.emplace_back("host", request.host);
  for (const auto& [name, value] : request.headers) {
    headers.emplace_back(name, single_spaced(value));
  }
  std::ranges::sort(headers);
  return headers;
}

std::string names_of(const Pairs& headers) {
  std::string names;
  for (const auto& [name, value] : headers) {
    names += (names.empty() ? "" : ";") + name;
  }
  return names;
}

}  // namespace tutti::cloud::sign
