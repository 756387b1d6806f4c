// SPDX-License-Identifier: Apache-2.0
// Context: the first parameter of everything that waits. Carries the clock, the random source, the
// cancel token and the deadline; a child can only shorten them. Cheap to copy; outlives the call.
#pragma once

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "rt/cancel.h"
#include "rt/clock.h"

namespace tutti::rt {

class Context {
 public:
  Context(Clock& clock, Random& random, CancelToken token = {})
      : clock_(&clock), random_(&random), token_(std::move(token)) {}

  Clock& clock() const { return *clock_; }
  Random& random() const { return *random_; }
  const CancelToken& token() const { return token_; }
  std::optional<BootInstant> deadline() const { return deadline_; }

  // An error when cancelled or past the deadline: for loops between two waits.
  Result<Unit> check() const;

  Context with_token(CancelToken token) const {  // a token of a source made from this one's
    Context child = *this;
    child.token_ = std::move(token);
    return child;
  }
  Context with_deadline(BootInstant at) const {
    Context child = *this;
    child.deadline_ = deadline_ ? std::min(*deadline_, at) : at;
    return child;
  }
  Context with_timeout(Duration within) const { return with_deadline(clock_->boot() + within); }
  // For cleanup that must happen although the work was cancelled: neither token nor deadline.
  Context uncancellable() const { return {*clock_, *random_}; }

 private:
  Clock* clock_;
  Random* random_;
  CancelToken token_;
  std::optional<BootInstant> deadline_;
};

}  // namespace tutti::rt
