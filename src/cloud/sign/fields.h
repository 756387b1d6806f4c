// SPDX-License-Identifier: Apache-2.0
// Single fields of requests and replies, as all providers have them. Inside of sign.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

// The whole text as a number.
template <class N>
std::optional<N> number(std::string_view text) {
  N value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return good ? std::optional(value) : std::nullopt;
}

// The first of that name; empty where there is none.
std::string value_of(const Pairs& pairs, std::string_view name);
// An ETag: headers have quotes around it, some listings do not.
std::string unquoted(std::string_view etag);

// All headers with the host, single-spaced and sorted, as V4 signatures count them.
Pairs signed_headers(const Request& request);
std::string names_of(const Pairs& headers);  // "host;x-amz-date"

}  // namespace tutti::cloud::sign
