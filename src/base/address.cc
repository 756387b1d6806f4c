// SPDX-License-Identifier: Apache-2.0
#include "base/address.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti {
namespace {

bool is_connection_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() >= 'a' && text.front() <= 'z' &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

}  // namespace

std::string_view alias_of(std::string_view connection) {
  const auto* at = std::ranges::find(aliases, connection, &Alias::scheme);
  return at == std::end(aliases) ? std::string_view() : at->connection;
}

bool is_address(std::string_view text) {
  const size_t at = text.find("://");
  return at != std::string_view::npos && is_connection_name(text.substr(0, at));
}

Result<Address> parse_address(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return fail(Code::bad_input, "an address with a NUL byte in it", "remove it");
  }
  if (!is_address(text)) {
    return fail(Code::bad_input, fmt::format("'{}' is not an address", text.substr(0, 200)),
                "write CONNECTION://KEY, for example s3://bucket/key");
  }
  const size_t at = text.find("://");
  return Address{.connection = std::string(text.substr(0, at)),
                 .rest = std::string(text.substr(at + 3))};
}

std::string to_text(const Address& address) { return address.connection + "://" + address.rest; }

BucketKey split_bucket(std::string_view rest) {
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) {
    return {.bucket = std::string(rest), .key = {}};
  }
  return {.bucket = std::string(rest.substr(0, slash)), .key = std::string(rest.substr(slash + 1))};
}

}  // namespace tutti
