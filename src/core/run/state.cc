// SPDX-License-Identifier: Apache-2.0
#include "core/run/state.h"

#include "core/run/machine.h"

namespace tutti::run {

RunState make_run(RunId id, std::shared_ptr<const RunPlan> plan, Instant created) {
  RunState state;
  state.id = id;
  state.created = created;
  state.tasks.resize(plan->size());
  state.plan = std::move(plan);
  rebuild(state);
  return state;
}

void count_need(NeedCounts& counts, const PlanTask& need, TaskState state) {
  switch (state) {
    case TaskState::success:
      ++counts.succeeded;
      break;
    case TaskState::failed:
      ++(need.allow_failure ? counts.succeeded : counts.failed);
      break;
    case TaskState::cancelled:
      ++counts.failed;
      break;
    case TaskState::upstream_failed:
      ++counts.upstream_failed;
      break;
    case TaskState::skipped:
    case TaskState::removed:
      ++counts.skipped;
      break;
    case TaskState::waiting:
    case TaskState::running:
    case TaskState::deferred:
    case TaskState::cancelling:
      break;
  }
}

void count_task(Counts& counts, const PlanTask& task, TaskState state, int by) {
  const auto add = [by](uint32_t& count) { count += static_cast<uint32_t>(by); };
  add(counts.tasks[static_cast<size_t>(state)]);
  if (state == TaskState::running || state == TaskState::cancelling) {
    add(task.light ? counts.light : counts.slots);
  }
  if ((state == TaskState::failed || state == TaskState::upstream_failed) && !task.allow_failure) {
    add(counts.bad);
  }
  if (state == TaskState::failed && task.allow_failure) {
    add(counts.allowed);
  }
}

void rebuild(RunState& state) {
  state.counts = {};
  for (uint32_t i = 0; i < state.tasks.size(); ++i) {
    Entry& entry = state.tasks[i];
    const auto needs = state.plan->needs({i});
    entry.needs = {.total = static_cast<uint32_t>(needs.size())};
    for (const TaskNo need : needs) {
      count_need(entry.needs, state.plan->task(need), state.task(need).state);
    }
    count_task(state.counts, state.plan->task({i}), entry.state, 1);
  }
}

namespace {

std::string_view contradiction_of(const RunState& state, TaskNo no) {
  const Entry& entry = state.task(no);
  const bool has_timer = entry.timer.armed();
  if (entry.holds_worker() && entry.attempt == 0) {
    return "a task is running without an attempt";
  }
  if (entry.evaluating && (entry.state != TaskState::waiting || !state.plan->task(no).has_when)) {
    return "a condition is asked for that is not waited for";
  }
  if (has_timer && entry.state != TaskState::running && entry.reason != Reason::timer) {
    return "a timer is armed that nothing waits for";
  }
  if (!has_timer && entry.state == TaskState::waiting && entry.reason == Reason::timer) {
    return "a task waits for a timer that is not armed";
  }
  if (state.phase == Phase::running && entry.is_blocked() &&
      decide(state.plan->task(no).rule, entry.needs) != Verdict::wait) {
    return "a task waits although its needs allow a decision";
  }
  if (state.phase == Phase::cancelling &&
      (entry.state == TaskState::waiting || entry.state == TaskState::running)) {
    return "a task goes on in a run that is being cancelled";
  }
  if (entry.tries > entry.attempt || entry.lost > lost_max ||
      (entry.holds_worker() && entry.tries == 0)) {
    return "attempts are miscounted";
  }
  return {};
}

}  // namespace

std::string_view contradiction(const RunState& state) {
  RunState fresh = state;
  rebuild(fresh);
  if (fresh.counts != state.counts) {
    return "the counts of states are wrong";
  }
  if (is_ended(state.phase) != (state.counts.open() == 0) && state.phase != Phase::queued) {
    return "the run ended too early or too late";
  }
  if (is_ended(state.phase) != state.ended.has_value()) {
    return "the run's end is not recorded with its phase";
  }
  for (uint32_t i = 0; i < state.tasks.size(); ++i) {
    if (fresh.tasks[i].needs != state.tasks[i].needs) {
      return "the counts of needs are wrong";
    }
    if (const std::string_view found = contradiction_of(state, {i}); !found.empty()) {
      return found;
    }
  }
  return {};
}

}  // namespace tutti::run
