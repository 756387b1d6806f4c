// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/v4.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/digest.h"
#include "base/hmac.h"
#include "cloud/sign/fields.h"

namespace tutti::cloud::sign {

std::string v4_text(const Request& request, const V4& v4, std::string_view payload) {
  const Pairs headers = signed_headers(request);
  std::string canonical =
      fmt::format("{}\n{}\n{}\n", request.method, request.path, encode_query(request.query));
  for (const auto& [name, value] : headers) {
    canonical += name + ":" + value + "\n";
  }
  canonical += fmt::format("\n{}\n{}", names_of(headers), payload);
  return fmt::format("{}\n{}\n{}\n{}", v4.algorithm, v4.time, v4.scope, hex(sha256(canonical)));
}

std::string v4_key(std::string_view secret, std::string_view scope) {
  std::string key(secret);
  while (!scope.empty()) {
    const std::string_view part = scope.substr(0, scope.find('/'));
    key = hmac_sha256(key, part);
    scope.remove_prefix(std::min(scope.size(), part.size() + 1));
  }
  return key;
}

}  // namespace tutti::cloud::sign
