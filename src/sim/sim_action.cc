// SPDX-License-Identifier: Apache-2.0
#include "sim/sim_action.h"

#include <algorithm>

#include "sim/sim_worker.h"

namespace tutti::sim {

SimAction::SimAction(World& world, bool branches)
    : world_(world),
      schema_{.name = branches ? "sim.branch" : "sim",
              .summary = "does what the story says",
              .params = {{.name = "rows", .kind = action::ParamKind::value}},
              .branches = branches} {}

// tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
Task<action::Preview> SimAction::plan(rt::Context&, const action::AttemptInfo&, Value) {
  co_return action::Preview{};
}

Task<Unit> SimAction::work(rt::Context& ctx, Behaviour behaviour) {
  if (behaviour.does == Does::hang && world_.faults()) {
    auto waiter = rt::Waiter::make();
    world_.hanging.push_back(waiter);
    auto woken = co_await waiter->wait(ctx);
    std::erase(world_.hanging, waiter);
    co_return woken;
  }
  co_return co_await rt::delay(ctx, behaviour.time);
}

Task<action::Outcome> SimAction::run(rt::Context& ctx, action::Attempt& attempt, Value) {
  const AttemptId id = attempt.info().id;
  world_.attempt(id).alive = true;
  const Behaviour behaviour = world_.behave(id);
  attempt.progress({.bytes_done = 1, .bytes_total = 2});
  const auto worked = co_await work(ctx, behaviour);
  if (!worked.has_value() && behaviour.deaf && world_.faults()) {
    rt::Context on = ctx.uncancellable();
    CO_OK(co_await rt::delay(on, seconds(20)));
  }
  world_.attempt(id).alive = false;
  if (!worked.has_value() && world_.draw(About::stop_answer, id.task.value, id.attempt) % 4 != 0) {
    co_return fail(worked.error());
  }
  switch (behaviour.does) {
    case Does::fail:
    case Does::fail_for_good:
      co_return action::Failed{
          .error = {.code = Code::bad_input, .what = "it failed"},
          .reason = id.task.value % 2 == 0 ? action::FailReason::data : action::FailReason::code,
          .retryable = behaviour.does == Does::fail};
    case Does::not_known:
    case Does::lost:
      co_return fail(Code::unknown_outcome, "the reply was lost");
    default:
      break;
  }
  Value output = output_of(id, behaviour);
  if (schema_.branches) {
    ValueList chosen;
    for (std::string& name : choice_of(world_, id)) {
      chosen.emplace_back(std::move(name));
    }
    output.edit_map().set("chosen", std::move(chosen));
  }
  co_return action::Done{std::move(output)};
}

worker::Actions make_actions(World& world) {
  worker::Actions actions;
  actions.emplace("sim", std::make_unique<SimAction>(world, false));
  actions.emplace("sim.branch", std::make_unique<SimAction>(world, true));
  return actions;
}

}  // namespace tutti::sim
