// SPDX-License-Identifier: Apache-2.0
// The state machine of one run. Pure and total: no clock, no I/O, no randomness; a late, doubled or
// senseless fact changes nothing. The shell orders facts, commits what was touched, and only then
// carries the effects out.
#pragma once

#include <string>

#include "core/run/fact.h"
#include "core/run/state.h"

namespace tutti::run {

// Appends to `effects`. Costs the dependants of what it ends; Started, CancelRequested,
// RetryRequested, ClockJumped and a mark of an ended task cost the run.
void apply(RunState& state, const Fact& fact, Effects& effects);
Effects apply(RunState& state, const Fact& fact);

// What the world owes this state, to be carried out after loading it: conditions to ask, tasks that
// are ready, attempts to hand out (or to report Lost first), stops to ask for, timers to arm.
Effects pending(const RunState& state);

// Why a mark would be refused; empty when it is possible.
std::string mark_refused(const RunState& state, TaskNo task, TaskState to);

// The wait before the next attempt, after `tries` of them have failed. Jitter is derived from the
// identity, so that the same history always gives the same plan.
Duration retry_delay(const spec::Retry& retry, uint32_t tries, const AttemptId& failed);

// How much longer than the task's `timeout` the engine waits before it stops an attempt itself: the
// worker's own time-out comes first.
inline constexpr Duration timeout_margin = seconds(10);

}  // namespace tutti::run
