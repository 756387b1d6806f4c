// SPDX-License-Identifier: Apache-2.0
// What every service's connection may say of trying again: `attempts` (1 to 100) and `patience`.
#pragma once

#include <string_view>

#include "base/value.h"
#include "rt/retry.h"

namespace tutti::cloud::http {

bool is_setting_of_tries(std::string_view name);
// bad_input that names the connection.
Result<Unit> read_tries(std::string_view connection, const Value& settings,
                        rt::RetryPolicy& policy);

}  // namespace tutti::cloud::http
