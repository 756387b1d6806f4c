// SPDX-License-Identifier: Apache-2.0
// RunPlan: what never changes during a run, compiled from its workflow. Immutable and shared by all
// runs of a version; a stored run keeps the workflow, not this.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "core/spec/spec.h"

namespace tutti::run {

struct PlanTask {
  std::string name;
  spec::TriggerRule rule = spec::TriggerRule::all_success;
  spec::Retry retry;
  std::optional<Duration> timeout;  // of one attempt
  bool allow_failure = false;
  bool has_when = false;         // the condition is asked (Evaluate) before the first attempt
  bool branches = false;         // its success names the direct dependants that run
  bool light = false;            // takes no worker slot, has no time-out
  bool idempotent = false;       // an unknown outcome may be tried again
  bool unknown_if_lost = false;  // an attempt lost with its owner may have happened
};

class RunPlan {
 public:
  explicit RunPlan(const spec::Workflow& workflow);

  size_t size() const { return tasks_.size(); }
  const PlanTask& task(TaskNo no) const { return tasks_[no.value]; }
  std::span<const TaskNo> needs(TaskNo no) const;
  std::span<const TaskNo> dependants(TaskNo no) const;  // rising
  std::optional<Duration> timeout() const { return timeout_; }
  std::optional<TaskNo> find(std::string_view name) const;  // linear

 private:
  std::vector<PlanTask> tasks_;
  std::optional<Duration> timeout_;
  std::vector<uint32_t> need_starts_, dependant_starts_;
  std::vector<TaskNo> needs_, dependants_;
};

}  // namespace tutti::run
