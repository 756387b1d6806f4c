// SPDX-License-Identifier: Apache-2.0
// Actions for the real worker in the simulator: `sim` and `sim.branch` do what the world says.
#pragma once

#include "action/api/action.h"
#include "sim/world.h"
#include "worker/worker.h"

namespace tutti::sim {

class SimAction final : public action::Action {
 public:
  SimAction(World& world, bool branches);
  const action::Schema& schema() const override { return schema_; }
  Task<action::Preview> plan(rt::Context& ctx, const action::AttemptInfo& info,
                             Value with) override;
  Task<action::Outcome> run(rt::Context& ctx, action::Attempt& attempt, Value with) override;

 private:
  Task<Unit> work(rt::Context& ctx, Behaviour behaviour);

  World& world_;
  action::Schema schema_;
};

worker::Actions make_actions(World& world);

}  // namespace tutti::sim
