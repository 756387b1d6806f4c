// SPDX-License-Identifier: Apache-2.0
// Facts about single tasks and their attempts.
#include <algorithm>

#include "base/check.h"
#include "core/run/machine.h"

namespace tutti::run {

void Machine::on(const Evaluated& fact) {
  if (!exists(fact.task) || !entry(fact.task).evaluating) {
    return;
  }
  switch (fact.when) {
    case When::yes:
      return make_ready(fact.task);
    case When::no:
      return end(fact.task, TaskState::skipped, Reason::condition, 0);
    case When::error:
      return end(fact.task, TaskState::failed, Reason::code, 0);
  }
}

void Machine::on(const Admitted& fact) {
  if (!exists(fact.task) || !entry(fact.task).is_ready() || state_.phase != Phase::running) {
    PROBE("a task is admitted that is not ready");
    return;
  }
  const PlanTask& task = plan_.task(fact.task);
  set(fact.task, TaskState::running, Reason::none);
  Entry& it = entry(fact.task);
  ++it.attempt;
  ++it.tries;
  it.started = at_;
  it.ended = {};
  effects_.launch.push_back({fact.task, it.attempt});
  if (task.timeout && !task.light) {
    it.timer = {.set_at = at_, .duration = *task.timeout + timeout_margin};
    effects_.timers.push_back({TimerKind::attempt_timeout, fact.task, it.attempt, it.timer});
  }
}

void Machine::on(const Succeeded& fact) {
  const Entry* it = current(fact.task, fact.attempt);
  if (it == nullptr) {
    return;
  }
  if (it->state == TaskState::cancelling) {
    PROBE("an attempt succeeds while it is being stopped");
  }
  end(fact.task, TaskState::success, Reason::none, it->attempt);
  if (plan_.task(fact.task).branches && state_.phase == Phase::running) {
    skip_unchosen(fact.task, fact.chosen);
  }
}

// As Airflow: a direct dependant that was not chosen is skipped at once, unless it is also
// downstream of a chosen one.
void Machine::skip_unchosen(TaskNo branch, const std::vector<TaskNo>& chosen) {
  const auto open = [this, &chosen](TaskNo no) {
    return entry(no).is_blocked() && std::ranges::find(chosen, no) == chosen.end();
  };
  bool joins = false;  // only a task with other needs can be downstream of a chosen one as well
  for (const TaskNo dependant : plan_.dependants(branch)) {
    joins = joins || (open(dependant) && entry(dependant).needs.total > 1);
  }
  const std::vector<bool> keep =
      joins ? downstream(chosen) : std::vector<bool>(state_.tasks.size());
  for (const TaskNo dependant : plan_.dependants(branch)) {
    if (open(dependant) && !keep[dependant.value]) {
      end(dependant, TaskState::skipped, Reason::branch, 0);
    }
  }
}

// Every task reached from these, themselves included.
std::vector<bool> Machine::downstream(const std::vector<TaskNo>& from) const {
  std::vector<bool> seen(state_.tasks.size());
  std::vector<TaskNo> reached;
  const auto reach = [&](TaskNo no) {
    if (exists(no) && !seen[no.value]) {
      seen[no.value] = true;
      reached.push_back(no);
    }
  };
  std::ranges::for_each(from, reach);
  for (size_t i = 0; i < reached.size(); ++i) {
    std::ranges::for_each(plan_.dependants(reached[i]), reach);
  }
  return seen;
}

void Machine::on(const Failed& fact) {
  const Entry* it = current(fact.task, fact.attempt);
  if (it == nullptr) {
    return;
  }
  if (state_.phase != Phase::running) {
    PROBE("an attempt fails by itself while its run is being cancelled");
    return end(fact.task, TaskState::failed, fact.reason, it->attempt);
  }
  fail_or_retry(fact.task, fact.reason, fact.retryable, fact.retry_after);
}

void Machine::on(const Stopped& fact) {
  const Entry* it = current(fact.task, fact.attempt);
  if (it == nullptr) {
    return;
  }
  if (it->state == TaskState::running) {
    PROBE("an attempt ends with its worker");
    note_attempt(fact.task, TaskState::cancelled, Reason::infrastructure);
    return try_again_uncounted(fact.task);
  }
  if (it->reason == Reason::timeout) {
    return fail_or_retry(fact.task, Reason::timeout, true, std::nullopt);
  }
  end(fact.task, TaskState::cancelled, Reason::none, it->attempt);
}

void Machine::on(const Unknown& fact) {
  const Entry* it = current(fact.task, fact.attempt);
  if (it == nullptr) {
    return;
  }
  if (!plan_.task(fact.task).idempotent) {
    return end_as_unknown(fact.task);
  }
  if (state_.phase != Phase::running) {
    PROBE("the outcome of an idempotent attempt is unknown while its run is being cancelled");
    return end(fact.task, TaskState::cancelled, Reason::none, it->attempt);
  }
  fail_or_retry(fact.task, Reason::infrastructure, true, std::nullopt);
}

void Machine::on(const Lost& fact) {
  Entry* it = current(fact.task, fact.attempt);
  if (it == nullptr) {
    return;
  }
  if (plan_.task(fact.task).unknown_if_lost) {
    PROBE("a write that may have happened is lost");
    return end_as_unknown(fact.task);
  }
  if (state_.phase != Phase::running) {
    PROBE("an attempt is lost while its run is being cancelled");
    return end(fact.task, TaskState::cancelled, Reason::infrastructure, it->attempt);
  }
  if (it->state == TaskState::cancelling) {
    PROBE("an attempt is lost after its time was up");
    return fail_or_retry(fact.task, Reason::timeout, true, std::nullopt);
  }
  if (it->lost >= lost_max) {
    PROBE("an attempt is lost once too often");
    return end(fact.task, TaskState::failed, Reason::infrastructure, it->attempt);
  }
  ++it->lost;
  note_attempt(fact.task, TaskState::failed, Reason::infrastructure);
  try_again_uncounted(fact.task);
}

}  // namespace tutti::run
