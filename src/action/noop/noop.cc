// SPDX-License-Identifier: Apache-2.0
#include "action/noop/noop.h"

namespace tutti::action {

NoopAction::NoopAction()
    : schema_{.name = "noop",
              .summary = "Does nothing: a join of branches, or a marker.",
              .light = true} {}

// tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
Task<Preview> NoopAction::plan(rt::Context&, const AttemptInfo&, Value) { co_return Preview{}; }

Task<Outcome> NoopAction::run(rt::Context& ctx, Attempt&, Value) {
  CO_OK(ctx.check());
  co_return Done{};
}

}  // namespace tutti::action
