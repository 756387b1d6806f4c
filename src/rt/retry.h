// SPDX-License-Identifier: Apache-2.0
// The one place that tries again. Below it nobody retries.
#pragma once

#include <cmath>

#include "rt/wait.h"

namespace tutti::rt {

struct RetryPolicy {
  int attempts_max = 4;  // counts the first
  Duration delay = milliseconds(200);
  double backoff = 2.0;
  Duration delay_max = seconds(20);
  double jitter = 0.2;  // share of the delay, added or taken away
};

// How long to wait before try `attempt` + 1 (attempt counts from 1); an error's retry_after wins
// when longer.
Duration retry_delay(const RetryPolicy& policy, int attempt, const Error& error, Random& random);

// Calls `fn(ctx)` until it succeeds, fails with an error that trying again cannot mend, or the
// attempts, the deadline or the context end. The last error names the number of attempts.
template <class F>
auto retry(Context& ctx, RetryPolicy policy, F fn) -> decltype(fn(ctx)) {
  for (int attempt = 1;; ++attempt) {
    auto result = co_await fn(ctx);
    if (result.has_value() || !is_retryable(result.error().code)) {
      co_return result;
    }
    if (attempt >= policy.attempts_max) {
      Error error = std::move(result).error();
      error.what +=
          " (after " + std::to_string(attempt) + (attempt == 1 ? " attempt)" : " attempts)");
      co_return fail(std::move(error));
    }
    CO_OK(co_await delay(ctx, retry_delay(policy, attempt, result.error(), ctx.random())));
  }
}

}  // namespace tutti::rt
