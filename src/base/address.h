// SPDX-License-Identifier: Apache-2.0
// Addresses of data and what they resolve to.
//
// An address is not RFC 3986: it is split at the first "://", then at the first "/"; the rest is
// the key, byte for byte (no decoding, no dot removal, no Unicode normalisation).
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti {

struct Address {
  std::string connection;  // the scheme: the name of a connection, [a-z][a-z0-9_-]*
  std::string rest;        // all behind "://"
  auto operator<=>(const Address&) const = default;
};

// The connections that schemes of Hadoop's and Spark's stand for, where none has that name.
struct Alias {
  std::string_view scheme;
  std::string_view connection;
};
inline constexpr Alias aliases[] = {{"abfs", "az"},  {"abfss", "az"}, {"wasb", "az"},
                                    {"wasbs", "az"}, {"s3a", "s3"},   {"s3n", "s3"}};
// Empty: it stands for none.
std::string_view alias_of(std::string_view connection);

bool is_address(std::string_view text);  // has NAME:// in front
Result<Address> parse_address(std::string_view text);
std::string to_text(const Address& address);

// BUCKET/KEY of an account connection; without a slash the key is empty.
struct BucketKey {
  std::string bucket;
  std::string key;
  auto operator<=>(const BucketKey&) const = default;
};
BucketKey split_bucket(std::string_view rest);

// What an address resolves to. Self-copy, locks, policy, lineage and manifests compare this, never
// the connection's alias.
struct ObjectRef {
  std::string provider;  // "local", "s3", ...
  std::string endpoint;  // for local: empty
  std::string account;   // for local: the absolute folder
  std::string bucket;    // for local with a root: empty
  std::string key;
  auto operator<=>(const ObjectRef&) const = default;
};

}  // namespace tutti
