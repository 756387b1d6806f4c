// SPDX-License-Identifier: Apache-2.0
// JSON that others wrote: what is accepted prints, and reads back as the same value.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tutti;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = parse_json(text); value.has_value()) {
    const auto again = parse_json(to_json(*value, {.indent = 2}));
    CHECK(again.has_value());
    CHECK(to_json(*again) == to_json(*value));
  }
  return 0;
}
