// SPDX-License-Identifier: Apache-2.0
#include "action/noop/noop.h"

#include "action/api/testing.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

TEST_CASE("noop succeeds without outputs, unless it was cancelled before") {
  rt::TestWorld w;
  NoopAction noop;
  RecordingAttempt attempt;
  auto outcome = w.run(noop.run(w.ctx, attempt, ValueMap{}));
  REQUIRE_OK(outcome);
  CHECK(std::get<Done>(*outcome).output == Value(ValueMap{}));
  CHECK(noop.schema().light);
  w.cancel.cancel(rt::cancelled_error("stop"));
  CHECK(w.run(noop.run(w.ctx, attempt, ValueMap{})).error().code == Code::cancelled);
}

}  // namespace
}  // namespace tutti::action
