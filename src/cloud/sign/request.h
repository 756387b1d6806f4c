// SPDX-License-Identifier: Apache-2.0
// A request as it goes over the wire, all of it that is signed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::cloud::sign {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";  // upper case
  std::string host;            // with the port, unless it is the scheme's own
  std::string path = "/";      // percent-encoded
  Pairs query = {};            // names and values not encoded; "" for a name alone (?acl)
  Pairs headers = {};          // names in lower case; `host` is not among them
};

// The path of a key below a folder ("" or "/bucket"): its bytes percent-encoded once, slashes kept,
// nothing normalised: `a//b/../c` stays what it is.
std::string path_of_key(std::string_view folder, std::string_view key);
// "name=value&name=value" in the order of the encoded bytes, which is how it is signed and sent.
std::string encode_query(const Pairs& query);
// The path and, after "?", the query.
std::string target_of(const Request& request);
// The first of that name, or nullptr.
const std::string* find_value(const Pairs& pairs, std::string_view name);
void set_value(Pairs& pairs, std::string_view name, std::string value);

}  // namespace tutti::cloud::sign
