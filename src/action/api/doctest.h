// SPDX-License-Identifier: Apache-2.0
// base/doctest.h for the tests of actions, with what they ask of an Outcome: include it last.
#pragma once

#include "action/api/action.h"

#include "base/doctest.h"

namespace tutti::action {

// Fails the test, with the error's text, unless the outcome is Done.
inline Value output_of(const Result<Outcome>& outcome) {
  REQUIRE_OK(outcome);
  if (const auto* failed = std::get_if<Failed>(&*outcome)) {
    FAIL(failed->error.text());
  }
  return std::get<Done>(*outcome).output;
}

// Fails the test unless the outcome is Failed.
inline Failed failure_of(const Result<Outcome>& outcome) {
  REQUIRE_OK(outcome);
  REQUIRE(std::holds_alternative<Failed>(*outcome));
  return std::get<Failed>(*outcome);
}

}  // namespace tutti::action
