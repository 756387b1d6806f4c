// SPDX-License-Identifier: Apache-2.0
// What signatures of version 4 sign, and with which key: AWS's rules, which Google has from it.
// Inside of sign.
#pragma once

#include <string>
#include <string_view>

#include "cloud/sign/request.h"

namespace tutti::cloud::sign {

struct V4 {
  std::string_view algorithm;  // AWS4-HMAC-SHA256 ...
  std::string time;            // of aws_time
  std::string scope;           // DAY/REGION/SERVICE/WORD
};

// Every header that is there is signed. `payload`: a digest in hex, or the word that stands for it.
std::string v4_text(const Request& request, const V4& v4, std::string_view payload);
// `secret` with the prefix its owner puts before it ("AWS4").
std::string v4_key(std::string_view secret, std::string_view scope);

}  // namespace tutti::cloud::sign
