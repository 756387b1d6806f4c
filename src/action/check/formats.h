// SPDX-License-Identifier: Apache-2.0
// The formats of JSON Schema that are checked. Pure.
#pragma once

#include <string_view>

namespace tutti::action {

bool is_known_format(std::string_view format);
bool has_format(std::string_view text, std::string_view format);

}  // namespace tutti::action
