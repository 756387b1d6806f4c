// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "base/closest.h"

#include "base/doctest.h"

namespace tutti {

TEST_CASE("the closest word is found when it is near enough to be meant") {
  constexpr std::array<std::string_view, 4> words{"needs", "timeout", "uses", "when"};
  CHECK(closest("need", words) == "needs");
  CHECK(closest("timeuot", words) == "timeout");  // neighbours swapped
  CHECK(closest("USES", words) == "uses");
  CHECK(closest("depends_on", words).empty());
  CHECK(closest("", words).empty());
  CHECK(closest(std::string(1000, 'x'), words).empty());
  CHECK(did_you_mean("whem", words) == "did you mean 'when'?");
  CHECK(did_you_mean("zzzzzz", words).empty());
  CHECK(edit_distance("kitten", "sitting") == 3);
}

}  // namespace tutti
