// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/climb.h"

#include <algorithm>

namespace tutti::transfer {
namespace {

constexpr double gain_min = 1.25;  // of twice as many; less may be noise
constexpr int rest_windows = 10;   // after a try in vain, then twice as many
constexpr Duration rest_max = minutes(5);

}  // namespace

bool Climb::look(uint64_t done, bool wanted, BootInstant now) {
  if (since_ == BootInstant{}) {
    watch_from(done, now);
  }
  ++looks_;
  wanted_ += wanted ? 1 : 0;
  const Duration watched = now - since_;
  const uint64_t more = done > done_then_ ? done - done_then_ : 0;
  // Each of them shall have done something, or it says nothing of their number.
  if (watched < limits_.window || (watching_ && is_wanted() && more < count_)) {
    return false;
  }
  const bool judges = watching_ && is_wanted();
  const bool changed = judges && judge(static_cast<double>(more) / watched.seconds(), now);
  watching_ = !changed;
  watch_from(done, now);
  return changed;
}

// Between the end of one and the beginning of the next nobody may seem to wait.
bool Climb::is_wanted() const { return 4 * wanted_ >= looks_; }

void Climb::watch_from(uint64_t done, BootInstant now) {
  since_ = now;
  done_then_ = done;
  looks_ = 0;
  wanted_ = 0;
}

bool Climb::judge(double rate, BootInstant now) {
  if (rate_before_ > 0 && rate < gain_min * rate_before_) {
    count_ = count_before_;
    rate_before_ = 0;
    rest_ = std::min(rest_max, rest_ == Duration{} ? limits_.window * rest_windows : rest_ * 2);
    rests_until_ = now + rest_;
    return true;
  }
  rate_before_ = 0;
  if (count_ >= limits_.most || now < rests_until_) {
    return false;
  }
  count_before_ = count_;
  count_ = std::min(limits_.most, 2 * count_);
  rate_before_ = rate;
  return true;
}

}  // namespace tutti::transfer
