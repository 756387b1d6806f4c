// SPDX-License-Identifier: Apache-2.0
#include "rt/wait.h"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.h"

namespace tutti::rt {
namespace {

// Parks the coroutine; `start` gets the function that resumes it, through `executor`.
template <class Start>
asio::awaitable<void> suspend(Executor executor, Start start) {
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&start, &executor](auto handler) {
        start([executor, handler = std::move(handler)]() mutable {
          asio::post(executor, [handler = std::move(handler)]() mutable { std::move(handler)(); });
        });
      },
      asio::use_awaitable);
}

Error deadline_error() {
  return {.code = Code::timed_out, .what = "the time allowed for it is over"};
}

}  // namespace

Result<Unit> Context::check() const {
  if (auto reason = token_.reason()) {
    return fail(std::move(*reason));
  }
  if (deadline_ && clock_->boot() >= *deadline_) {
    return fail(deadline_error());
  }
  return Unit{};
}

bool Waiter::complete(Result<Unit> result) {
  std::move_only_function<void()> resume;
  {
    const std::lock_guard lock(mutex_);
    if (result_) {
      return false;
    }
    result_ = std::move(result);
    resume = std::exchange(resume_, nullptr);
  }
  if (resume) {
    resume();
  }
  return true;
}

asio::awaitable<void> Waiter::suspended() {
  auto executor = co_await asio::this_coro::executor;
  co_await suspend(executor, [this](std::move_only_function<void()> resume) {
    {
      const std::lock_guard lock(mutex_);
      if (!result_) {
        CHECK(!resume_);
        resume_ = std::move(resume);
        return;
      }
    }
    resume();
  });
}

Task<Unit> Waiter::wait(Context& ctx) {
  const auto self = shared_from_this();
  CO_OK(ctx.check());
  const auto registration = ctx.token().on_cancel(
      [self, token = ctx.token()] { self->complete(fail(token.reason().value())); });
  std::unique_ptr<Timer> timer;
  if (ctx.deadline()) {
    auto executor = co_await asio::this_coro::executor;
    timer = ctx.clock().arm(executor, *ctx.deadline(),
                            [self] { self->complete(fail(deadline_error())); });
  }
  co_await suspended();
  co_return std::move(*result_);
}

asio::awaitable<void> Waiter::wait_uncancelled() {
  const auto self = shared_from_this();
  co_await suspended();
}

Task<Unit> delay(Context& ctx, Duration time) {
  auto waiter = Waiter::make();
  auto executor = co_await asio::this_coro::executor;
  const auto timer =
      ctx.clock().arm(executor, ctx.clock().boot() + time, [waiter] { waiter->complete(); });
  co_return co_await waiter->wait(ctx);
}

void Notify::notify() {
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    waiter = std::exchange(waiter_, nullptr);
    pending_ = waiter == nullptr;
  }
  // A waiter that was cancelled in the same moment took nothing: remember the wake-up.
  if (waiter != nullptr && !waiter->complete()) {
    const std::lock_guard lock(mutex_);
    pending_ = true;
  }
}

Task<Unit> Notify::wait(Context& ctx) {
  auto waiter = Waiter::make();
  {
    const std::lock_guard lock(mutex_);
    if (pending_) {
      pending_ = false;
      co_return ctx.check();
    }
    CHECK(waiter_ == nullptr);
    waiter_ = waiter;
  }
  auto result = co_await waiter->wait(ctx);
  const std::lock_guard lock(mutex_);
  if (waiter_ == waiter) {
    waiter_ = nullptr;
  }
  co_return result;
}

Task<Unit> Semaphore::acquire(Context& ctx) {
  CO_OK(ctx.check());
  if (free_ > 0) {
    --free_;
    co_return Unit{};
  }
  auto waiter = Waiter::make();
  waiting_.push_back(waiter);
  auto result = co_await waiter->wait(ctx);
  if (!result) {
    std::erase(waiting_, waiter);
  }
  co_return result;
}

void Semaphore::resize(size_t permits) {
  for (; permits_ < permits; ++permits_) {
    release();
  }
  for (; permits_ > permits; --permits_) {
    if (free_ > 0) {
      --free_;
    } else {
      ++surplus_;
    }
  }
}

void Semaphore::release() {
  if (surplus_ > 0) {
    --surplus_;
    return;
  }
  while (!waiting_.empty()) {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    if (next->complete()) {
      return;  // the permit goes straight to it
    }
  }
  ++free_;
}

}  // namespace tutti::rt
