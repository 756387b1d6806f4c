// SPDX-License-Identifier: Apache-2.0
// Machine: one application of one fact. Private to this folder.
#pragma once

#include <vector>

#include "core/run/run.h"

namespace tutti::run {

class Machine {
 public:
  Machine(RunState& state, Instant at, Effects& effects)
      : state_(state), plan_(*state.plan), at_(at), effects_(effects) {}

  // The run (facts_run.cc)
  void on(const Started&);
  void on(const CancelRequested&);
  void on(const ClockJumped&);
  void on(const TimerFired&);
  // Attempts (facts_task.cc)
  void on(const Evaluated&);
  void on(const Admitted&);
  void on(const Succeeded&);
  void on(const Failed&);
  void on(const Stopped&);
  void on(const Unknown&);
  void on(const Lost&);
  // By hand (facts_hand.cc)
  void on(const RetryRequested&);
  void on(const Marked&);

  // Lets what ended settle: dependants decide, and the run ends when nothing is open.
  void settle();

 private:
  Entry& entry(TaskNo no) { return state_.tasks[no.value]; }
  bool exists(TaskNo no) const { return no.value < state_.tasks.size(); }
  // The entry whose current attempt this is, while a worker has it; else null.
  Entry* current(TaskNo no, AttemptNo attempt);
  void touch(TaskNo no) { effects_.touched.push_back(no); }

  void set(TaskNo no, TaskState to, Reason reason);
  void make_ready(TaskNo no);
  void act_on(TaskNo no, Verdict verdict);
  // The task is over. `attempt` 0: without an attempt, or by hand.
  void end(TaskNo no, TaskState to, Reason reason, AttemptNo attempt);
  void note_attempt(TaskNo no, TaskState to, Reason reason);
  void fail_or_retry(TaskNo no, Reason reason, bool retryable, std::optional<Duration> not_before);
  void try_again_uncounted(TaskNo no);
  void end_as_unknown(TaskNo no);
  void settle_unknown(TaskNo no, TaskState to);
  void skip_unchosen(TaskNo branch, const std::vector<TaskNo>& chosen);
  std::vector<bool> downstream(const std::vector<TaskNo>& from) const;
  void cancel_all(Reason reason, bool now);
  void open_run();
  void count_in_dependants(TaskNo no);
  void end_run();
  // Adds to the tasks in `reset` those downstream that ended because of what happened upstream.
  void reset_after(std::vector<bool>& reset);
  void reopen(const std::vector<bool>& reset);

  RunState& state_;
  const RunPlan& plan_;
  Instant at_;
  Effects& effects_;
  std::vector<TaskNo> ended_;  // their dependants have not been told yet
};

// Which state counts where, for a need that ended.
void count_need(NeedCounts& counts, const PlanTask& need, TaskState state);
// Adds (by 1) or takes away (by -1) the task from the run's counts.
void count_task(Counts& counts, const PlanTask& task, TaskState state, int by);

}  // namespace tutti::run
