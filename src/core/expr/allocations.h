// SPDX-License-Identifier: Apache-2.0
// For tests: how much work something is, the same on every machine. Time would say it too, but not
// on a busy machine, nor under a sanitizer.
#pragma once

#include <cstddef>

namespace tutti::expr {

// All that this test program has allocated so far; it only rises.
size_t allocated_bytes();

}  // namespace tutti::expr
