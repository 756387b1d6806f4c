// SPDX-License-Identifier: Apache-2.0
// Clock and Random: the only ways to time and to chance. Two implementations each: the system's
// here, the simulator's in sim.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/time.h"
#include "rt/task.h"

namespace tutti::rt {

// An armed timer; destroying it disarms. Used on the loop it was armed for.
class Timer {
 public:
  virtual ~Timer() = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant wall() = 0;      // may jump
  virtual BootInstant boot() = 0;  // never jumps; counts while the machine is suspended
  // Calls `fire` once on `executor` when boot() >= at, unless the timer is destroyed before.
  virtual std::unique_ptr<Timer> arm(Executor executor, BootInstant at,
                                     std::move_only_function<void()> fire) = 0;
};

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t next() = 0;
};

// Thread-safe; live as long as the process that made them in `app`.
std::unique_ptr<Clock> make_system_clock();
std::unique_ptr<Random> make_system_random();

}  // namespace tutti::rt
