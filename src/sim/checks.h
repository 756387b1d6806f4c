// SPDX-License-Identifier: Apache-2.0
// What must hold: after every commit, and whenever the engine acts or answers. A breach fails the
// story with a sentence.
#pragma once

#include "control/control.h"
#include "sim/world.h"
#include "store/store.h"

namespace tutti::sim {

class Checks {
 public:
  explicit Checks(World& world) : world_(world) {}

  // `commit` has just become durable.
  void after_commit(const store::Commit& commit);
  // The engine hands out an attempt, or asks to stop one.
  void on_assign(const worker::Assignment& assignment);
  void on_stop(const AttemptId& id);
  // The engine has answered a report, a call or a question.
  void on_report_answered(const worker::Report& report);
  // `alone`: no other call about the run was under way meanwhile.
  void on_answered(Did what, size_t at, bool alone);
  void on_seen(size_t run, const control::RunChanges& seen);
  // An owner has died: what it had in its hands is lost.
  void on_death();
  // All is over.
  void at_end();

 private:
  void fail(size_t run, std::string what);
  void fail(const AttemptId& id, std::string what);
  void compare(size_t run, const run::RunState& before, const run::RunState& after);
  void compare_task(size_t run, TaskNo no, const run::RunState& before, const run::RunState& after);
  void check_stops();
  void left_worker(size_t run, TaskNo no, const run::Entry& before, const run::Entry& after);
  void check_row(size_t run);
  void check_history(size_t run, TaskNo no);

  // An attempt that is durably `cancelling`, and when its worker must have been told.
  struct OwedStop {
    AttemptId id;
    BootInstant due;
  };

  World& world_;
  std::vector<OwedStop> owed_;
};

}  // namespace tutti::sim
