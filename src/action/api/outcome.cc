// SPDX-License-Identifier: Apache-2.0
#include "action/api/outcome.h"

namespace tutti::action {

Result<Outcome> outcome_of(rt::Context& ctx, Error error) {
  if (!ctx.check().has_value() || error.code == Code::cancelled ||
      error.code == Code::unknown_outcome) {
    return fail(std::move(error));
  }
  Failed failed{.error = std::move(error), .reason = FailReason::data};
  switch (failed.error.code) {
    case Code::throttled:
    case Code::unavailable:
      failed.reason = FailReason::infrastructure;
      break;
    case Code::timed_out:
      failed.reason = FailReason::timeout;
      break;
    case Code::internal:
      failed.reason = FailReason::code;
      break;
    case Code::bad_input:
    case Code::unsupported:
      failed.reason = FailReason::code;
      failed.retryable = false;  // the same words give the same answer
      break;
    default:
      break;
  }
  return Outcome(std::move(failed));
}

}  // namespace tutti::action
