// SPDX-License-Identifier: Apache-2.0
// How an attempt ends when an action meets an error.
#pragma once

#include "action/api/action.h"

namespace tutti::action {

// Failed, with the reason that the error's code tells: what is outside (infrastructure, timeout) or
// may have changed (data) is retryable, what the same words would meet again is not. Cancellation,
// time-outs of the attempt itself and unknown outcomes stay errors, as Action::run wants them.
Result<Outcome> outcome_of(rt::Context& ctx, Error error);

}  // namespace tutti::action
