// SPDX-License-Identifier: Apache-2.0
#include "rt/clock.h"

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <mutex>

#include <boost/asio/steady_timer.hpp>

#include "base/check.h"

namespace tutti::rt {
namespace {

int64_t read_clock_us(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return ts.tv_sec * 1'000'000LL + ts.tv_nsec / 1000;
}

// The kernel's timer does not count suspended time, so a long wait is cut and re-measured.
constexpr Duration wait_piece = seconds(30);

class SystemTimer final : public Timer {
 public:
  SystemTimer(Clock& clock, Executor executor, BootInstant at, std::move_only_function<void()> fire)
      : state_(std::make_shared<State>(clock, std::move(executor), at, std::move(fire))) {
    State::step(state_);
  }
  ~SystemTimer() override {
    state_->fire = nullptr;
    state_->timer.cancel();
  }

 private:
  struct State {
    State(Clock& c, Executor executor, BootInstant when, std::move_only_function<void()> f)
        : clock(&c), timer(std::move(executor)), at(when), fire(std::move(f)) {}
    Clock* clock;
    asio::steady_timer timer;
    BootInstant at;
    std::move_only_function<void()> fire;  // empty once fired or disarmed

    static void step(const std::shared_ptr<State>& self) {
      const Duration left = self->at - self->clock->boot();
      self->timer.expires_after(
          std::chrono::microseconds(std::clamp(left, Duration{0}, wait_piece).us));
      self->timer.async_wait([self](boost::system::error_code) {
        if (!self->fire) {
          return;
        }
        if (self->clock->boot() < self->at) {
          step(self);
          return;
        }
        std::exchange(self->fire, nullptr)();
      });
    }
  };
  std::shared_ptr<State> state_;
};

class SystemClock final : public Clock {
 public:
  Instant wall() override { return {read_clock_us(CLOCK_REALTIME)}; }
  BootInstant boot() override { return {read_clock_us(CLOCK_BOOTTIME)}; }
  std::unique_ptr<Timer> arm(Executor executor, BootInstant at,
                             std::move_only_function<void()> fire) override {
    return std::make_unique<SystemTimer>(*this, std::move(executor), at, std::move(fire));
  }
};

class SystemRandom final : public Random {
 public:
  uint64_t next() override {
    const std::lock_guard lock(mutex_);
    if (at_ == bytes_.size()) {
      CHECK(getrandom(bytes_.data(), sizeof(bytes_), 0) == static_cast<ssize_t>(sizeof(bytes_)));
      at_ = 0;
    }
    return bytes_[at_++];
  }

 private:
  std::mutex mutex_;
  std::array<uint64_t, 32> bytes_{};
  size_t at_ = 32;
};

}  // namespace

std::unique_ptr<Clock> make_system_clock() { return std::make_unique<SystemClock>(); }
std::unique_ptr<Random> make_system_random() { return std::make_unique<SystemRandom>(); }

}  // namespace tutti::rt
