// SPDX-License-Identifier: Apache-2.0
// The ways a secret is written down by programs that do not mean to hide it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tutti::worker {

// Without duplicates, each of at least 4 bytes.
std::vector<std::string> patterns_of(std::string_view secret);

}  // namespace tutti::worker
