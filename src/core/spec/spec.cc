// SPDX-License-Identifier: Apache-2.0
#include "core/spec/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace tutti::spec {

namespace {

constexpr std::array<std::string_view, trigger_rule_count> rule_names = {
    "all_success",  "all_failed",
    "all_done",     "all_done_min_one_success",
    "all_skipped",  "one_success",
    "one_failed",   "one_done",
    "none_failed",  "none_failed_min_one_success",
    "none_skipped", "always",
};

constexpr std::array<std::string_view, 10> type_names = {
    "string", "integer", "number", "boolean", "date", "datetime", "duration", "uri", "list", "map",
};

template <class Items>
auto* find_named(Items& items, std::string_view name) {
  auto found = std::ranges::find_if(items, [&](const auto& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

std::string to_text(std::string_view file, Mark mark) {
  if (mark.line == 0) {
    return std::string(file);
  }
  return fmt::format("{}:{}:{}", file, mark.line, mark.column);
}

std::string_view trigger_rule_name(TriggerRule rule) {
  return rule_names[static_cast<size_t>(rule)];
}

std::optional<TriggerRule> trigger_rule_from_name(std::string_view name) {
  const auto found = std::ranges::find(rule_names, name);
  if (found == rule_names.end()) {
    return std::nullopt;
  }
  return static_cast<TriggerRule>(found - rule_names.begin());
}

std::string_view param_type_name(ParamType type) { return type_names[static_cast<size_t>(type)]; }

std::optional<ParamType> param_type_from_name(std::string_view name) {
  const auto found = std::ranges::find(type_names, name);
  if (found == type_names.end()) {
    return std::nullopt;
  }
  return static_cast<ParamType>(found - type_names.begin());
}

std::optional<TaskNo> Workflow::find_task(std::string_view task_name) const {
  const Task* found = find_named(tasks, task_name);
  if (found == nullptr) {
    return std::nullopt;
  }
  return TaskNo{static_cast<uint32_t>(found - tasks.data())};
}

const Param* Workflow::find_param(std::string_view param_name) const {
  return find_named(params, param_name);
}

const Connection* Profile::find(std::string_view connection_name) const {
  return find_named(connections, connection_name);
}

const Profile* Project::find_profile(std::string_view profile_name) const {
  return find_named(profiles, profile_name);
}

const SecretSource* Project::find_secret(std::string_view secret_name) const {
  return find_named(secrets, secret_name);
}

}  // namespace tutti::spec
