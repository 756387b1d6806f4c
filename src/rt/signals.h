// SPDX-License-Identifier: Apache-2.0
// Signals as calls: SIGINT and SIGTERM, counted. Made first thing in main, before any other thread,
// so that every thread has them blocked.
#pragma once

#include <functional>
#include <memory>

namespace tutti::rt {

class Signals {
 public:
  // Calls `on_signal(number, count)` on a thread of its own, count from 1. SIGPIPE is ignored.
  explicit Signals(std::move_only_function<void(int, int)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tutti::rt
