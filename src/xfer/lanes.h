// SPDX-License-Identifier: Apache-2.0
// Lanes: turns for objects, and for parts, of which as many are given at once as make it fastest.
// Inside of xfer.
#pragma once

#include <utility>

#include "core/transfer/climb.h"
#include "rt/wait.h"

namespace tutti::xfer {

// One loop.
class Lanes {
 public:
  explicit Lanes(transfer::Climb::Limits limits) : climb_(limits), turns_(limits.least) {}

  rt::Semaphore& turns() { return turns_; }
  size_t count() const { return climb_.count(); }
  bool are_wanted() const { return turns_.is_wanted(); }
  void look(uint64_t done, bool wanted, BootInstant now) {
    if (climb_.look(done, wanted, now)) {
      turns_.resize(climb_.count());
    }
  }

 private:
  transfer::Climb climb_;
  rt::Semaphore turns_;
};

// A turn, from when it is taken to the end.
class Turn {
 public:
  explicit Turn(rt::Semaphore& turns) : turns_(&turns) {}
  ~Turn() {
    if (taken_) {
      turns_->release();
    }
  }
  Turn(Turn&& other) noexcept : turns_(other.turns_), taken_(std::exchange(other.taken_, false)) {}
  Turn& operator=(Turn&&) = delete;

  Task<Unit> take(rt::Context& ctx) {
    if (!taken_) {
      CO_OK(co_await turns_->acquire(ctx));
      taken_ = true;
    }
    co_return Unit{};
  }

 private:
  rt::Semaphore* turns_;
  bool taken_ = false;
};

}  // namespace tutti::xfer
