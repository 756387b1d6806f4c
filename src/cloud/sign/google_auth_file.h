// SPDX-License-Identifier: Apache-2.0
// What all of Google's files of credentials have in common. Inside of sign.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace tutti::cloud::sign {

// bad_input: a file that is none.
Error bad_credentials(std::string what);
// The text of that name; bad_input: it is missing, or empty.
Result<std::string> member(const Value& value, std::string_view name);
// Keys and tokens go there: over TLS or to this machine, or not at all (bad_input).
Result<std::string> safe_url(std::string url);

}  // namespace tutti::cloud::sign
