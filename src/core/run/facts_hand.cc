// SPDX-License-Identifier: Apache-2.0
// What people do to a run: retry what failed, mark how a task ended.
#include <fmt/format.h>

#include "base/check.h"
#include "core/run/machine.h"

namespace tutti::run {
namespace {

bool failed_for_good(const RunState& state, TaskNo no) {
  switch (state.task(no).state) {
    case TaskState::failed:
      return !state.plan->task(no).allow_failure;
    case TaskState::upstream_failed:
    case TaskState::cancelled:
      return true;
    default:
      return false;
  }
}

// Ended because of what an upstream task did, so it is open again when that task is.
bool follows_upstream(const Entry& entry) {
  return entry.state == TaskState::upstream_failed ||
         (entry.state == TaskState::skipped &&
          (entry.reason == Reason::upstream || entry.reason == Reason::condition));
}

}  // namespace

void Machine::reset_after(std::vector<bool>& reset) {
  std::vector<TaskNo> from;
  for (uint32_t i = 0; i < reset.size(); ++i) {
    if (reset[i]) {
      from.push_back({i});
    }
  }
  const std::vector<bool> after = downstream(from);
  for (uint32_t i = 0; i < reset.size(); ++i) {
    reset[i] = reset[i] || (after[i] && follows_upstream(entry({i})));
  }
}

void Machine::reopen(const std::vector<bool>& reset) {
  for (uint32_t i = 0; i < reset.size(); ++i) {
    if (reset[i]) {
      set({i}, TaskState::waiting, Reason::dependency);
      entry({i}).tries = 0;
      entry({i}).lost = 0;
    }
  }
  rebuild(state_);
  if (is_ended(state_.phase)) {
    state_.reason = Reason::none;
    state_.cancel_now = false;
    state_.ended.reset();
    open_run();
  }
  // What ends here without running tells its dependants in settle(), so each is counted once.
  for (uint32_t i = 0; i < reset.size(); ++i) {
    if (entry({i}).is_blocked()) {
      act_on({i}, decide(plan_.task({i}).rule, entry({i}).needs));
    }
  }
}

void Machine::on(const RetryRequested&) {
  if (state_.phase == Phase::queued || state_.phase == Phase::cancelling) {
    return;
  }
  std::vector<bool> reset(state_.tasks.size());
  bool any = false;
  for (uint32_t i = 0; i < reset.size(); ++i) {
    reset[i] = failed_for_good(state_, {i});
    any = any || reset[i];
  }
  if (!any) {
    return;
  }
  reset_after(reset);
  reopen(reset);
}

std::string mark_refused(const RunState& state, TaskNo task, TaskState to) {
  if (task.value >= state.tasks.size()) {
    return "the run has no such task";
  }
  if (to != TaskState::success && to != TaskState::failed && to != TaskState::skipped) {
    return "a task can be marked success, failed or skipped";
  }
  const Entry& entry = state.task(task);
  if (entry.holds_worker()) {
    return "the task is running; cancel the run first";
  }
  if (entry.state == TaskState::success) {
    return "the task has succeeded, which stays";
  }
  if (state.phase == Phase::queued) {
    return "the run has not started";
  }
  return {};
}

// It ended when its outcome became unknown, not when somebody said what that was.
void Machine::settle_unknown(TaskNo no, TaskState to) {
  const Entry& it = entry(no);
  effects_.history.push_back(
      {.task = no, .attempt = it.attempt, .state = to, .started = it.started, .ended = it.ended});
  set(no, to, Reason::none);
  ended_.push_back(no);
}

void Machine::on(const Marked& fact) {
  if (!mark_refused(state_, fact.task, fact.state).empty() ||
      entry(fact.task).state == fact.state) {
    PROBE("a mark is refused");
    return;
  }
  Entry& it = entry(fact.task);
  if (!is_ended(it.state)) {
    return it.state == TaskState::deferred ? settle_unknown(fact.task, fact.state)
                                           : end(fact.task, fact.state, Reason::none, 0);
  }
  end(fact.task, fact.state, Reason::none, 0);
  ended_.clear();  // its dependants had counted it: they count anew below
  std::vector<bool> reset(state_.tasks.size());
  const bool resumes = state_.phase == Phase::running || state_.phase == Phase::success ||
                       (state_.phase == Phase::failed && state_.reason == Reason::none);
  if (resumes) {
    reset[fact.task.value] = true;
    reset_after(reset);
    reset[fact.task.value] = false;
    reopen(reset);
  } else {
    PROBE("a task of a cancelled run is marked");
    rebuild(state_);
  }
}

}  // namespace tutti::run
