// SPDX-License-Identifier: Apache-2.0
// RunState: all that is known of one run, small enough to keep a million tasks of. A value; changed
// by apply() (run.h) only.
//
// What is derived (counts of needs, of states, of slots) is not stored: rebuild() makes it anew.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "core/run/plan.h"
#include "core/run/rules.h"

namespace tutti::run {

// Numbers are stored: never change one.
enum class TaskState : uint8_t {
  waiting = 0,
  running = 1,
  deferred = 2,    // holds no worker: today only an unknown outcome
  cancelling = 3,  // was asked to stop (reason timeout: because its time was up), has not ended
  success = 4,
  failed = 5,
  upstream_failed = 6,
  skipped = 7,
  cancelled = 8,
  removed = 9,
};
inline constexpr size_t task_state_count = 10;

enum class Reason : uint8_t {
  none = 0,
  // waiting
  dependency = 1,  // for its needs, or for the answer of its condition
  timer = 2,       // for its next try
  pool = 3,
  queue = 4,  // for a worker slot
  no_worker = 5,
  rate = 6,
  budget = 7,
  policy = 8,  // also failed
  health = 9,
  approval = 10,
  // deferred
  job = 11,
  unknown_outcome = 12,
  // failed
  code = 13,
  data = 14,
  infrastructure = 15,
  timeout = 16,  // also cancelling, and of a run
  // skipped
  branch = 17,
  condition = 18,
  upstream = 19,
};
inline constexpr size_t reason_count = 20;

enum class Phase : uint8_t {
  queued = 0,
  running = 1,
  paused = 2,
  cancelling = 3,
  success = 4,
  failed = 5,
  cancelled = 6,
};
inline constexpr size_t phase_count = 7;

std::string_view task_state_name(TaskState state);
std::string_view reason_name(Reason reason);  // "" for none
std::string_view phase_name(Phase phase);
std::optional<TaskState> task_state_from_name(std::string_view name);
std::optional<Reason> reason_from_name(std::string_view name);  // "" is none

constexpr bool is_ended(TaskState state) { return state >= TaskState::success; }
constexpr bool is_ended(Phase phase) { return phase >= Phase::success; }

// Armed while `duration` is not zero. The shell runs it on boot time; it is stored so that what is
// left can be computed after a restart.
struct Timer {
  Instant set_at;
  Duration duration;
  bool armed() const { return duration.us > 0; }
  bool operator==(const Timer&) const = default;
};

inline constexpr uint8_t lost_max = 5;

struct Entry {
  TaskState state = TaskState::waiting;
  Reason reason = Reason::dependency;
  bool evaluating = false;  // its condition was asked for (waiting, dependency)
  uint8_t lost = 0;         // attempts lost with their owner since the last retry by hand
  AttemptNo attempt = 0;    // the newest; only ever rises
  uint32_t tries = 0;       // attempts that count against retry.attempts
  Instant started;          // of the newest attempt; not set when the task ended without one
  Instant ended;            // of the newest attempt, or of the task
  Timer timer;              // waiting, timer: the next try. running: its time-out
  NeedCounts needs;         // derived

  bool is_blocked() const {
    return state == TaskState::waiting && reason == Reason::dependency && !evaluating;
  }
  bool is_ready() const { return state == TaskState::waiting && reason == Reason::queue; }
  bool holds_worker() const {
    return state == TaskState::running || state == TaskState::cancelling;
  }
};

struct Counts {
  std::array<uint32_t, task_state_count> tasks{};  // by state
  uint32_t bad = 0;                                // failed or upstream_failed, and not allowed to
  uint32_t allowed = 0;                            // failed, and allowed to
  uint32_t slots = 0;                              // worker slots held
  uint32_t light = 0;                              // light attempts under way
  uint32_t of(TaskState state) const { return tasks[static_cast<size_t>(state)]; }
  uint32_t open() const {
    return of(TaskState::waiting) + of(TaskState::running) + of(TaskState::deferred) +
           of(TaskState::cancelling);
  }
  bool operator==(const Counts&) const = default;
};

struct RunState {
  RunId id;
  std::shared_ptr<const RunPlan> plan;
  Phase phase = Phase::queued;
  Reason reason = Reason::none;  // timeout
  bool cancel_now = false;       // the cancel in force gives no grace
  Instant created;
  std::optional<Instant> started;
  std::optional<Instant> ended;
  Timer timer;            // the run's time-out
  uint32_t openings = 0;  // how often it began or was opened again; fences its time-out
  std::vector<Entry> tasks;
  Counts counts;  // derived

  const Entry& task(TaskNo no) const { return tasks[no.value]; }
  bool needs_attention() const { return counts.of(TaskState::deferred) > 0; }
};

RunState make_run(RunId id, std::shared_ptr<const RunPlan> plan, Instant created);

// Makes everything derived from the rest: after loading. Linear in tasks and edges.
void rebuild(RunState& state);

// Empty, or what contradicts itself in the state: for the simulator, tests and doctor. Linear.
std::string_view contradiction(const RunState& state);

}  // namespace tutti::run
