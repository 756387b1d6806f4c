// SPDX-License-Identifier: Apache-2.0
#include "sim/loop.h"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "rt/posting.h"

namespace tutti::sim {

namespace asio = rt::asio;

uint64_t Dice::next() {
  state_ += 0x9e3779b97f4a7c15U;
  uint64_t x = state_;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

int64_t Dice::between(int64_t from, int64_t to) {
  return from + static_cast<int64_t>(below(static_cast<uint64_t>(to - from) + 1));
}

namespace {

class SimTimer final : public rt::Timer {
 public:
  explicit SimTimer(SimLoop::Fire fire) : fire_(std::move(fire)) {}
  ~SimTimer() override { *fire_ = nullptr; }

 private:
  SimLoop::Fire fire_;
};

}  // namespace

SimLoop::~SimLoop() {
  timers_.clear();
  while (!ready_.empty()) {  // a handler's destructor may post another
    std::exchange(ready_, {}).clear();
  }
  shutdown();
  destroy();
}

rt::Executor SimLoop::executor() { return rt::PostingExecutor(*this); }

void SimLoop::arm(BootInstant at, Fire fire) {
  timers_.emplace(std::pair(std::max(at.us, now_.us), ++order_), std::move(fire));
}

bool SimLoop::advance() {
  while (!timers_.empty() && !*timers_.begin()->second) {
    timers_.erase(timers_.begin());
  }
  if (timers_.empty()) {
    return false;
  }
  now_ = {timers_.begin()->first.first};
  while (!timers_.empty() && timers_.begin()->first.first <= now_.us) {
    auto due = timers_.extract(timers_.begin());
    post([fire = std::move(due.mapped())] {
      if (*fire) {
        std::exchange(*fire, nullptr)();
      }
    });
  }
  return true;
}

bool SimLoop::step() {
  if (ready_.empty() && !advance()) {
    return false;
  }
  const size_t pick = dice_.below(ready_.size());
  std::swap(ready_[pick], ready_.back());
  auto handler = std::move(ready_.back());
  ready_.pop_back();
  ++steps_;
  handler();
  return true;
}

void SimLoop::drain() {
  while (!ready_.empty()) {
    step();
  }
}

std::unique_ptr<rt::Timer> SimClock::arm(rt::Executor, BootInstant at,
                                         std::move_only_function<void()> fire) {
  auto shared = std::make_shared<std::move_only_function<void()>>(std::move(fire));
  loop_.arm(at, shared);
  return std::make_unique<SimTimer>(std::move(shared));
}

}  // namespace tutti::sim
