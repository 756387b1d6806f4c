// SPDX-License-Identifier: Apache-2.0
// Regular expressions of filters and renamings. Inside of core/transfer.
#pragma once

#include <memory>
#include <string>

#include <re2/re2.h>

#include "base/error.h"

namespace tutti::transfer {

enum class Case : uint8_t { matters, either };
// In a bounded amount of memory. bad_input, with the pattern as its place.
Result<std::shared_ptr<const re2::RE2>> compile(const std::string& pattern, Case letters);

}  // namespace tutti::transfer
