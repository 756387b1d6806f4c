// SPDX-License-Identifier: Apache-2.0
#include "core/run/plan.h"

#include "base/check.h"

namespace tutti::run {
namespace {

PlanTask compile(const spec::Task& task) {
  return {.name = task.name,
          .rule = task.trigger_rule,
          .retry = task.retry,
          .timeout = task.timeout,
          .allow_failure = task.allow_failure,
          .has_when = task.when.has_value(),
          .branches = task.action.is_branch,
          .light = task.action.light,
          .idempotent = task.action.idempotent,
          .unknown_if_lost = task.action.unknown_if_lost};
}

}  // namespace

RunPlan::RunPlan(const spec::Workflow& workflow) : timeout_(workflow.timeout) {
  const size_t size = workflow.tasks.size();
  tasks_.reserve(size);
  need_starts_.reserve(size + 1);
  need_starts_.push_back(0);
  dependant_starts_.assign(size + 1, 0);
  for (const spec::Task& task : workflow.tasks) {
    tasks_.push_back(compile(task));
    for (const TaskNo need : task.needs) {
      CHECK(need.value < size);
      needs_.push_back(need);
      ++dependant_starts_[need.value + 1];
    }
    need_starts_.push_back(static_cast<uint32_t>(needs_.size()));
  }
  for (size_t i = 1; i <= size; ++i) {
    dependant_starts_[i] += dependant_starts_[i - 1];
  }
  dependants_.resize(needs_.size());
  std::vector<uint32_t> next(dependant_starts_.begin(), dependant_starts_.end());
  for (uint32_t i = 0; i < size; ++i) {
    for (const TaskNo need : needs({i})) {
      dependants_[next[need.value]++] = {i};
    }
  }
}

std::span<const TaskNo> RunPlan::needs(TaskNo no) const {
  return std::span(needs_).subspan(need_starts_[no.value],
                                   need_starts_[no.value + 1] - need_starts_[no.value]);
}

std::span<const TaskNo> RunPlan::dependants(TaskNo no) const {
  return std::span(dependants_)
      .subspan(dependant_starts_[no.value],
               dependant_starts_[no.value + 1] - dependant_starts_[no.value]);
}

std::optional<TaskNo> RunPlan::find(std::string_view name) const {
  for (uint32_t i = 0; i < tasks_.size(); ++i) {
    if (tasks_[i].name == name) {
      return TaskNo{i};
    }
  }
  return std::nullopt;
}

}  // namespace tutti::run
