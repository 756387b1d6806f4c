// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986, section 2.1), base64url (RFC 4648, section 5) and hexadecimal digits.
// How digests are written, base64 and hex, stands with them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti {

// Everything but letters, digits, -_.~ and the characters of `kept` as %XX, in upper case.
std::string percent_encode(std::string_view text, std::string_view kept = {});
// bad_input: a % without two hexadecimal digits behind it. A plus sign stays one.
Result<std::string> percent_decode(std::string_view text);

// With its padding.
std::string base64url_encode(std::string_view bytes);
// The padding may be missing, and + and / count as - and _. Keeps no copy of the text.
Result<std::string> base64url_decode(std::string_view text);
int base64url_digit(char c);  // 0 to 63, -1: it is none

// Nothing where it is not pairs of digits, of either case.
std::optional<std::string> hex_decode(std::string_view text);

}  // namespace tutti
