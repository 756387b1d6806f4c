// SPDX-License-Identifier: Apache-2.0
// What the commands on objects share: filters, and the words for how much there is.
#pragma once

#include <string>

#include "cli/arguments.h"
#include "core/transfer/filter.h"

namespace tutti::cli {

// bad_input names the option's value. `now`: what ages count from.
Result<transfer::Filter> filter_of(const FilterArgs& args, Instant now);

// The error, with the file it is about in front of its place.
std::unexpected<Error> in_file(const std::string& path, Error error);

std::string bytes_text(uint64_t bytes);      // "1.5 MB"
std::string objects_text(uint64_t objects);  // "1 object", "12 objects"

}  // namespace tutti::cli
