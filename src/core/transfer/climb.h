// SPDX-License-Identifier: Apache-2.0
// Climb: how many of something shall go on at once, found by trying: twice as many, for as long as
// that makes it faster; else back, and again after a while. What makes it slow is unknown: where
// each waits for a far service more of them help, where the machine is busy they do not. A value;
// pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace tutti::transfer {

class Climb {
 public:
  struct Limits {
    size_t least = 1;  // to begin with
    size_t most = 1;
    Duration window = seconds(2);  // for which each number is watched, after as long to settle
  };
  explicit Climb(Limits limits) : limits_(limits), count_(limits.least) {}

  size_t count() const { return count_; }

  // `done`: all that was done until now, in any unit of which each of them does many; `wanted`:
  // more would go on just now, if they were let. As often as something is done. True: count() has
  // changed.
  bool look(uint64_t done, bool wanted, BootInstant now);

 private:
  bool is_wanted() const;
  void watch_from(uint64_t done, BootInstant now);
  bool judge(double rate, BootInstant now);

  Limits limits_;
  size_t count_;
  bool watching_ = false;  // else it settles
  BootInstant since_ = {};
  uint64_t done_then_ = 0;
  uint64_t looks_ = 0;       // since then
  uint64_t wanted_ = 0;      // of those
  size_t count_before_ = 0;  // while more are tried
  double rate_before_ = 0;   // theirs, a second; 0: nothing is being tried
  BootInstant rests_until_ = {};
  Duration rest_ = {};
};

}  // namespace tutti::transfer
