// SPDX-License-Identifier: Apache-2.0
#include "rt/retry.h"

namespace tutti::rt {

Duration retry_delay(const RetryPolicy& policy, int attempt, const Error& error, Random& random) {
  double us = static_cast<double>(policy.delay.us) * std::pow(policy.backoff, attempt - 1);
  us = std::min(us, static_cast<double>(policy.delay_max.us));
  const double share = static_cast<double>(random.next() >> 11U) / 9007199254740992.0;  // [0, 1)
  us *= 1.0 + policy.jitter * (2.0 * share - 1.0);
  const Duration delay{static_cast<int64_t>(us)};
  return error.retry_after && *error.retry_after > delay ? *error.retry_after : delay;
}

bool names_attempts(const Error& error) { return error.what.ends_with(" attempts)"); }

Error after_attempts(Error error, int attempts) {
  if (!names_attempts(error)) {
    error.what +=
        " (after " + std::to_string(attempts) + (attempts == 1 ? " attempt)" : " attempts)");
  }
  return error;
}

}  // namespace tutti::rt
