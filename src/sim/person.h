// SPDX-License-Identifier: Apache-2.0
// Person: starts the story's runs, and now and then cancels, retries, marks and looks. When the
// faults have ended, settles what nobody else can and waits for every run's end.
#pragma once

#include <vector>

#include "control/control.h"
#include "rt/scope.h"
#include "sim/checks.h"
#include "sim/world.h"

namespace tutti::sim {

class Person {
 public:
  Person(World& world, Checks& checks);

  // What is left to do, with this owner. Ends with `cancelled` when all is over.
  Task<Unit> act(rt::Context& ctx, control::ControlPlane& control);
  bool finished() const { return finished_; }

 private:
  struct Step {
    BootInstant at;
    Did what = Did::start;
    size_t run = 0;
    uint64_t number = 0;
    bool done = false;
  };
  Task<Unit> act_all(rt::Scope& scope, control::ControlPlane& control);
  Task<Unit> perform(rt::Context& ctx, control::ControlPlane& control, size_t step);
  Task<Unit> start(rt::Context& ctx, control::ControlPlane& control, size_t run);
  Task<Unit> ask(rt::Context& ctx, control::ControlPlane& control, Step step);
  Task<control::RunView> call(rt::Context& ctx, control::ControlPlane& control, Step step);
  Task<Unit> finish(rt::Context& ctx, control::ControlPlane& control);
  Task<Unit> wait_for_end(rt::Context& ctx, control::ControlPlane& control, size_t run);
  Task<Unit> mark(rt::Context& ctx, control::ControlPlane& control, size_t run, std::string task,
                  std::string state);
  void heal();
  control::RunRef ref(size_t run) const { return {to_text(world_.runs[run].id)}; }

  World& world_;
  Checks& checks_;
  std::vector<Step> steps_;
  BootInstant heal_at_;
  bool finished_ = false;
};

}  // namespace tutti::sim
