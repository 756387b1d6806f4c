// SPDX-License-Identifier: Apache-2.0
// branch: chooses which of its direct dependants run. The first case whose `when` is true decides;
// without one `else` does; without `else` none of them runs.
#pragma once

#include "action/api/action.h"

namespace tutti::action {

class BranchAction final : public Action {
 public:
  BranchAction();
  const Schema& schema() const override { return schema_; }
  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override;
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override;

 private:
  Schema schema_;
};

}  // namespace tutti::action
