// SPDX-License-Identifier: Apache-2.0
#include "rt/clock.h"

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

#include <boost/asio/io_context.hpp>
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

// The timers of one loop. Nearly all are disarmed before they fire (they are time-outs), so the
// kernel is told only of a time earlier than the one it knows: what was disarmed leaves it alone,
// and a wake-up too early looks for the next. Lives and dies with its loop; used on its thread.
class LoopTimers final : public asio::execution_context::service {
 public:
  using key_type = LoopTimers;
  static inline asio::execution_context::id id;

  struct Entry {
    BootInstant at;
    std::move_only_function<void()> fire;  // empty once fired or disarmed
    std::multimap<BootInstant, std::shared_ptr<Entry>>::iterator place = {};
    LoopTimers* queue = nullptr;  // none once out of it
  };

  explicit LoopTimers(asio::execution_context& context) : service(context) {}

  std::shared_ptr<Entry> add(asio::io_context::executor_type executor, Clock& clock, BootInstant at,
                             std::move_only_function<void()> fire) {
    auto entry = std::make_shared<Entry>(Entry{.at = at, .fire = std::move(fire)});
    entry->place = entries_.emplace(at, entry);
    entry->queue = this;
    if (!timer_) {
      timer_.emplace(executor);
    }
    if (!armed_ || at < *armed_) {
      wake_at(at, clock);
    }
    return entry;
  }
  void remove(Entry& entry) {
    entries_.erase(entry.place);
    entry.queue = nullptr;
  }

 private:
  void shutdown() override {
    for (auto& [at, entry] : entries_) {
      entry->queue = nullptr;
    }
    entries_.clear();
    timer_.reset();
  }

  void wake_at(BootInstant at, Clock& clock) {
    armed_ = at;
    const Duration left = std::clamp(at - clock.boot(), Duration{0}, wait_piece);
    timer_->expires_after(std::chrono::microseconds(left.us));
    timer_->async_wait([this, &clock](boost::system::error_code error) {
      if (!error) {  // else another time was set, or the loop is gone
        fire_due(clock);
      }
    });
  }

  void fire_due(Clock& clock) {
    armed_.reset();
    const BootInstant now = clock.boot();
    while (!entries_.empty() && entries_.begin()->first <= now) {
      const std::shared_ptr<Entry> entry = entries_.begin()->second;
      remove(*entry);
      std::exchange(entry->fire, nullptr)();
    }
    if (!entries_.empty() && (!armed_ || entries_.begin()->first < *armed_)) {
      wake_at(entries_.begin()->first, clock);
    }
  }

  std::multimap<BootInstant, std::shared_ptr<Entry>> entries_;
  std::optional<asio::steady_timer> timer_;
  std::optional<BootInstant> armed_;
};

class LoopTimer final : public Timer {
 public:
  explicit LoopTimer(std::shared_ptr<LoopTimers::Entry> entry) : entry_(std::move(entry)) {}
  ~LoopTimer() override {
    if (entry_->queue != nullptr) {
      entry_->queue->remove(*entry_);
    }
  }

 private:
  std::shared_ptr<LoopTimers::Entry> entry_;
};

// A timer of its own, for executors that are no loop.
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
    if (const auto* loop = executor.target<asio::io_context::executor_type>()) {
      auto& timers = asio::use_service<LoopTimers>(loop->context());
      return std::make_unique<LoopTimer>(timers.add(*loop, *this, at, std::move(fire)));
    }
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
