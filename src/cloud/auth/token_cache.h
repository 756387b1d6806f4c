// SPDX-License-Identifier: Apache-2.0
// TokenCache: a credential with an end, fetched once for all who need it and again before it ends,
// also while transfers run. A service; one loop; outlives the calls of get().
//
//   TokenCache<std::string> cache([this](rt::Context& ctx) { return fetch(ctx); });
//   CO_TRY(const std::string token, co_await cache.get(ctx));
//   ... the server refuses it (401): cache.drop(token), get() again, once
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "rt/wait.h"

namespace tutti::cloud::auth {

// What a fetch gives, and for how long, counted from its beginning (a clock that is wrong then does
// no harm).
template <class T>
struct Fresh {
  T value;
  Duration valid;
};

struct TokenTimes {
  Duration refresh_before = minutes(4);    // the end; half of a shorter life
  Duration unusable_before = seconds(10);  // the end: too late to send it
};

template <class T>
class TokenCache {
 public:
  using Fetch = std::function<Task<Fresh<T>>(rt::Context&)>;

  explicit TokenCache(Fetch fetch, TokenTimes times = {})
      : fetch_(std::move(fetch)), times_(times) {}
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  // One fetches, the others wait for it, or go on with a credential that still has some minutes. A
  // fetch that fails fails for all who waited; where a credential is still good it is used.
  Task<T> get(rt::Context& ctx) {
    while (true) {
      CO_OK(ctx.check());
      const BootInstant now = ctx.clock().boot();
      if (kept_ && (now < kept_->refresh || (fetching_ && now < kept_->end))) {
        co_return kept_->value;
      }
      if (!fetching_) {
        break;
      }
      auto waiter = rt::Waiter::make();
      waiting_.push_back(waiter);
      CO_OK(co_await waiter->wait(ctx));
    }
    co_return co_await refresh(ctx);
  }

  // A server refused this one: it is not given again.
  void drop(const T& refused) {
    if (kept_ && kept_->value == refused) {
      kept_.reset();
    }
  }

 private:
  struct Kept {
    T value;
    BootInstant refresh;
    BootInstant end;
  };

  Task<T> refresh(rt::Context& ctx) {
    fetching_ = true;
    const BootInstant begin = ctx.clock().boot();
    Result<Fresh<T>> fresh = co_await fetch_(ctx);
    fetching_ = false;
    if (fresh.has_value()) {
      const Duration early = std::min(times_.refresh_before, Duration{fresh->valid.us / 2});
      kept_ = Kept{.value = std::move(fresh->value),
                   .refresh = begin + (fresh->valid - early),
                   .end = begin + (fresh->valid - times_.unusable_before)};
      wake(Unit{});
      co_return kept_->value;
    }
    // Who only ran out of its own time leaves the fetch to the next.
    const Code code = fresh.error().code;
    const bool own = code == Code::cancelled || !ctx.check().has_value();
    wake(own ? Result<Unit>(Unit{}) : fail(fresh.error()));
    if (kept_ && ctx.clock().boot() < kept_->end && !own) {
      co_return kept_->value;
    }
    co_return fail(std::move(fresh).error());
  }

  void wake(Result<Unit> result) {
    for (const auto& each : std::exchange(waiting_, {})) {
      each->complete(result);
    }
  }

  Fetch fetch_;
  TokenTimes times_;
  std::optional<Kept> kept_;
  bool fetching_ = false;
  std::vector<std::shared_ptr<rt::Waiter>> waiting_;
};

}  // namespace tutti::cloud::auth
