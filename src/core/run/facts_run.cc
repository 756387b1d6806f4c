// SPDX-License-Identifier: Apache-2.0
// Facts about a run as a whole, and its timers.
#include "base/check.h"
#include "core/run/machine.h"

namespace tutti::run {

void Machine::open_run() {
  state_.phase = Phase::running;
  ++state_.openings;
  effects_.header_touched = true;
  if (plan_.timeout() && plan_.timeout()->us > 0) {
    state_.timer = {.set_at = at_, .duration = *plan_.timeout()};
    effects_.timers.push_back({TimerKind::run_timeout, {}, state_.openings, state_.timer});
  }
}

void Machine::on(const Started&) {
  if (state_.phase != Phase::queued) {
    return;
  }
  state_.started = at_;
  open_run();
  for (uint32_t i = 0; i < state_.tasks.size(); ++i) {
    act_on({i}, decide(plan_.task({i}).rule, entry({i}).needs));
  }
}

void Machine::on(const CancelRequested& fact) {
  if (is_ended(state_.phase)) {
    PROBE("a run is cancelled after its end");
    return;
  }
  if (state_.phase == Phase::cancelling) {
    if (fact.now && !state_.cancel_now) {
      cancel_all(state_.reason, true);
    }
    return;
  }
  cancel_all(Reason::none, fact.now);
}

void Machine::cancel_all(Reason reason, bool now) {
  state_.phase = Phase::cancelling;
  state_.reason = reason;
  state_.cancel_now = now;
  state_.timer = {};
  effects_.header_touched = true;
  for (uint32_t i = 0; i < state_.tasks.size(); ++i) {
    const Entry& it = entry({i});
    if (it.state == TaskState::waiting) {
      end({i}, TaskState::cancelled, Reason::none, 0);
    } else if (it.holds_worker()) {
      set({i}, TaskState::cancelling, Reason::none);
      effects_.stop.push_back({{i}, it.attempt, now});
    }
  }
}

void Machine::on(const TimerFired& fact) {
  if (fact.kind == TimerKind::run_timeout) {
    if (state_.phase != Phase::running || fact.attempt != state_.openings ||
        !state_.timer.armed()) {
      PROBE("the time-out of a run fires after its end");
      return;
    }
    PROBE("a run is out of time");
    return cancel_all(Reason::timeout, false);
  }
  if (!exists(fact.task) || entry(fact.task).attempt != fact.attempt ||
      !entry(fact.task).timer.armed()) {
    PROBE("a timer fires that nobody waits for");
    return;
  }
  const Entry& it = entry(fact.task);
  if (fact.kind == TimerKind::next_try && it.state == TaskState::waiting) {
    make_ready(fact.task);
  } else if (fact.kind == TimerKind::attempt_timeout && it.state == TaskState::running) {
    PROBE("an attempt is out of time");
    set(fact.task, TaskState::cancelling, Reason::timeout);
    effects_.stop.push_back({fact.task, it.attempt, false});
  }
}

void Machine::on(const ClockJumped& fact) {
  if (state_.timer.armed()) {
    state_.timer.set_at = state_.timer.set_at + fact.by;
    effects_.header_touched = true;
  }
  for (uint32_t i = 0; i < state_.tasks.size(); ++i) {
    if (Timer& timer = entry({i}).timer; timer.armed()) {
      PROBE("the clock jumps while a timer runs");
      timer.set_at = timer.set_at + fact.by;
      touch({i});
    }
  }
}

Effects pending(const RunState& state) {
  Effects effects;
  if (state.phase == Phase::queued || is_ended(state.phase)) {
    return effects;
  }
  if (state.timer.armed()) {
    effects.timers.push_back({TimerKind::run_timeout, {}, state.openings, state.timer});
  }
  for (uint32_t i = 0; i < state.tasks.size(); ++i) {
    const Entry& it = state.tasks[i];
    if (it.evaluating) {
      effects.evaluate.push_back({i});
    } else if (it.is_ready()) {
      effects.ready.push_back({i});
    } else if (it.state == TaskState::running) {
      effects.launch.push_back({{i}, it.attempt});
    } else if (it.state == TaskState::cancelling) {
      effects.stop.push_back({{i}, it.attempt, state.cancel_now});
    }
    if (it.timer.armed()) {
      const auto kind =
          it.state == TaskState::running ? TimerKind::attempt_timeout : TimerKind::next_try;
      effects.timers.push_back({kind, {i}, it.attempt, it.timer});
    }
  }
  return effects;
}

}  // namespace tutti::run
