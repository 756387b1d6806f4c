// SPDX-License-Identifier: Apache-2.0
// Loop: one thread that runs coroutines, and Pool: a few threads for CPU work. Made in `app` and by
// tests; the simulator has its own executor.
#pragma once

#include <memory>

#include "rt/scope.h"
#include "rt/task.h"

namespace tutti::rt {

class Loop {
 public:
  Loop();
  ~Loop();  // stop() and join
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Executor executor();
  void start(const char* thread_name);  // a thread of its own
  void stop();                          // ends the thread; what still waits is dropped

  // Runs `task` to its end on the calling thread (the loop must not have one of its own).
  template <class T>
  Result<T> run(Task<T> task) {
    std::optional<Result<T>> result;
    asio::co_spawn(executor(), guarded(std::move(task)),
                   [&](std::exception_ptr thrown, Result<T> value) {
                     result = thrown ? Result<T>(fail(error_of(thrown))) : std::move(value);
                     finish();
                   });
    turn();
    return result ? std::move(*result) : Result<T>(fail(Code::cancelled, "the loop was stopped"));
  }

 private:
  void turn();    // runs handlers until finish()
  void finish();  // ends turn()

  struct State;
  std::unique_ptr<State> state_;
};

class Pool {
 public:
  explicit Pool(size_t threads);
  ~Pool();  // waits for what runs, and what waits to run
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  Executor executor();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tutti::rt
