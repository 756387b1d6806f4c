// SPDX-License-Identifier: Apache-2.0
#include "core/run/machine.h"

#include "base/check.h"

namespace tutti::run {

Entry* Machine::current(TaskNo no, AttemptNo attempt) {
  if (!exists(no)) {
    return nullptr;
  }
  Entry& it = entry(no);
  if (it.attempt != attempt || !it.holds_worker()) {
    return nullptr;
  }
  return &it;
}

void Machine::set(TaskNo no, TaskState to, Reason reason) {
  Entry& it = entry(no);
  const PlanTask& task = plan_.task(no);
  count_task(state_.counts, task, it.state, -1);
  count_task(state_.counts, task, to, 1);
  it.state = to;
  it.reason = reason;
  it.evaluating = false;
  it.timer = {};
  touch(no);
}

void Machine::make_ready(TaskNo no) {
  set(no, TaskState::waiting, Reason::queue);
  effects_.ready.push_back(no);
}

void Machine::act_on(TaskNo no, Verdict verdict) {
  switch (verdict) {
    case Verdict::wait:
      return;
    case Verdict::run:
      if (!plan_.task(no).has_when) {
        return make_ready(no);
      }
      entry(no).evaluating = true;
      touch(no);
      effects_.evaluate.push_back(no);
      return;
    case Verdict::skip:
      return end(no, TaskState::skipped, Reason::upstream, 0);
    case Verdict::upstream_failed:
      return end(no, TaskState::upstream_failed, Reason::none, 0);
  }
}

void Machine::note_attempt(TaskNo no, TaskState to, Reason reason) {
  Entry& it = entry(no);
  it.ended = at_;
  effects_.history.push_back({.task = no,
                              .attempt = it.attempt,
                              .state = to,
                              .reason = reason,
                              .started = it.started,
                              .ended = at_});
}

void Machine::end(TaskNo no, TaskState to, Reason reason, AttemptNo attempt) {
  Entry& it = entry(no);
  if (attempt > 0) {
    note_attempt(no, to, reason);
  } else {
    it.started = {};  // nothing ran to this end
    it.ended = at_;
    effects_.history.push_back(
        {.task = no, .state = to, .reason = reason, .started = at_, .ended = at_});
  }
  set(no, to, reason);
  ended_.push_back(no);
}

void Machine::fail_or_retry(TaskNo no, Reason reason, bool retryable,
                            std::optional<Duration> not_before) {
  Entry& it = entry(no);
  const spec::Retry& retry = plan_.task(no).retry;
  if (!retryable || it.tries >= retry.attempts) {
    return end(no, TaskState::failed, reason, it.attempt);
  }
  note_attempt(no, TaskState::failed, reason);
  Duration wait = retry_delay(retry, it.tries, {state_.id, no, it.attempt});
  if (not_before && *not_before > wait) {
    PROBE("the service asks to wait longer than the retry policy");
    wait = std::min(*not_before, days(1));
  }
  if (wait.us <= 0) {
    return make_ready(no);
  }
  set(no, TaskState::waiting, Reason::timer);
  it.timer = {.set_at = at_, .duration = wait};
  effects_.timers.push_back({TimerKind::next_try, no, it.attempt, it.timer});
}

void Machine::try_again_uncounted(TaskNo no) {
  --entry(no).tries;
  make_ready(no);
}

void Machine::end_as_unknown(TaskNo no) {
  note_attempt(no, TaskState::deferred, Reason::unknown_outcome);
  set(no, TaskState::deferred, Reason::unknown_outcome);
}

void Machine::count_in_dependants(TaskNo no) {
  const TaskState state = entry(no).state;
  for (const TaskNo dependant : plan_.dependants(no)) {
    Entry& it = entry(dependant);
    count_need(it.needs, plan_.task(no), state);
    if (state_.phase == Phase::running && it.is_blocked()) {
      act_on(dependant, decide(plan_.task(dependant).rule, it.needs));
    }
  }
}

void Machine::settle() {
  for (size_t i = 0; i < ended_.size(); ++i) {  // grows while it goes
    count_in_dependants(ended_[i]);
  }
  ended_.clear();
  if (state_.counts.open() == 0 &&
      (state_.phase == Phase::running || state_.phase == Phase::cancelling)) {
    end_run();
  }
}

void Machine::end_run() {
  if (state_.phase == Phase::cancelling) {
    state_.phase = state_.reason == Reason::timeout ? Phase::failed : Phase::cancelled;
  } else {
    state_.phase = state_.counts.bad > 0 ? Phase::failed : Phase::success;
  }
  state_.ended = at_;
  state_.timer = {};
  effects_.header_touched = true;
}

void apply(RunState& state, const Fact& fact, Effects& effects) {
  Machine machine(state, fact.at, effects);
  std::visit([&machine](const auto& what) { machine.on(what); }, fact.what);
  machine.settle();
}

Effects apply(RunState& state, const Fact& fact) {
  Effects effects;
  apply(state, fact, effects);
  return effects;
}

}  // namespace tutti::run
