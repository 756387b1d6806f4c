// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/order.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tutti::transfer {

Result<By> parse_by(std::string_view text) {
  constexpr std::array<std::string_view, 5> names{"name", "smallest", "largest", "oldest",
                                                  "newest"};
  const auto* at = std::ranges::find(names, text);
  if (at == names.end()) {
    return fail(Code::bad_input, fmt::format("order: '{}' is not known", text),
                "write name, smallest, largest, oldest or newest");
  }
  return static_cast<By>(at - names.begin());
}

size_t Order::turn_of(std::string_view name) const {
  const auto at =
      std::ranges::find_if(first, [name](const Glob& each) { return each.matches(name); });
  return static_cast<size_t>(at - first.begin());
}

}  // namespace tutti::transfer
