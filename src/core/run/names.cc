// SPDX-License-Identifier: Apache-2.0
#include "core/run/state.h"

namespace tutti::run {
namespace {

constexpr std::array<std::string_view, task_state_count> task_states{
    "waiting", "running",         "deferred", "cancelling", "success",
    "failed",  "upstream_failed", "skipped",  "cancelled",  "removed"};

constexpr std::array<std::string_view, reason_count> reasons{
    "",       "dependency",     "timer",   "pool",     "queue",     "no_worker",       "rate",
    "budget", "policy",         "health",  "approval", "job",       "unknown_outcome", "code",
    "data",   "infrastructure", "timeout", "branch",   "condition", "upstream"};

constexpr std::array<std::string_view, phase_count> phases{
    "queued", "running", "paused", "cancelling", "success", "failed", "cancelled"};

template <class Enum, size_t count>
std::optional<Enum> find_name(const std::array<std::string_view, count>& names,
                              std::string_view name) {
  for (size_t i = 0; i < count; ++i) {
    if (names[i] == name) {
      return static_cast<Enum>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view task_state_name(TaskState state) {
  return task_states[static_cast<size_t>(state)];
}
std::string_view reason_name(Reason reason) { return reasons[static_cast<size_t>(reason)]; }
std::string_view phase_name(Phase phase) { return phases[static_cast<size_t>(phase)]; }

std::optional<TaskState> task_state_from_name(std::string_view name) {
  return find_name<TaskState>(task_states, name);
}
std::optional<Reason> reason_from_name(std::string_view name) {
  return find_name<Reason>(reasons, name);
}

}  // namespace tutti::run
