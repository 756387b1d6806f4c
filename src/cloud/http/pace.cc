// SPDX-License-Identifier: Apache-2.0
#include "cloud/http/pace.h"

#include <algorithm>

namespace tutti::cloud::http {
namespace {

// Requests that were under way when the first was refused are refused, too: one lowering for all.
constexpr Duration lowering_min = seconds(1);

}  // namespace

Task<Unit> Pace::enter(rt::Context& ctx) {
  if (is_full()) {
    const auto waiter = rt::Waiter::make();
    waiting_.push_back(waiter);
    auto turn = co_await waiter->wait(ctx);
    if (!turn.has_value()) {
      std::erase(waiting_, waiter);
      co_return turn;
    }
  } else {
    ++under_way_;
  }
  co_return Unit{};
}

void Pace::leave(Reply reply, BootInstant now) {
  adapt(reply, now);
  --under_way_;
  while (!waiting_.empty() && !is_full()) {
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    under_way_ += next->complete() ? 1 : 0;  // its place, unless it was cancelled
  }
}

void Pace::adapt(Reply reply, BootInstant now) {
  if (reply == Reply::good && limit_ < limit_max) {
    limit_ += 1 / limit_;
  } else if (reply == Reply::throttled &&
             (lowered_ == BootInstant{} || now - lowered_ > lowering_min)) {
    limit_ = std::max(1.0, std::min(limit_, static_cast<double>(under_way_)) / 2);
    lowered_ = now;
  }
}

}  // namespace tutti::cloud::http
