// SPDX-License-Identifier: Apache-2.0
// Dates as HTTP writes them (RFC 9110, section 5.6.7): Sun, 06 Nov 1994 08:49:37 GMT
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tutti {

// The form above only; the two obsolete ones are nullopt, as is anything else.
std::optional<Instant> parse_http_date(std::string_view text);

std::string http_date(Instant instant);  // fractions of a second are cut off

// The value of Retry-After: seconds (a day at most), or a date as above.
std::optional<Duration> parse_retry_after(std::string_view value, Instant now);

}  // namespace tutti
