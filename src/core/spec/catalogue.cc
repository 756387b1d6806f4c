// SPDX-License-Identifier: Apache-2.0
#include "core/spec/catalogue.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tutti::spec {

namespace {

constexpr std::array<std::string_view, 24> kind_names = {
    "any",
    "string",
    "address",
    "table",
    "list",
    "map",
    "boolean",
    "integer",
    "number",
    "duration",
    "size",
    "expression",
    "sql",
    "connection of a database",
    "connection of type http",
    "URL",
    "file",
    "python function",
    "script",
    "list: program and arguments",
    "branch cases",
    "task",
    "file, or JSON Schema",
    "name of a secret",
};

constexpr std::array<std::string_view, 12> later_actions = {
    "cluster.create", "cluster.delete", "container", "cosmos.upsert", "dbt",           "notify",
    "publish",        "records",        "spark",     "wait.event",    "wait.workflow", "write",
};

template <class Items>
auto* find_named(Items& items, std::string_view name) {
  auto found = std::ranges::find_if(items, [&](const auto& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

constexpr std::string_view percentage = "N%";

// "sample:N%" is every text that has a part of 100 in place of N%.
bool is_percentage(std::string_view choice, std::string_view text) {
  choice.remove_suffix(percentage.size());
  if (!text.starts_with(choice) || !text.ends_with('%')) {
    return false;
  }
  const char* end = text.data() + text.size() - 1;
  double percent = 0;
  const auto parsed =
      std::from_chars(text.data() + choice.size(), end, percent, std::chars_format::fixed);
  return parsed.ptr == end && parsed.ec == std::errc() && percent > 0 && percent <= 100;
}

}  // namespace

bool is_choice(const ParamSchema& param, std::string_view text) {
  return std::ranges::any_of(param.choices, [text](const std::string& choice) {
    return choice.ends_with(percentage) ? is_percentage(choice, text) : choice == text;
  });
}

const ParamSchema* ParamSchema::find_member(std::string_view member) const {
  return find_named(members, member);
}

std::string_view param_kind_name(ParamKind kind) { return kind_names[static_cast<size_t>(kind)]; }

const ParamSchema* ActionSchema::find_param(std::string_view param) const {
  return find_named(params, param);
}

const OutputSchema* ActionSchema::find_output(std::string_view output) const {
  return find_named(outputs, output);
}

bool is_later_action(std::string_view name) {
  return std::ranges::find(later_actions, name) != later_actions.end();
}

const ActionSchema* Catalogue::find(std::string_view name) const {
  return find_named(actions, name);
}

}  // namespace tutti::spec
