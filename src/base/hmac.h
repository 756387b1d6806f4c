// SPDX-License-Identifier: Apache-2.0
// HMAC (RFC 2104) over OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace tutti {

std::string hmac_sha256(std::string_view key, std::string_view text);  // 32 bytes

}  // namespace tutti
