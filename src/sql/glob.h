// SPDX-License-Identifier: Apache-2.0
// Patterns over object keys, as DuckDB's file functions have them: `*` and `?` within one segment,
// `**` as a whole segment for any number of them, [a-z] and [!a-z]. Pure.
#pragma once

#include <string_view>

namespace tutti::sql {

bool has_glob(std::string_view text);
// What every match begins with: all before the first special character.
std::string_view glob_prefix(std::string_view pattern);
bool glob_matches(std::string_view pattern, std::string_view key);

}  // namespace tutti::sql
