// SPDX-License-Identifier: Apache-2.0
#include "base/size.h"

#include "base/doctest.h"

namespace tutti {

TEST_CASE("sizes are read as people write them") {
  CHECK(parse_size("0").value() == 0);
  CHECK(parse_size("17").value() == 17);
  CHECK(parse_size("17B").value() == 17);
  CHECK(parse_size("2kB").value() == 2000);
  CHECK(parse_size("2KiB").value() == 2048);
  CHECK(parse_size("64MiB").value() == 64 << 20);
  CHECK(parse_size("64 MiB").value() == 64 << 20);
  CHECK(parse_size("1.5G").value() == 1'610'612'736);
  CHECK(parse_size("1TB").value() == 1'000'000'000'000);
}

TEST_CASE("what is no size says what to write") {
  for (std::string_view text : {"", "MiB", "-1", "-0.5MB", "1 2", "5 apples", "1e3", "inf", "nan",
                                "99999999TiB", "1mb", "1  MB"}) {
    const auto size = parse_size(text);
    INFO(text);
    REQUIRE_FALSE(size.has_value());
    CHECK(size.error().code == Code::bad_input);
    CHECK(size.error().remedy.find("64MiB") != std::string::npos);
  }
}

}  // namespace tutti
