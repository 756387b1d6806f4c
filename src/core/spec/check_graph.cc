// SPDX-License-Identifier: Apache-2.0
// Needs, cycles, tags, parameters, branches.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/closest.h"
#include "core/spec/check.h"
#include "core/spec/structure.h"

namespace tutti::spec {

namespace {

constexpr size_t cycles_max = 20;
constexpr size_t path_shown_max = 12;

std::vector<std::vector<graph::Node>> needs_of(const Workflow& workflow) {
  std::vector<std::vector<graph::Node>> needs(workflow.tasks.size());
  for (size_t n = 0; n < needs.size(); ++n) {
    for (TaskNo need : workflow.tasks[n].needs) {
      needs[n].push_back(need.value);
    }
  }
  return needs;
}

std::string path_text(const Workflow& workflow, const std::vector<graph::Node>& path) {
  std::string text;
  for (size_t i = 0; i < path.size(); ++i) {
    if (i > 0) {
      text += " -> ";
    }
    if (path.size() > path_shown_max && i == path_shown_max - 2) {
      text += "... -> ";
      i = path.size() - 1;
    }
    text += workflow.tasks[path[i]].name;
  }
  return text;
}

const YamlNode& need_node(const Check& check, TaskNo task, std::string_view need) {
  for (const YamlNode* node : one_or_list(check.task_node(task).get("needs"))) {
    if (node->text == need) {
      return *node;
    }
  }
  return check.task_name(task);
}

// Every cycle once: the edge that was named is taken out before the next one is looked for.
void check_cycles(Check& check) {
  auto needs = needs_of(check.workflow);
  for (size_t found = 0; found < cycles_max; ++found) {
    const std::vector<graph::Node> cycle = graph::Graph(needs).cycle();
    if (cycle.empty()) {
      return;
    }
    const std::string& next = check.workflow.tasks[cycle[1]].name;
    check.reporter.error(
        "cycle", need_node(check, TaskNo{cycle[0]}, next),
        fmt::format("the tasks need each other in a circle: {}", path_text(check.workflow, cycle)),
        "remove one of these needs");
    std::erase(needs[cycle[0]], cycle[1]);
  }
}

void check_tag(Check& check, const YamlMember& member) {
  const auto& keys = check.project.tag_keys;
  const auto key = std::ranges::find(keys, member.key.text, &TagKey::name);
  if (key == keys.end()) {
    std::vector<std::string_view> known;
    for (const TagKey& row : keys) {
      known.push_back(row.name);
    }
    std::string remedy = remedy_for(member.key.text, known);
    check.reporter.error("unknown_tag", member.key,
                         fmt::format("'{}' is no tag of this project", member.key.text),
                         remedy.empty() ? "add it under 'tag_keys' of tutti.yaml" : remedy);
    return;
  }
  if (!member.value.is_scalar() || key->values.empty() ||
      std::ranges::find(key->values, member.value.text) != key->values.end()) {
    return;
  }
  check.reporter.error("bad_tag_value", member.value,
                       fmt::format("the tag '{}' cannot be '{}'", key->name, member.value.text),
                       remedy_for(member.value.text, {key->values.begin(), key->values.end()}));
}

void check_tag_map(Check& check, const YamlNode* tags) {
  if (tags == nullptr || !tags->is_map() || check.project.tag_keys.empty()) {
    return;  // a project without tag_keys takes any
  }
  for (const YamlMember& member : tags->members) {
    check_tag(check, member);
  }
}

// Names of the tasks that a branch may choose, with their nodes.
std::vector<const YamlNode*> branch_targets(const YamlNode& with) {
  std::vector<const YamlNode*> targets;
  if (const YamlNode* cases = with.get("cases"); cases != nullptr) {
    for (const YamlNode& one : cases->items) {
      std::ranges::copy(one_or_list(one.get("to")), std::back_inserter(targets));
    }
  }
  std::ranges::copy(one_or_list(with.get("else")), std::back_inserter(targets));
  return targets;
}

void check_target(Check& check, TaskNo branch, const YamlNode& target) {
  if (has_template(target.text)) {
    check.reporter.error("template_not_allowed", target, "the target of a branch takes no template",
                         "name the task; let 'when' decide");
    return;
  }
  const auto to = check.find_task(target.text);
  if (!to.has_value()) {
    std::string remedy = did_you_mean(target.text, check.task_names());
    check.reporter.error("branch_target_unknown", target,
                         fmt::format("there is no task '{}'", target.text),
                         remedy.empty() ? "name a task that needs this branch" : remedy);
    return;
  }
  const auto& needs = check.workflow.task(*to).needs;
  if (std::ranges::find(needs, branch) == needs.end()) {
    const std::string& name = check.workflow.task(branch).name;
    check.reporter.error("branch_target_not_direct", target,
                         fmt::format("'{}' does not need the branch '{}'", target.text, name),
                         fmt::format("add 'needs: {}' to '{}'", name, target.text));
  }
}

}  // namespace

Check::Check(const YamlDocument& doc, const Project& proj, const Catalogue& cat,
             std::string_view prof, const BuiltWorkflow& b, Reporter& rep)
    : document(doc),
      project(proj),
      catalogue(cat),
      profile(prof),
      built(b),
      workflow(b.workflow),
      reporter(rep),
      graph(needs_of(b.workflow)),
      by_name_(b.workflow.tasks.size()) {
  std::iota(by_name_.begin(), by_name_.end(), 0);
  std::ranges::sort(by_name_, {},
                    [&](uint32_t n) { return std::string_view(workflow.tasks[n].name); });
}

std::optional<TaskNo> Check::find_task(std::string_view name) const {
  const auto name_of = [&](uint32_t n) { return std::string_view(workflow.tasks[n].name); };
  const auto found = std::ranges::lower_bound(by_name_, name, {}, name_of);
  if (found == by_name_.end() || name_of(*found) != name) {
    return std::nullopt;
  }
  return TaskNo{*found};
}

std::vector<std::string_view> Check::task_names() const {
  std::vector<std::string_view> names;
  for (const Task& task : workflow.tasks) {
    names.push_back(task.name);
  }
  return names;
}

bool Check::is_upstream(TaskNo task, TaskNo other) const {
  const auto& needs = workflow.task(task).needs;
  if (std::ranges::find(needs, other) != needs.end()) {
    return true;
  }
  if (closure_of_ != task) {
    closure_.assign(workflow.tasks.size(), false);
    for (graph::Node node : graph.all_upstream(task.value)) {
      closure_[node] = true;
    }
    closure_of_ = task;
  }
  return closure_[other.value];
}

const std::vector<uint32_t>& Check::ranks() const {
  const auto order = ranks_.empty() ? graph.order() : std::nullopt;
  if (order.has_value()) {
    ranks_.resize(order->size());
    for (uint32_t i = 0; i < order->size(); ++i) {
      ranks_[(*order)[i]] = i;
    }
  }
  return ranks_;
}

void check_needs(Check& check) {
  const std::vector<std::string_view> names = check.task_names();
  for (uint32_t n = 0; n < check.workflow.tasks.size(); ++n) {
    if (check.reporter.full()) {
      break;
    }
    std::set<std::string_view> seen;
    for (const YamlNode* need : one_or_list(check.task_node(TaskNo{n}).get("needs"))) {
      const std::string& own = check.workflow.tasks[n].name;
      if (need->text == own) {
        check.reporter.error("self_need", *need, fmt::format("'{}' needs itself", own),
                             "remove it from its needs");
      } else if (!check.find_task(need->text).has_value()) {
        std::string remedy = did_you_mean(need->text, names);
        check.reporter.error("unknown_need", *need,
                             fmt::format("'{}' needs '{}', which is no task", own, need->text),
                             remedy.empty() ? "name a task of this file, or remove it" : remedy);
      } else if (!seen.insert(need->text).second) {
        check.reporter.error("duplicate_need", *need,
                             fmt::format("'{}' needs '{}' twice", own, need->text),
                             "remove one of the two");
      }
    }
  }
  check_cycles(check);
}

void check_tags(Check& check) {
  const YamlNode& root = check.document.root;
  check_tag_map(check, root.get("tags"));
  for (const YamlMember* member : check.built.members) {
    check_tag_map(check, member->value.get("tags"));
  }
  for (const TagKey& key : check.project.tag_keys) {
    if (key.required && !check.workflow.tags.contains(key.name)) {
      const YamlMember* tags = root.find("tags");
      const YamlMember* name = root.find("workflow");
      check.reporter.error("missing_tag",
                           tags != nullptr   ? tags->key
                           : name != nullptr ? name->key
                                             : root,
                           fmt::format("the tag '{}' is missing", key.name),
                           fmt::format("add 'tags: {{{}: ...}}'", key.name));
    }
  }
}

void check_params(Check& check) {
  const YamlNode* params = check.document.root.get("params");
  for (const Param& param : check.workflow.params) {
    const YamlNode& node = *params->get(param.name);
    const auto misfit = [&](const YamlNode& value, std::string_view subject) {
      const bool plain = !value.is_string() || !has_template(value.text);
      const auto reason = plain ? param_misfit(param.type, to_value(value)) : std::nullopt;
      if (reason.has_value()) {
        check.reporter.error("bad_param_value", value,
                             fmt::format("the {} of '{}' is not of type {}: {}", subject,
                                         param.name, param_type_name(param.type), *reason),
                             "write a value of the type, or change 'type'");
      }
    };
    const YamlNode* choices = node.get("choices");
    if (choices != nullptr) {
      for (const YamlNode& choice : choices->items) {
        misfit(choice, "choice");
      }
    }
    const YamlNode* value = node.get("default");
    if (value == nullptr) {
      continue;
    }
    misfit(*value, "default");
    check_texts(check, *value, {.in_params = true, .subject = "a default"}, std::nullopt);
    const bool plain = !value->is_string() || !has_template(value->text);
    if (plain && !param.choices.empty() &&
        std::ranges::find(param.choices, to_value(*value)) == param.choices.end()) {
      check.reporter.error("default_not_chosen", *value,
                           fmt::format("the default of '{}' is none of its choices", param.name),
                           "add it to 'choices', or change the default");
    }
  }
}

void check_branches(Check& check) {
  for (uint32_t n = 0; n < check.workflow.tasks.size(); ++n) {
    const YamlNode* with = check.task_node(TaskNo{n}).get("with");
    if (!check.workflow.tasks[n].action.is_branch || with == nullptr) {
      continue;
    }
    for (const YamlNode* target : branch_targets(*with)) {
      check_target(check, TaskNo{n}, *target);
    }
  }
}

}  // namespace tutti::spec
