// SPDX-License-Identifier: Apache-2.0
// Templates and expressions: syntax, names, references, secrets.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/address.h"
#include "base/closest.h"
#include "core/spec/check.h"
#include "core/spec/connection_types.h"
#include "core/spec/context.h"
#include "core/spec/structure.h"

namespace tutti::spec {

namespace {

class TextCheck {
 public:
  TextCheck(Check& check, const YamlNode& scalar, const TextRules& rules,
            std::optional<TaskNo> task)
      : check_(check), scalar_(scalar), rules_(rules), task_(task) {}

  void run() {
    const auto tmpl = rules_.expression ? expr::parse_expression(scalar_.text)
                                        : expr::parse_template(scalar_.text);
    if (!tmpl.has_value()) {
      const bool braces = rules_.expression && has_template(scalar_.text);
      if (braces) {
        error("expression_braces", scalar_.text.find('{'),
              fmt::format("{} is an expression already", rules_.subject),
              "remove the braces: write the expression alone");
      } else {
        error(rules_.expression ? "expression_syntax" : "template_syntax", tmpl.error().offset,
              tmpl.error().what, tmpl.error().remedy);
      }
      return;
    }
    const std::vector<expr::Problem> problems = expr::check(*tmpl);
    for (const expr::Problem& problem : problems) {
      error("template_call", problem.offset, problem.what, problem.remedy);
    }
    const std::vector<expr::Reference> references = expr::references(*tmpl);
    for (const expr::Reference& reference : references) {
      root(reference);
    }
    if (problems.empty() && references.empty()) {
      constant(*tmpl);
    }
  }

 private:
  // What reads nothing is the same in every run, so its failure is known already. Only so many
  // steps are tried; an error that is another one with more of them is that of the limit.
  void constant(const expr::Template& tmpl) {
    constexpr size_t steps = 10'000;
    const auto tried = expr::render(tmpl, {}, {.steps_max = steps});
    if (tried.has_value()) {
      return;
    }
    const auto again = expr::render(tmpl, {}, {.steps_max = 2 * steps});
    if (!again.has_value() && again.error().what == tried.error().what) {
      error("template_fails", 0, tried.error().what,
            or_else(tried.error().remedy, "it would fail in every run: correct it"));
    }
  }

  void error(std::string_view id, size_t offset, std::string what, std::string remedy) {
    check_.reporter.error_in(id, scalar_, offset, std::move(what), std::move(remedy));
  }

  void root(const expr::Reference& reference) {
    const std::string& name = reference.path[0];
    if (rules_.names != nullptr && std::ranges::find(*rules_.names, name) != rules_.names->end()) {
      return;
    }
    const ContextRoot* root = find_context_root(name);
    if (root == nullptr) {
      unknown_root(reference);
    } else if (root->later) {
      error("not_yet", reference.offset, fmt::format("'{}' comes in a later version", name),
            "remove it");
    } else if (rules_.in_params && !root->in_params) {
      error("not_in_default", reference.offset,
            fmt::format("'{}' cannot be read in {}", name, rules_.subject),
            "use dates, run, workflow or vars");
    } else if (name == "params") {
      param(reference);
    } else if (name == "tasks") {
      task(reference);
    } else if (name == "secrets") {
      secret(reference);
    } else if (name == "files") {
      file(reference);
    } else if (name == "vars") {
      var(reference);
    } else if (name == "connections") {
      connection(reference);
    } else if (!root->members.empty()) {
      member(reference, *root);
    }
  }

  void unknown_root(const expr::Reference& reference) {
    std::vector<std::string_view> known;
    for (const ContextRoot& row : context_roots()) {
      if (!row.later) {
        known.push_back(row.name);
      }
    }
    if (rules_.names != nullptr) {
      known.insert(known.end(), rules_.names->begin(), rules_.names->end());
    }
    const std::string& name = reference.path[0];
    std::string remedy = did_you_mean(name, known);
    if (check_.workflow.find_param(name) != nullptr) {
      remedy = fmt::format("write params.{}", name);
    } else if (check_.find_task(name).has_value()) {
      remedy = fmt::format("write tasks.{}.outputs", name);
    } else if (check_.project.vars.as_map().contains(name)) {
      remedy = fmt::format("write vars.{}", name);
    } else if (remedy.empty()) {
      remedy = "see docs/workflow-reference.md for the names a template can use";
    }
    error("unknown_name", reference.offset, fmt::format("'{}' is not known here", name),
          std::move(remedy));
  }

  void param(const expr::Reference& reference) {
    if (reference.path.size() < 2) {
      check_.used.all_params = true;
      return;
    }
    const std::string& name = reference.path[1];
    check_.used.params.insert(name);
    if (check_.workflow.find_param(name) == nullptr) {
      std::vector<std::string_view> known;
      for (const Param& row : check_.workflow.params) {
        known.push_back(row.name);
      }
      error("unknown_param", reference.offset, fmt::format("there is no parameter '{}'", name),
            or_else(remedy_for(name, known), "add it under 'params'"));
    }
  }

  static std::string or_else(std::string remedy, std::string other) {
    return remedy.empty() ? std::move(other) : std::move(remedy);
  }

  void task(const expr::Reference& reference) {
    if (reference.path.size() < 2) {
      check_.used.all_tasks = true;
      return;
    }
    const std::string& name = reference.path[1];
    const auto other = check_.find_task(name);
    if (!other.has_value()) {
      error("unknown_task", reference.offset, fmt::format("there is no task '{}'", name),
            or_else(did_you_mean(name, check_.task_names()), "name a task of this file"));
      return;
    }
    check_.used.tasks.insert(name);
    upstream(reference, *other);
    if (reference.path.size() > 2) {
      task_member(reference, *other);
    }
  }

  void upstream(const expr::Reference& reference, TaskNo other) {
    if (!task_.has_value() || check_.is_upstream(*task_, other)) {
      return;
    }
    const std::string& own = check_.workflow.task(*task_).name;
    const std::string& name = check_.workflow.task(other).name;
    if (*task_ == other) {
      error("task_not_upstream", reference.offset,
            fmt::format("'{}' reads its own outputs, which exist only when it has ended", own),
            "read the outputs of a task it needs");
    } else if (check_.is_upstream(other, *task_)) {
      error("task_not_upstream", reference.offset,
            fmt::format("'{}' runs after '{}', so its outputs are not there yet", name, own),
            fmt::format("move the reference to a task that needs '{}'", name));
    } else {
      error("task_not_upstream", reference.offset,
            fmt::format("'{}' does not wait for '{}'", own, name),
            fmt::format("add '{}' to its needs", name));
    }
  }

  void task_member(const expr::Reference& reference, TaskNo other) {
    const std::string& name = check_.workflow.task(other).name;
    if (reference.path[2] == "state") {
      return;
    }
    if (reference.path[2] != "outputs") {
      error("unknown_name", reference.offset,
            fmt::format("tasks.{} has no '{}'", name, reference.path[2]),
            fmt::format("write tasks.{}.outputs.KEY or tasks.{}.state", name, name));
      return;
    }
    const ActionSchema* schema = check_.catalogue.find(check_.workflow.task(other).uses);
    if (schema == nullptr || schema->outputs_open || reference.path.size() < 4 ||
        schema->find_output(reference.path[3]) != nullptr || reference.guarded) {
      return;
    }
    std::vector<std::string_view> known;
    for (const OutputSchema& row : schema->outputs) {
      known.push_back(row.name);
    }
    error("unknown_output", reference.offset,
          fmt::format("'{}' ({}) has no output '{}'", name, schema->name, reference.path[3]),
          or_else(remedy_for(reference.path[3], known), "this action has no outputs"));
  }

  void secret(const expr::Reference& reference) {
    if (reference.path.size() >= 2 && check_.project.find_secret(reference.path[1]) == nullptr) {
      error("unknown_secret", reference.offset,
            fmt::format("there is no secret '{}'", reference.path[1]),
            secret_remedy(check_.project, reference.path[1]));
    }
    if (rules_.command) {
      error("secret_in_command", reference.offset,
            fmt::format("{} would show a secret in the process list", rules_.subject),
            "pass it by env or stdin");
    } else if (rules_.condition) {
      error("secret_in_condition", reference.offset,
            fmt::format("{} cannot depend on a secret", rules_.subject),
            "decide by a parameter or an output instead");
    } else if (!rules_.secret_allowed) {
      error("secret_not_allowed", reference.offset,
            fmt::format("{} cannot hold a secret", rules_.subject),
            "give the secret by env, or by auth or headers of the action");
    }
  }

  void file(const expr::Reference& reference) {
    if (!task_.has_value() || reference.path.size() < 2) {
      return;
    }
    const Task& own = check_.workflow.task(*task_);
    std::vector<std::string_view> known;
    for (const Value* side : {&own.files_in, &own.files_out}) {
      for (const auto& [name, address] : side->as_map()) {
        known.push_back(name);
      }
    }
    if (std::ranges::find(known, reference.path[1]) == known.end()) {
      error("unknown_file", reference.offset,
            fmt::format("'{}' has no file '{}'", own.name, reference.path[1]),
            or_else(remedy_for(reference.path[1], known), "add it under 'files' of the task"));
    }
  }

  void var(const expr::Reference& reference) {
    if (reference.path.size() < 2) {
      return;
    }
    const ValueMap& vars = check_.project.vars.as_map();
    if (!vars.contains(reference.path[1])) {
      std::vector<std::string_view> known;
      for (const auto& [name, value] : vars) {
        known.push_back(name);
      }
      error("unknown_var", reference.offset,
            fmt::format("there is no variable '{}'", reference.path[1]),
            or_else(did_you_mean(reference.path[1], known), "add it under 'vars' of tutti.yaml"));
    }
  }

  void connection(const expr::Reference& reference) {
    if (reference.path.size() >= 2) {
      check_connection(check_, scalar_, {.name = reference.path[1], .offset = reference.offset});
    }
  }

  void member(const expr::Reference& reference, const ContextRoot& root) {
    if (reference.path.size() < 2 ||
        std::ranges::find(root.members, reference.path[1], &ContextMember::name) !=
            root.members.end()) {
      return;
    }
    std::vector<std::string_view> known;
    for (const ContextMember& row : root.members) {
      known.push_back(row.name);
    }
    error("unknown_name", reference.offset,
          fmt::format("{} has no '{}'", root.name, reference.path[1]),
          remedy_for(reference.path[1], known));
  }

  Check& check_;
  const YamlNode& scalar_;
  const TextRules& rules_;
  std::optional<TaskNo> task_;
};

class ConnectionCheck {
 public:
  ConnectionCheck(Check& check, const YamlNode& scalar, const NamedConnection& named)
      : check_(check), scalar_(scalar), named_(named) {
    for (const Profile& profile : check.project.profiles) {
      if (check.profile.empty() || profile.name == check.profile) {
        profiles_.push_back(&profile);
      }
    }
  }

  // It is as it must be when it is so in one of the profiles: the others may be for other
  // workflows.
  void run() {
    const Connection* found = nullptr;
    for (const Profile* profile : profiles_) {
      const Connection* here = profile->find(named_.name);
      if (here != nullptr && serves(*here)) {
        not_yet(*here);
        return;
      }
      found = found == nullptr ? here : found;
    }
    if (found == nullptr) {
      unknown();
    } else {
      wrong_use(*found);
    }
  }

 private:
  void error(std::string_view id, std::string what, std::string remedy) {
    check_.reporter.error_in(id, scalar_, named_.offset, std::move(what), std::move(remedy));
  }

  // A type that does not exist has its own problem, in the project's file.
  bool serves(const Connection& connection) const {
    const ConnectionType* type = find_connection_type(connection.type);
    return type == nullptr || type->serves(named_.asked);
  }

  void not_yet(const Connection& connection) {
    const ConnectionType* type = find_connection_type(connection.type);
    if (!check_.profile.empty() && type != nullptr && !type->usable) {
      error("connection_not_yet",
            fmt::format("'{}' is of type {}, which comes in a later version", named_.name,
                        connection.type),
            fmt::format("use a profile where it is of type {}", usable_types()));
    }
  }

  // Those that can stand here.
  std::string usable_types() const {
    std::vector<std::string_view> names;
    for (const ConnectionType& type : connection_types()) {
      if (type.usable && type.serves(named_.asked)) {
        names.push_back(type.name);
      }
    }
    if (names.size() < 2) {
      return fmt::format("{}", fmt::join(names, ""));
    }
    return fmt::format("{} or {}", fmt::join(names.begin(), names.end() - 1, ", "), names.back());
  }

  void unknown() {
    std::vector<std::string_view> known;
    for (const Profile* profile : profiles_) {
      for (const Connection& connection : profile->connections) {
        known.push_back(connection.name);
      }
    }
    const std::string guess = did_you_mean(named_.name, known);
    error("unknown_connection",
          check_.profile.empty()
              ? fmt::format("no profile has a connection '{}'", named_.name)
              : fmt::format("the profile '{}' has no connection '{}'", check_.profile, named_.name),
          guess.empty() ? "add it under 'connections' of a profile in tutti.yaml" : guess);
  }

  void wrong_use(const Connection& connection) {
    std::set<std::string_view> others;
    for (const Profile* profile : profiles_) {
      for (const Connection& other : profile->connections) {
        const bool no_url = other.type == "http" && other.settings["url"].is_null();
        if (serves(other) && !no_url) {
          others.insert(other.name);
        }
      }
    }
    error("wrong_connection",
          fmt::format("'{}' is of type {}, which {}", named_.name, connection.type,
                      lacks_text(named_.asked)),
          others.empty() ? "add one that does under 'connections' of a profile in tutti.yaml"
                         : fmt::format("use one of: {}", fmt::join(others, ", ")));
  }

  Check& check_;
  const YamlNode& scalar_;
  const NamedConnection& named_;
  std::vector<const Profile*> profiles_;
};

}  // namespace

void check_text(Check& check, const YamlNode& scalar, const TextRules& rules,
                std::optional<TaskNo> task) {
  if (!scalar.is_string() || scalar.text.empty() || check.reporter.full()) {
    return;
  }
  if (rules.expression || has_template(scalar.text)) {
    TextCheck(check, scalar, rules, task).run();
  }
}

void check_texts(Check& check, const YamlNode& node, const TextRules& rules,
                 std::optional<TaskNo> task) {
  if (node.is_string()) {
    check_text(check, node, rules, task);
  }
  for (const YamlNode& item : node.items) {
    check_texts(check, item, rules, task);
  }
  for (const YamlMember& member : node.members) {
    check_texts(check, member.value, rules, task);
  }
}

std::string secret_remedy(const Project& project, std::string_view name) {
  std::vector<std::string_view> known;
  for (const SecretSource& row : project.secrets) {
    known.push_back(row.name);
  }
  std::string guess = did_you_mean(name, known);
  return guess.empty() ? "add it under 'secrets' of tutti.yaml" : guess;
}

void check_connection(Check& check, const YamlNode& scalar, const NamedConnection& named) {
  const std::string_view alias =
      named.asked == ConnectionUse::objects ? alias_of(named.name) : std::string_view();
  const bool is_name = std::ranges::any_of(check.project.profiles, [&](const Profile& profile) {
    return (check.profile.empty() || profile.name == check.profile) &&
           profile.find(named.name) != nullptr;
  });
  NamedConnection meant = named;
  meant.name = alias.empty() || is_name ? named.name : alias;
  ConnectionCheck(check, scalar, meant).run();
}

}  // namespace tutti::spec
