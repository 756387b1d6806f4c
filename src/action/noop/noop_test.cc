// SPDX-License-Identifier: Apache-2.0
#include "action/noop/noop.h"

#include "action/api/testing.h"
#include "rt/loop.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

TEST_CASE("noop succeeds without outputs, unless it was cancelled before") {
  auto clock = rt::make_system_clock();
  auto random = rt::make_system_random();
  rt::CancelSource source;
  rt::Context ctx(*clock, *random, source.token());
  rt::Loop loop;
  NoopAction noop;
  RecordingAttempt attempt;
  auto outcome = loop.run(noop.run(ctx, attempt, ValueMap{}));
  REQUIRE_OK(outcome);
  CHECK(std::get<Done>(*outcome).output == Value(ValueMap{}));
  CHECK(noop.schema().light);
  source.cancel(rt::cancelled_error("stop"));
  CHECK(loop.run(noop.run(ctx, attempt, ValueMap{})).error().code == Code::cancelled);
}

}  // namespace
}  // namespace tutti::action
