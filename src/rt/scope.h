// SPDX-License-Identifier: Apache-2.0
// Structured concurrency: scoped() owns the children spawned in it. The first error cancels the
// others, and it waits for ALL of them on every path out. Children run on the loop of their parent.
//
//   Task<Unit> copy_all(rt::Scope& scope, Store& from, std::vector<Key> keys) {
//     for (Key& key : keys) { CO_OK(co_await scope.spawn(copy(scope.context(), from,
//     std::move(key)))); } co_return Unit{};
//   }
//   co_await rt::scoped(ctx, {.children_max = 8}, copy_all, from, std::move(keys));
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "rt/context.h"
#include "rt/wait.h"

namespace tutti::rt {

// The result of a task, with what a library may throw caught: the root of every spawned coroutine.
Error error_of(std::exception_ptr thrown);

template <class T>
Task<T> guarded(Task<T> task) {
  try {
    co_return co_await std::move(task);
  } catch (...) {
    co_return fail(error_of(std::current_exception()));
  }
}

struct ScopeLimits {
  size_t children_max = 64;
};

class Scope {
 public:
  Scope(Context& parent, ScopeLimits limits)
      : source_(parent.token()),
        context_(parent.with_token(source_.token())),
        free_(limits.children_max) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // The children's context: cancelled with the parent's, and by the first error.
  Context& context() { return context_; }

  // Waits for a free place, then starts the child. Fails, without starting it, with the first error
  // of the scope or the parent's cancellation.
  template <class T>
  Task<Unit> spawn(Task<T> child) {
    CO_OK(co_await free_.acquire(context_));
    if (first_error_) {
      free_.release();
      co_return fail(*first_error_);
    }
    ++running_;
    auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, run(std::move(child)), [](std::exception_ptr) {});
    co_return Unit{};
  }

  void cancel(Error reason) { source_.cancel(std::move(reason)); }
  size_t running() const { return running_; }

  // Used by scoped().
  void note(Error error);
  asio::awaitable<void> drain();
  const std::optional<Error>& first_error() const { return first_error_; }

 private:
  template <class T>
  asio::awaitable<void> run(Task<T> child) {
    Result<T> result = co_await guarded(std::move(child));
    if (!result.has_value()) {
      note(std::move(result).error());
    }
    free_.release();
    ended();
  }
  void ended();

  CancelSource source_;
  Context context_;
  Semaphore free_;
  size_t running_ = 0;
  std::optional<Error> first_error_;
  std::shared_ptr<Waiter> drained_;
};

template <class F, class... Args>
Task<Unit> scoped(Context& ctx, ScopeLimits limits, F fn, Args... args) {
  Scope scope(ctx, limits);
  // References stay references: arguments that are services are passed as std::ref.
  Result<Unit> result = co_await guarded(Task<Unit>(fn(scope, static_cast<Args&&>(args)...)));
  if (!result.has_value()) {
    scope.note(std::move(result).error());
  }
  co_await scope.drain();
  if (scope.first_error()) {
    co_return fail(*scope.first_error());
  }
  co_return Unit{};
}

// Runs `task` on another loop and comes back to this one with its result.
template <class T>
Task<T> on(Executor executor, Task<T> task) {
  co_return co_await asio::co_spawn(executor, guarded(std::move(task)), asio::use_awaitable);
}

// Runs `fn`, CPU or blocking work, on a pool's executor and comes back; what it throws comes back,
// too.
template <class F>
auto offload(Executor pool, F fn) -> asio::awaitable<decltype(fn())> {
  struct Work {
    explicit Work(F f) : fn(std::move(f)) {}
    std::optional<F> fn;
    std::optional<std::invoke_result_t<F&>> result = std::nullopt;
    std::exception_ptr thrown = nullptr;
    std::shared_ptr<Waiter> done = Waiter::make();
  };
  const auto work = std::make_shared<Work>(std::move(fn));
  asio::post(pool, [work] {
    try {
      work->result.emplace((*work->fn)());
    } catch (...) {
      work->thrown = std::current_exception();
    }
    work->fn.reset();  // what it holds is gone when the caller goes on
    work->done->complete();
  });
  co_await work->done->wait_uncancelled();
  // The pool's thread may still hold `work`, but nothing in it is left for it to destroy.
  if (std::exception_ptr thrown = std::exchange(work->thrown, nullptr)) {
    std::rethrow_exception(std::move(thrown));
  }
  auto result = std::move(*work->result);
  work->result.reset();
  co_return result;
}

}  // namespace tutti::rt
