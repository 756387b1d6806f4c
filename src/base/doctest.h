// SPDX-License-Identifier: Apache-2.0
// doctest for our tests: include it after every other header, because its CHECK takes the name of
// ours.
#pragma once

#undef CHECK
#include <doctest/doctest.h>

#include "base/error.h"

// The error text of a Result, for INFO and failure messages.
template <class T>
std::string text_of(const tutti::Result<T>& result) {
  return result.has_value() ? std::string("ok") : result.error().text();
}

// REQUIRE_OK(result): fails the test with the error's text.
#define REQUIRE_OK(...)                                             \
  do {                                                              \
    const auto& require_ok_ = (__VA_ARGS__);                        \
    REQUIRE_MESSAGE(require_ok_.has_value(), text_of(require_ok_)); \
  } while (false)
