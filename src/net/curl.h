// SPDX-License-Identifier: Apache-2.0
// Private to net: what every use of libcurl shares.
#pragma once

#include <string>
#include <string_view>

#include <curl/curl.h>

#include "base/error.h"

namespace tutti::net {

void init_curl_once();
// SSL_CERT_FILE, or where systems keep their certificates; may be empty.
std::string find_ca_file();
// `text`: of CURLOPT_ERRORBUFFER. The provider's code is "curl NUMBER".
Error error_of_curl(CURLcode code, std::string_view text, std::string where);

}  // namespace tutti::net
