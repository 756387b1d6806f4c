// SPDX-License-Identifier: Apache-2.0
// Waiter: the one leaf from which every waiting operation is built. One coroutine waits, anybody
// completes; the first completion (result, cancellation or deadline) wins and resumes the coroutine
// on its own executor, never inline.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::rt {

class Waiter : public std::enable_shared_from_this<Waiter> {
 public:
  static std::shared_ptr<Waiter> make() { return std::make_shared<Waiter>(); }

  // True when this call was the first. Any thread.
  bool complete(Result<Unit> result = Unit{});

  // Waits for complete(), the context's cancellation or its deadline. Once per Waiter.
  Task<Unit> wait(Context& ctx);
  // Waits for complete() alone: only where the completion is sure to come.
  asio::awaitable<void> wait_uncancelled();

 private:
  asio::awaitable<void> suspended();

  std::mutex mutex_;
  std::optional<Result<Unit>> result_;
  std::move_only_function<void()> resume_;
};

// Ends after `time`, or with the context's error.
Task<Unit> delay(Context& ctx, Duration time);

// A wake-up that is remembered: notify() from any thread, before or during the wait. One waiter at
// a time; many notifies before one wait count once.
class Notify {
 public:
  void notify();
  Task<Unit> wait(Context& ctx);

 private:
  std::mutex mutex_;
  bool pending_ = false;
  std::shared_ptr<Waiter> waiter_;
};

// Counted permits, first come first served. One loop.
class Semaphore {
 public:
  explicit Semaphore(size_t permits) : permits_(permits), free_(permits) {}
  Task<Unit> acquire(Context& ctx);
  void release();
  size_t available() const { return free_; }
  bool is_wanted() const { return !waiting_.empty(); }  // somebody waits
  // From now on so many in all: of fewer, permits that are out end with their release.
  void resize(size_t permits);

 private:
  size_t permits_;
  size_t free_;
  size_t surplus_ = 0;  // permits that are out and shall end
  std::deque<std::shared_ptr<Waiter>> waiting_;
};

// A bounded queue between coroutines of one loop. A full queue makes push wait. After close(), push
// fails with `cancelled`; pop still gives what is left, then nullopt.
template <class T>
class Channel {
 public:
  explicit Channel(size_t items_max) : free_(items_max), filled_(0) {}

  Task<Unit> push(Context& ctx, T item) {
    CO_OK(co_await free_.acquire(ctx));
    if (closed_) {
      free_.release();
      co_return fail(cancelled_error("the queue is closed"));
    }
    items_.push_back(std::move(item));
    filled_.release();
    co_return Unit{};
  }

  Task<std::optional<T>> pop(Context& ctx) {
    CO_OK(co_await filled_.acquire(ctx));
    if (items_.empty()) {
      filled_.release();  // closed: the next pop ends too
      co_return std::nullopt;
    }
    T item = std::move(items_.front());
    items_.pop_front();
    free_.release();
    co_return std::optional<T>(std::move(item));
  }

  void close() {
    if (!closed_) {
      closed_ = true;
      filled_.release();
      free_.release();
    }
  }
  size_t size() const { return items_.size(); }

 private:
  Semaphore free_;
  Semaphore filled_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace tutti::rt
