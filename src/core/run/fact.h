// SPDX-License-Identifier: Apache-2.0
// Facts: what has happened. Effects: what is to be done once the change is durable.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "core/run/state.h"

namespace tutti::run {

struct Started {};

enum class When : uint8_t { yes, no, error };
// Answers Evaluate.
struct Evaluated {
  TaskNo task;
  When when = When::yes;
};
// A ready task was given a worker (slot); answers Effects::ready.
struct Admitted {
  TaskNo task;
};

// How an attempt ended. One that is not the current attempt of its task changes nothing.
struct Succeeded {
  TaskNo task;
  AttemptNo attempt = 0;
  std::vector<TaskNo> chosen = {};  // of a branch: direct dependants
};
struct Failed {
  TaskNo task;
  AttemptNo attempt = 0;
  Reason reason = Reason::code;
  bool retryable = true;
  std::optional<Duration> retry_after = std::nullopt;
};
// It ended because it was asked to (or because its worker was).
struct Stopped {
  TaskNo task;
  AttemptNo attempt = 0;
};
// It may have happened.
struct Unknown {
  TaskNo task;
  AttemptNo attempt = 0;
};
// Its owner died, and it is proven to be dead too.
struct Lost {
  TaskNo task;
  AttemptNo attempt = 0;
};

enum class TimerKind : uint8_t { next_try, attempt_timeout, run_timeout };
struct TimerFired {
  TimerKind kind = TimerKind::next_try;
  TaskNo task;
  AttemptNo attempt = 0;  // of a run's time-out: RunState::openings
};

struct CancelRequested {
  bool now = false;  // no grace for what runs
};
// Failed, upstream_failed and cancelled tasks, and what was skipped after them, wait again.
struct RetryRequested {};
// A person says how a task ended: success, failed or skipped.
struct Marked {
  TaskNo task;
  TaskState state = TaskState::success;
};
// Wall time moved by this much against boot time.
struct ClockJumped {
  Duration by;
};

struct Fact {
  Instant at;  // shard time: never goes back
  std::variant<Started, Evaluated, Admitted, Succeeded, Failed, Stopped, Unknown, Lost, TimerFired,
               CancelRequested, RetryRequested, Marked, ClockJumped>
      what;
};

// ---- effects

struct Launch {
  TaskNo task;
  AttemptNo attempt = 0;
  bool operator==(const Launch&) const = default;
};
struct Stop {
  TaskNo task;
  AttemptNo attempt = 0;
  bool now = false;
  bool operator==(const Stop&) const = default;
};
struct Arm {
  TimerKind kind = TimerKind::next_try;
  TaskNo task;
  AttemptNo attempt = 0;
  Timer timer;
  bool operator==(const Arm&) const = default;
};
// For the history: how an attempt ended, or a task without one (attempt 0).
struct AttemptEnd {
  TaskNo task;
  AttemptNo attempt = 0;
  TaskState state = TaskState::success;
  Reason reason = Reason::none;
  Instant started;
  Instant ended;
  bool operator==(const AttemptEnd&) const = default;
};

struct Effects {
  std::vector<TaskNo> evaluate;     // ask their conditions: fact Evaluated
  std::vector<TaskNo> ready;        // may be given a worker: fact Admitted
  std::vector<Launch> launch;       // hand to the worker; twice is once
  std::vector<Stop> stop;           // ask the worker to end it
  std::vector<Arm> timers;          // fact TimerFired
  std::vector<AttemptEnd> history;  // rows
  std::vector<TaskNo> touched;      // entries that changed; one may stand here twice
  bool header_touched = false;      // what is stored of the run itself changed
  bool changed() const { return header_touched || !touched.empty(); }
};

}  // namespace tutti::run
