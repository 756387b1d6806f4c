// SPDX-License-Identifier: Apache-2.0
// SimLoop: one thread's loop under a seed. It runs a random one of the handlers that are ready, and
// when none is, moves virtual time to the next timer. What works here does not depend on the order
// in which a real loop happens to run things.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "rt/clock.h"
#include "rt/scope.h"
#include "rt/task.h"

namespace tutti::sim {

// splitmix64: small, fast, the same everywhere.
class Dice final : public rt::Random {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next() override;
  uint64_t below(uint64_t n) { return n == 0 ? 0 : next() % n; }
  int64_t between(int64_t from, int64_t to);  // both included
  bool chance(uint32_t permille) { return below(1'000) < permille; }

 private:
  uint64_t state_;
};

class SimLoop final : public rt::asio::execution_context {
 public:
  explicit SimLoop(uint64_t seed) : dice_(seed) {}
  ~SimLoop();
  SimLoop(const SimLoop&) = delete;
  SimLoop& operator=(const SimLoop&) = delete;

  rt::Executor executor();
  BootInstant now() const { return now_; }
  uint64_t steps() const { return steps_; }

  // Runs `task` to its end. internal: nothing is ready and no timer is armed, or `steps_max`
  // handlers have run.
  template <class T>
  Result<T> run(Task<T> task, uint64_t steps_max) {
    std::optional<Result<T>> result;
    rt::asio::co_spawn(executor(), rt::guarded(std::move(task)),
                       [&](std::exception_ptr thrown, Result<T> value) {
                         result = thrown ? Result<T>(fail(rt::error_of(thrown))) : std::move(value);
                       });
    const uint64_t until = steps_ + steps_max;
    while (!result) {
      if (steps_ >= until) {
        return fail(Code::internal, "it does not come to an end");
      }
      if (!step()) {
        return fail(Code::internal, "everything waits for something that never comes");
      }
    }
    return std::move(*result);
  }
  // Runs what is ready, without moving time: what a finished task left behind.
  void drain();

  // For the clock. `fire` is emptied when it has run; whoever empties it before disarms it.
  using Fire = std::shared_ptr<std::move_only_function<void()>>;
  void arm(BootInstant at, Fire fire);
  void post(std::move_only_function<void()> handler) { ready_.push_back(std::move(handler)); }

 private:
  bool step();
  bool advance();

  Dice dice_;
  BootInstant now_{1'000'000'000};
  uint64_t order_ = 0;
  uint64_t steps_ = 0;
  std::vector<std::move_only_function<void()>> ready_;
  std::map<std::pair<int64_t, uint64_t>, Fire> timers_;  // by time, then as they were armed
};

// Virtual time. Wall time may be set to jump.
class SimClock final : public rt::Clock {
 public:
  SimClock(SimLoop& loop, Instant start) : loop_(loop), start_(start) {}
  Instant wall() override { return start_ + Duration{loop_.now().us} + jumped_; }
  BootInstant boot() override { return loop_.now(); }
  std::unique_ptr<rt::Timer> arm(rt::Executor executor, BootInstant at,
                                 std::move_only_function<void()> fire) override;
  void jump(Duration by) { jumped_ = jumped_ + by; }

 private:
  SimLoop& loop_;
  Instant start_;
  Duration jumped_{};
};

}  // namespace tutti::sim
