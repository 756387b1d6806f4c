// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986, section 2.1). Base64 and hex stand with the digests.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti {

// Everything but letters, digits, -_.~ and the characters of `kept` as %XX, in upper case.
std::string percent_encode(std::string_view text, std::string_view kept = {});
// bad_input: a % without two hexadecimal digits behind it. A plus sign stays one.
Result<std::string> percent_decode(std::string_view text);

}  // namespace tutti
