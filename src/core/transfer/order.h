// SPDX-License-Identifier: Apache-2.0
// Which objects of a selection come first. A value; pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/transfer/glob.h"

namespace tutti::transfer {

enum class By : uint8_t { name, smallest, largest, oldest, newest };
Result<By> parse_by(std::string_view text);

struct Order {
  std::vector<Glob> first =
      {};            // what matches the first pattern, then the second ... then the rest
  By by = By::name;  // among those

  // The number of the pattern a name belongs to, as Filter's patterns match; first.size(): none.
  size_t turn_of(std::string_view name) const;
};

}  // namespace tutti::transfer
