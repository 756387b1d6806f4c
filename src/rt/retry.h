// SPDX-License-Identifier: Apache-2.0
// The one place that tries again. Below it nobody retries.
#pragma once

#include <cmath>
#include <optional>

#include "rt/wait.h"

namespace tutti::rt {

struct RetryPolicy {
  int attempts_max = 4;  // counts the first
  Duration delay = milliseconds(200);
  double backoff = 2.0;
  Duration delay_max = seconds(20);
  double jitter = 0.2;  // share of the delay, added or taken away
  // So long an error `throttled` does not count as an attempt: who is told to slow down does. The
  // first one later ends it, unless there were too few attempts.
  Duration throttled_max = {};
};

// How long to wait before try `attempt` + 1 (attempt counts from 1); an error's retry_after wins
// when longer.
Duration retry_delay(const RetryPolicy& policy, int attempt, const Error& error, Random& random);

// The error with the number of attempts; one that names a number already keeps it.
Error after_attempts(Error error, int attempts);
// It was tried again already, below.
bool names_attempts(const Error& error);

// Calls `fn(ctx)` until it succeeds, fails with an error for which `again(error)` is false, or the
// attempts, the deadline or the context end. The last error names the number of attempts.
template <class F, class Again>
auto retry_while(Context& ctx, RetryPolicy policy, F fn, Again again) -> decltype(fn(ctx)) {
  int counted = 0;
  std::optional<BootInstant> throttled_since;
  for (int attempt = 1;; ++attempt) {
    auto result = co_await fn(ctx);
    if (result.has_value() || !again(result.error())) {
      co_return result;
    }
    const BootInstant now = ctx.clock().boot();
    const bool throttled = result.error().code == Code::throttled;
    throttled_since = throttled ? throttled_since.value_or(now) : now;
    const bool borne = throttled && now - *throttled_since < policy.throttled_max;
    counted += borne ? 0 : 1;
    const bool out_of_patience = throttled && !borne && attempt >= policy.attempts_max;
    if (counted >= policy.attempts_max || out_of_patience) {
      co_return fail(after_attempts(std::move(result).error(), attempt));
    }
    CO_OK(co_await delay(ctx, retry_delay(policy, attempt, result.error(), ctx.random())));
  }
}

// As long as trying again may mend the error.
template <class F>
auto retry(Context& ctx, RetryPolicy policy, F fn) -> decltype(fn(ctx)) {
  return retry_while(ctx, policy, std::move(fn),
                     [](const Error& error) { return is_retryable(error.code); });
}

}  // namespace tutti::rt
