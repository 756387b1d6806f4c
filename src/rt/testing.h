// SPDX-License-Identifier: Apache-2.0
// TestWorld: what a test needs to run coroutines, with the system's clock and random source. Tests
// derive their own world from it; whatever that adds is gone before the loop.
#pragma once

#include <memory>
#include <utility>

#include "rt/cancel.h"
#include "rt/clock.h"
#include "rt/context.h"
#include "rt/loop.h"

namespace tutti::rt {

struct TestWorld {
  std::unique_ptr<Clock> clock = make_system_clock();
  std::unique_ptr<Random> random = make_system_random();
  CancelSource cancel;
  Context ctx{*clock, *random, cancel.token()};
  Loop loop;

  template <class T>
  Result<T> run(Task<T> task) {
    return loop.run(std::move(task));
  }
};

}  // namespace tutti::rt
