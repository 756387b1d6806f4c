// SPDX-License-Identifier: Apache-2.0
// Pace: how many requests to one bucket may wait for their replies at once. Any number, until the
// service says to slow down: then half of those that were under way, and one more for each that
// many replies without a complaint (additive increase, multiplicative decrease: Chiu and Jain
// 1989).
#pragma once

#include <deque>
#include <memory>

#include "base/time.h"
#include "rt/wait.h"

namespace tutti::cloud::http {

// How long a service may go on refusing a request for that before it fails, where the connection
// says nothing else.
inline constexpr Duration throttled_max = minutes(15);

// One loop.
class Pace {
 public:
  // Waits for its turn; leave() ends what it began.
  Task<Unit> enter(rt::Context& ctx);
  enum class Reply { good, throttled, none };
  void leave(Reply reply, BootInstant now);

  size_t limit() const { return static_cast<size_t>(limit_); }

 private:
  bool is_full() const { return static_cast<double>(under_way_) + 1 > limit_; }
  void adapt(Reply reply, BootInstant now);

  double limit_ = limit_max;
  size_t under_way_ = 0;
  BootInstant lowered_ = {};
  std::deque<std::shared_ptr<rt::Waiter>> waiting_;

  static constexpr double limit_max = 1 << 20;  // nobody waits
};

// Of one bucket. A request whose body is still to be read waits with its place taken for what it is
// read from, which may be this bucket, or one whose writes are read from this one: what a read
// needs no write may hold.
struct Paces {
  Pace reads;   // and whatever else has no body to be read
  Pace writes;  // requests with a source
};

}  // namespace tutti::cloud::http
