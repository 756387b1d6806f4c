// SPDX-License-Identifier: Apache-2.0
// noop: does nothing; a join of branches or a marker in the graph.
#pragma once

#include "action/api/action.h"

namespace tutti::action {

class NoopAction final : public Action {
 public:
  NoopAction();
  const Schema& schema() const override { return schema_; }
  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override;
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override;

 private:
  Schema schema_;
};

}  // namespace tutti::action
