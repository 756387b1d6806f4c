// SPDX-License-Identifier: Apache-2.0
// What a workflow file must satisfy beyond its keys. One Check per file; the check_ functions add
// to its reporter and are independent of each other. Private to this folder.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/expr/expr.h"
#include "core/graph/graph.h"
#include "core/spec/build.h"
#include "core/spec/catalogue.h"
#include "core/spec/connection_types.h"
#include "core/spec/reporter.h"
#include "core/spec/spec.h"

namespace tutti::spec {

// What templates at one place may do.
struct TextRules {
  bool expression = false;      // without braces
  bool secret_allowed = false;  // `secrets.NAME` may be read
  bool command = false;         // becomes a process's arguments: a secret gets its own message
  bool condition = false;       // decides what runs
  bool in_params = false;       // a parameter's default: no tasks, params, secrets
  const std::vector<std::string>* names = nullptr;  // known beside the context
  std::string_view subject;                         // "with.url", for messages
};

// What the templates of a file read, for the lint.
struct Used {
  std::set<std::string, std::less<>> params;
  std::set<std::string, std::less<>> tasks;  // whose outputs or state
  bool all_params = false;                   // read by a computed name, or in a file we cannot see
  bool all_tasks = false;
};

struct Check {
  Check(const YamlDocument& document, const Project& project, const Catalogue& catalogue,
        std::string_view profile, const BuiltWorkflow& built, Reporter& reporter);

  const YamlNode& task_node(TaskNo no) const { return built.members[no.value]->value; }
  const YamlNode& task_name(TaskNo no) const { return built.members[no.value]->key; }
  std::optional<TaskNo> find_task(std::string_view name) const;
  std::vector<std::string_view> task_names() const;
  // Is `other` upstream of `task`, over any number of steps?
  bool is_upstream(TaskNo task, TaskNo other) const;
  // Each task's place in an order that respects needs; empty when there is a cycle.
  const std::vector<uint32_t>& ranks() const;

  const YamlDocument& document;
  const Project& project;
  const Catalogue& catalogue;
  std::string_view profile;
  const BuiltWorkflow& built;
  const Workflow& workflow;
  Reporter& reporter;
  graph::Graph graph;
  Used used;

 private:
  std::vector<uint32_t> by_name_;
  mutable std::vector<uint32_t> ranks_;
  mutable std::optional<TaskNo> closure_of_;
  mutable std::vector<bool> closure_;
};

void check_needs(Check& check);     // unknown, doubled, own; cycles as a path
void check_tags(Check& check);      // closed by tag_keys
void check_params(Check& check);    // defaults and choices against the type
void check_tasks(Check& check);     // actions, inputs, texts
void check_branches(Check& check);  // targets
void lint(Check& check);            // warnings; run last: uses `used`

// One text with everything a template in it may get wrong. `task`: whose upstream counts.
void check_text(Check& check, const YamlNode& scalar, const TextRules& rules,
                std::optional<TaskNo> task);
// All strings in a tree.
void check_texts(Check& check, const YamlNode& node, const TextRules& rules,
                 std::optional<TaskNo> task);

// Which declared secret may be meant by a name that is none.
std::string secret_remedy(const Project& project, std::string_view name);

// `with` of one task against its action.
void check_inputs(Check& check, TaskNo task, const ActionSchema& schema);

// The name of a connection, at byte `offset` of `scalar`: known, good for what is asked of it, and
// of a type that can be used.
struct NamedConnection {
  std::string_view name;
  size_t offset = 0;
  ConnectionUse asked = ConnectionUse::any;
};
void check_connection(Check& check, const YamlNode& scalar, const NamedConnection& named);

// A default or a choice against its type; the reason when it does not fit.
std::optional<std::string> param_misfit(ParamType type, const Value& value);

}  // namespace tutti::spec
