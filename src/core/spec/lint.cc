// SPDX-License-Identifier: Apache-2.0
// What runs but surprises.
#include <fmt/format.h>

#include <algorithm>

#include "core/spec/check.h"

namespace tutti::spec {

namespace {

// Where a task's place is reported: the key `name` of it, else its own name.
const YamlNode& key_or_name(const Check& check, TaskNo task, std::string_view name) {
  const YamlMember* member = check.task_node(task).find(name);
  return member != nullptr ? member->key : check.task_name(task);
}

// Does a task run, when nothing fails and `skipped` of its `total` needs are skipped? Rules that
// wait for a failure are taken as running: they are meant for other days.
bool runs(TriggerRule rule, size_t skipped, size_t total) {
  const bool some_success = skipped < total || total == 0;
  switch (rule) {
    case TriggerRule::all_success:
    case TriggerRule::none_skipped:
      return skipped == 0;
    case TriggerRule::one_success:
    case TriggerRule::one_done:
    case TriggerRule::none_failed_min_one_success:
    case TriggerRule::all_done_min_one_success:
      return some_success;
    case TriggerRule::all_skipped:
      return skipped == total;
    default:
      return true;
  }
}

using Choices = std::vector<std::vector<TaskNo>>;

// The tasks of each case of a branch, and of `else`.
Choices choices_of(const Check& check, const YamlNode& with) {
  Choices choices;
  const auto add = [&](const YamlNode* to) {
    std::vector<TaskNo> tasks;
    for (const YamlNode* name : one_or_list(to)) {
      if (const auto task = check.find_task(name->text); task.has_value()) {
        tasks.push_back(*task);
      }
    }
    if (!tasks.empty()) {
      choices.push_back(std::move(tasks));
    }
  };
  if (const YamlNode* cases = with.get("cases"); cases != nullptr) {
    for (const YamlNode& one : cases->items) {
      add(one.get("to"));
    }
  }
  add(with.get("else"));
  return choices;
}

// For every task whether the branch, choosing `chosen`, leads to it being skipped.
std::vector<bool> skipped_by(const Check& check, const std::vector<graph::Node>& order,
                             TaskNo branch, const std::vector<TaskNo>& chosen) {
  std::vector<bool> skipped(check.workflow.tasks.size());
  for (graph::Node node : order) {
    const Task& task = check.workflow.tasks[node];
    const bool direct = std::ranges::find(task.needs, branch) != task.needs.end();
    if (direct && std::ranges::find(chosen, TaskNo{node}) == chosen.end()) {
      skipped[node] = true;
      continue;
    }
    const auto skipped_needs = static_cast<size_t>(
        std::ranges::count_if(task.needs, [&](TaskNo need) { return skipped[need.value]; }));
    skipped[node] = skipped_needs > 0 && !runs(task.trigger_rule, skipped_needs, task.needs.size());
  }
  return skipped;
}

void lint_branch(Check& check, TaskNo branch, const Choices& choices) {
  const std::vector<graph::Node> below = check.graph.all_downstream(branch.value);
  const std::vector<uint32_t>& ranks = check.ranks();
  if (ranks.empty() || choices.empty()) {
    return;
  }
  std::vector<graph::Node> order = below;
  std::ranges::sort(order, {}, [&](graph::Node node) { return ranks[node]; });
  std::vector<bool> always(check.workflow.tasks.size(), true);
  for (const auto& chosen : choices) {
    const auto skipped = skipped_by(check, order, branch, chosen);
    for (graph::Node node : order) {
      always[node] = always[node] && skipped[node];
    }
  }
  const std::string& name = check.workflow.task(branch).name;
  for (graph::Node node : order) {
    const Task& task = check.workflow.tasks[node];
    const bool direct = std::ranges::find(task.needs, branch) != task.needs.end();
    const bool follows = std::ranges::any_of(task.needs, [&](TaskNo need) {
      return need != branch && always[need.value] && std::ranges::binary_search(below, need.value);
    });
    if (!always[node] || follows) {
      continue;
    }
    if (direct) {
      check.reporter.warning("branch_never_chosen", check.task_name(TaskNo{node}),
                             fmt::format("the branch '{}' never chooses '{}'", name, task.name),
                             fmt::format("name it in a case or in 'else' of '{}'", name));
    } else {
      check.reporter.warning(
          "join_always_skipped", check.task_name(TaskNo{node}),
          fmt::format("'{}' joins the ways of the branch '{}', one of which is always skipped, so "
                      "it is always skipped under {}",
                      task.name, name, trigger_rule_name(task.trigger_rule)),
          "add 'trigger_rule: none_failed_min_one_success'");
    }
  }
}

void lint_branches(Check& check) {
  for (uint32_t n = 0; n < check.workflow.tasks.size(); ++n) {
    const YamlNode* with = check.task_node(TaskNo{n}).get("with");
    if (check.workflow.tasks[n].action.is_branch && with != nullptr) {
      lint_branch(check, TaskNo{n}, choices_of(check, *with));
    }
  }
}

// A retry setting that can have no effect; `node` is the `retry` of a task.
void lint_retry(Check& check, TaskNo no) {
  const Task& task = check.workflow.task(no);
  const YamlNode* retry = check.task_node(no).get("retry");
  if (task.retry.attempts > 1 && task.action.unknown_if_lost) {
    const ActionSchema* schema = check.catalogue.find(task.uses);
    check.reporter.warning("retry_without_key", key_or_name(check, no, "retry"),
                           fmt::format("'{}' is tried up to {} times, and each try may write again",
                                       task.name, task.retry.attempts),
                           fmt::format("add '{}', or set 'retry: {{attempts: 1}}'",
                                       schema == nullptr ? "idempotency_key" : schema->key_param));
  }
  if (retry == nullptr || !retry->is_map()) {
    return;
  }
  if (task.retry.attempts == 1 && retry->members.size() > (retry->find("attempts") ? 1U : 0U)) {
    check.reporter.warning(
        "retry_without_attempts", key_or_name(check, no, "retry"),
        fmt::format("'{}' is tried once, so the rest of 'retry' has no effect", task.name),
        "add 'attempts: 2' or more, or remove it");
  }
  if (retry->find("max_delay") != nullptr && task.retry.max_delay < task.retry.delay) {
    check.reporter.warning("retry_delay_capped", retry->find("max_delay")->key,
                           fmt::format("every wait of '{}' is cut to max_delay, {}", task.name,
                                       to_text(task.retry.max_delay)),
                           "make max_delay longer than delay");
  }
}

void lint_timeout(Check& check, TaskNo no) {
  const Task& task = check.workflow.task(no);
  const YamlMember* timeout = check.task_node(no).find("timeout");
  if (timeout != nullptr && task.timeout.has_value() && check.workflow.timeout.has_value() &&
      *task.timeout > *check.workflow.timeout) {
    check.reporter.warning("timeout_never_reached", timeout->key,
                           fmt::format("the run ends after {}, before this timeout of {}",
                                       to_text(*check.workflow.timeout), to_text(*task.timeout)),
                           "make it shorter, or the workflow's longer");
  }
}

void lint_rule(Check& check, TaskNo no) {
  const Task& task = check.workflow.task(no);
  const YamlMember* rule = check.task_node(no).find("trigger_rule");
  if (rule != nullptr && one_or_list(check.task_node(no).get("needs")).empty()) {
    check.reporter.warning(
        "rule_without_needs", rule->key,
        fmt::format("'{}' needs nothing, so its trigger rule has no effect", task.name),
        "remove it, or add 'needs'");
  }
}

void lint_outputs(Check& check, TaskNo no) {
  const Task& task = check.workflow.task(no);
  const ActionSchema* schema = check.catalogue.find(task.uses);
  if (schema != nullptr && schema->only_outputs && !check.used.all_tasks &&
      !check.used.tasks.contains(task.name)) {
    check.reporter.warning("unused_output", check.task_name(no),
                           fmt::format("nothing reads the outputs of '{}'", task.name),
                           fmt::format("read tasks.{}.outputs, or remove the task", task.name));
  }
}

void lint_params(Check& check) {
  if (check.used.all_params) {
    return;
  }
  const YamlNode* params = check.document.root.get("params");
  for (const Param& param : check.workflow.params) {
    if (!check.used.params.contains(param.name)) {
      check.reporter.warning("unused_param", params->find(param.name)->key,
                             fmt::format("nothing reads the parameter '{}'", param.name),
                             fmt::format("read params.{}, or remove it", param.name));
    }
  }
}

}  // namespace

void lint(Check& check) {
  for (uint32_t n = 0; n < check.workflow.tasks.size(); ++n) {
    lint_retry(check, TaskNo{n});
    lint_timeout(check, TaskNo{n});
    lint_rule(check, TaskNo{n});
    lint_outputs(check, TaskNo{n});
  }
  lint_branches(check);
  lint_params(check);
}

}  // namespace tutti::spec
