// SPDX-License-Identifier: Apache-2.0
#include "core/spec/build.h"

#include <algorithm>
#include <cmath>

#include "base/ids.h"
#include "core/spec/structure.h"

namespace tutti::spec {

namespace {

std::string text_of(const YamlNode* node) {
  return node != nullptr && node->is_scalar() ? node->text : std::string();
}

bool flag_of(const YamlNode* node, bool fallback) {
  return node != nullptr && node->kind == Kind::boolean ? to_value(*node).as_bool() : fallback;
}

std::optional<Duration> duration_of(const YamlNode* node) {
  if (node == nullptr || !node->is_string()) {
    return std::nullopt;
  }
  const auto parsed = parse_duration(node->text);
  return parsed.has_value() ? std::optional(*parsed) : std::nullopt;
}

// A number times `scale`, kept inside [min, max].
uint32_t number_of(const YamlNode* node, double scale, uint32_t min, uint32_t max,
                   uint32_t fallback) {
  if (node == nullptr || (node->kind != Kind::integer && node->kind != Kind::real)) {
    return fallback;
  }
  const Value value = to_value(*node);
  const double scaled = value.is_number() ? std::round(value.as_real() * scale) : NAN;
  if (!(scaled >= min && scaled <= max)) {
    return fallback;
  }
  return static_cast<uint32_t>(scaled);
}

void apply_retry(Retry& retry, const YamlNode* node) {
  if (node == nullptr || !node->is_map()) {
    return;
  }
  retry.attempts = number_of(node->get("attempts"), 1, 1, 1000, retry.attempts);
  retry.delay = duration_of(node->get("delay")).value_or(retry.delay);
  retry.backoff_milli = number_of(node->get("backoff"), 1000, 1000, 100'000, retry.backoff_milli);
  retry.max_delay = duration_of(node->get("max_delay")).value_or(retry.max_delay);
  retry.jitter_permille = number_of(node->get("jitter"), 1000, 0, 1000, retry.jitter_permille);
}

void apply_tags(std::map<std::string, std::string>& tags, const YamlNode* node) {
  if (node == nullptr || !node->is_map()) {
    return;
  }
  for (const YamlMember& member : node->members) {
    if (member.value.is_scalar()) {
      tags[member.key.text] = member.value.text;
    }
  }
}

// The scalars of a map, as text.
Value texts_of(const YamlNode* node) {
  ValueMap texts;
  if (node != nullptr && node->is_map()) {
    for (const YamlMember& member : node->members) {
      if (member.value.is_scalar()) {
        texts.set(member.key.text, member.value.text);
      }
    }
  }
  return texts;
}

Param build_param(const YamlText& text, const YamlMember& member) {
  Param param{.name = member.key.text, .mark = text.mark_of(member.key)};
  const YamlNode& node = member.value;
  param.type = param_type_from_name(text_of(node.get("type"))).value_or(ParamType::string);
  if (const YamlNode* value = node.get("default"); value != nullptr) {
    param.default_value = to_value(*value);
    param.default_mark = text.mark_of(*value);
  }
  param.description = text_of(node.get("description"));
  if (const YamlNode* choices = node.get("choices"); choices != nullptr && choices->is_list()) {
    param.choices = to_value(*choices).as_list();
  }
  return param;
}

bool may_write_twice(const ActionSchema& schema, const Value& with) {
  if (schema.write_param.empty() || !with[schema.key_param].is_null()) {
    return false;
  }
  const Value* given = with.as_map().find(schema.write_param);
  const ParamSchema* param = schema.find_param(schema.write_param);
  const Value& method =
      given != nullptr || param == nullptr ? with[schema.write_param] : param->default_value;
  return !method.is_string() ||
         std::ranges::find(schema.safe_values, method.as_string()) == schema.safe_values.end();
}

ActionTraits traits_of(const ActionSchema* schema, const Value& with) {
  if (schema == nullptr) {
    return {};
  }
  const bool twice = may_write_twice(*schema, with);
  return {.is_branch = schema->is_branch,
          .idempotent = schema->idempotent && !twice,
          .light = schema->light,
          .unknown_if_lost = twice};
}

void build_with(Task& task, const YamlText& text, const YamlNode* node) {
  if (node == nullptr || !node->is_map()) {
    return;
  }
  task.with = to_value(*node);
  for (const YamlMember& member : node->members) {
    task.with_marks.emplace_back(member.key.text, text.mark_of(member.value));
  }
}

Task build_task(const YamlText& text, const YamlMember& member, const Task& defaults,
                const Catalogue& catalogue) {
  Task task = defaults;
  const YamlNode& node = member.value;
  task.name = member.key.text;
  task.mark = text.mark_of(member.key);
  task.uses = text_of(node.get("uses"));
  build_with(task, text, node.get("with"));
  task.trigger_rule =
      trigger_rule_from_name(text_of(node.get("trigger_rule"))).value_or(TriggerRule::all_success);
  if (const YamlNode* when = node.get("when"); when != nullptr && when->is_string()) {
    task.when = Text{.text = when->text, .mark = text.mark_of(*when)};
  }
  apply_retry(task.retry, node.get("retry"));
  if (const auto timeout = duration_of(node.get("timeout")); timeout.has_value()) {
    task.timeout = timeout;
  }
  task.allow_failure = flag_of(node.get("allow_failure"), false);
  task.env = texts_of(node.get("env"));
  if (const YamlNode* files = node.get("files"); files != nullptr) {
    task.files_in = texts_of(files->get("in"));
    task.files_out = texts_of(files->get("out"));
  }
  if (const YamlNode* runtime = node.get("runtime"); runtime != nullptr) {
    task.runtime = {.python = text_of(runtime->get("python")),
                    .requirements = text_of(runtime->get("requirements"))};
  }
  task.group = text_of(node.get("group"));
  apply_tags(task.tags, node.get("tags"));
  task.action = traits_of(catalogue.find(task.uses), task.with);
  return task;
}

void build_needs(Workflow& workflow, const std::vector<const YamlMember*>& members) {
  std::map<std::string_view, uint32_t> numbers;
  for (uint32_t n = 0; n < workflow.tasks.size(); ++n) {
    numbers.emplace(workflow.tasks[n].name, n);
  }
  std::vector<uint32_t> needed_by(workflow.tasks.size(), UINT32_MAX);
  for (uint32_t n = 0; n < workflow.tasks.size(); ++n) {
    std::vector<TaskNo>& needs = workflow.tasks[n].needs;
    for (const YamlNode* name : one_or_list(members[n]->value.get("needs"))) {
      const auto found = numbers.find(name->text);
      if (found != numbers.end() && found->second != n && needed_by[found->second] != n) {
        needed_by[found->second] = n;
        needs.push_back(TaskNo{found->second});
      }
    }
  }
}

Connection built_in(std::string name, std::string type, Value settings) {
  return {.name = std::move(name),
          .mark = {},
          .type = std::move(type),
          .settings = std::move(settings)};
}

Profile build_profile(const YamlText& text, std::string name, const YamlMember* member) {
  const bool local = name == "local";
  Profile profile{.name = std::move(name),
                  .mark = member == nullptr ? Mark{} : text.mark_of(member->key),
                  .sandbox = local,
                  .connections = built_in_connections(local)};
  if (member == nullptr) {
    return profile;
  }
  profile.sandbox = flag_of(member->value.get("sandbox"), local);
  const YamlNode* connections = member->value.get("connections");
  if (connections == nullptr || !connections->is_map()) {
    return profile;
  }
  for (const YamlMember& row : connections->members) {
    Connection connection{.name = row.key.text,
                          .mark = text.mark_of(row.key),
                          .type = text_of(row.value.get("type"))};
    if (row.value.is_map()) {
      connection.settings = to_value(row.value);
      connection.settings.edit_map().erase("type");
    }
    std::erase_if(profile.connections,
                  [&](const Connection& c) { return c.name == connection.name; });
    profile.connections.push_back(std::move(connection));
  }
  std::ranges::sort(profile.connections, {}, &Connection::name);
  return profile;
}

void build_profiles(Project& project, const YamlText& text, const YamlNode* profiles) {
  if (profiles != nullptr && profiles->is_map()) {
    for (const YamlMember& member : profiles->members) {
      project.profiles.push_back(build_profile(text, member.key.text, &member));
    }
  }
  if (project.find_profile("local") == nullptr) {
    project.profiles.push_back(build_profile(text, "local", nullptr));
  }
}

TagKey build_tag_key(const YamlMember& member) {
  TagKey key{.name = member.key.text, .required = flag_of(member.value.get("required"), false)};
  if (const YamlNode* values = member.value.get("values"); values != nullptr) {
    for (const YamlNode& value : values->items) {
      key.values.push_back(value.text);
    }
  }
  return key;
}

SecretSource build_secret(const YamlText& text, const YamlMember& member) {
  SecretSource secret{.name = member.key.text, .mark = text.mark_of(member.key)};
  const YamlNode* file = member.value.get("file");
  secret.kind = file != nullptr ? SecretKind::file : SecretKind::env;
  secret.from = text_of(file != nullptr ? file : member.value.get("env"));
  return secret;
}

}  // namespace

std::vector<const YamlNode*> one_or_list(const YamlNode* node) {
  std::vector<const YamlNode*> items;
  if (node == nullptr) {
    return items;
  }
  if (node->is_list()) {
    for (const YamlNode& item : node->items) {
      if (item.is_scalar() && item.kind != Kind::null) {
        items.push_back(&item);
      }
    }
  } else if (node->is_scalar() && node->kind != Kind::null) {
    items.push_back(node);
  }
  return items;
}

std::vector<Connection> built_in_connections(bool local) {
  std::vector<Connection> connections;
  const auto cloud = [&](std::string name, std::string type) {
    Value folder = Value::of({{"buckets", "clouds/" + name}});
    connections.push_back(local ? built_in(std::move(name), "local", std::move(folder))
                                : built_in(std::move(name), std::move(type), ValueMap{}));
  };
  cloud("az", "azure");
  connections.push_back(built_in("file", "file", ValueMap{}));
  cloud("gs", "gcs");
  connections.push_back(built_in("http", "http", ValueMap{}));
  connections.push_back(built_in("https", "http", ValueMap{}));
  cloud("s3", "s3");
  if (local) {
    connections.push_back(
        built_in("warehouse", "duckdb", Value::of({{"path", "clouds/warehouse.duckdb"}})));
  }
  return connections;
}

Project build_project(std::string_view file, const YamlDocument& document) {
  const YamlNode& root = document.root;
  Project project{.file = std::string(file), .name = text_of(root.get("project"))};
  if (const YamlNode* name = root.get("project"); name != nullptr) {
    project.mark = document.text.mark_of(*name);
  }
  if (const YamlNode* keys = root.get("tag_keys"); keys != nullptr) {
    for (const YamlMember& member : keys->members) {
      project.tag_keys.push_back(build_tag_key(member));
    }
  }
  if (const YamlNode* secrets = root.get("secrets"); secrets != nullptr) {
    for (const YamlMember& member : secrets->members) {
      project.secrets.push_back(build_secret(document.text, member));
    }
  }
  build_profiles(project, document.text, root.get("profiles"));
  if (const YamlNode* vars = root.get("vars"); vars != nullptr && vars->is_map()) {
    project.vars = to_value(*vars);
  }
  if (const YamlNode* defaults = root.get("defaults"); defaults != nullptr) {
    apply_retry(project.retry, defaults->get("retry"));
    project.timeout = duration_of(defaults->get("timeout"));
  }
  return project;
}

Project default_project(std::string name) {
  Project project{.name = std::move(name)};
  build_profiles(project, YamlText(""), nullptr);
  return project;
}

BuiltWorkflow build_workflow(std::string_view file, const YamlDocument& document,
                             const Project& project, const Catalogue& catalogue) {
  const YamlNode& root = document.root;
  BuiltWorkflow built;
  Workflow& workflow = built.workflow;
  workflow.file = std::string(file);
  workflow.name = text_of(root.get("workflow"));
  if (const YamlNode* name = root.get("workflow"); name != nullptr) {
    workflow.mark = document.text.mark_of(*name);
  }
  workflow.description = text_of(root.get("description"));
  apply_tags(workflow.tags, root.get("tags"));
  workflow.timeout = duration_of(root.get("timeout"));
  if (const YamlNode* params = root.get("params"); params != nullptr) {
    for (const YamlMember& member : params->members) {
      workflow.params.push_back(build_param(document.text, member));
    }
  }
  Task defaults{.retry = project.retry, .timeout = project.timeout, .tags = workflow.tags};
  if (const YamlNode* node = root.get("defaults"); node != nullptr) {
    apply_retry(defaults.retry, node->get("retry"));
    if (const auto timeout = duration_of(node->get("timeout")); timeout.has_value()) {
      defaults.timeout = timeout;
    }
  }
  if (const YamlNode* tasks = root.get("tasks"); tasks != nullptr && tasks->is_map()) {
    workflow.tasks.reserve(tasks->members.size());
    for (const YamlMember& member : tasks->members) {
      workflow.tasks.push_back(build_task(document.text, member, defaults, catalogue));
      built.members.push_back(&member);
    }
  }
  build_needs(workflow, built.members);
  return built;
}

}  // namespace tutti::spec
