// SPDX-License-Identifier: Apache-2.0
#include "base/size.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace tutti {

namespace {

struct SizeUnit {
  std::string_view name;
  int64_t bytes;
};
constexpr int64_t kib = 1024;
constexpr SizeUnit units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"K", kib},
    {"KiB", kib},
    {"M", kib * kib},
    {"MiB", kib * kib},
    {"G", kib * kib * kib},
    {"GiB", kib * kib * kib},
    {"T", kib * kib * kib * kib},
    {"TiB", kib * kib * kib * kib},
};

}  // namespace

Result<int64_t> parse_size(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Code::bad_input, fmt::format("'{}' is not a size: {}", text.substr(0, 64), why),
                "write a number and a unit, for example 64MiB or 1.5GB");
  };
  double number = 0;
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (parsed.ec != std::errc() || text.starts_with('-') || !std::isfinite(number)) {
    return bad("a number is missing");
  }
  std::string_view unit = text.substr(static_cast<size_t>(parsed.ptr - text.data()));
  if (unit.starts_with(' ')) {
    unit.remove_prefix(1);
  }
  for (const SizeUnit& row : units) {
    if (row.name == unit) {
      const double bytes = std::round(number * static_cast<double>(row.bytes));
      if (bytes >= 0x1p62) {
        return bad("it is too big");
      }
      return static_cast<int64_t>(bytes);
    }
  }
  return bad("the unit is not known");
}

}  // namespace tutti
