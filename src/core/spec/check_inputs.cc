// SPDX-License-Identifier: Apache-2.0
// `with` against what the action declares, and the other texts of a task.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/address.h"
#include "base/ascii.h"
#include "base/ids.h"
#include "base/size.h"
#include "base/time.h"
#include "core/spec/check.h"
#include "core/spec/python_call.h"
#include "core/spec/structure.h"

namespace tutti::spec {

namespace {

class InputCheck {
 public:
  InputCheck(Check& check, TaskNo task, const ActionSchema& schema)
      : check_(check), task_(task), schema_(schema) {}

  void run(const YamlMember* with) {
    static const YamlNode no_inputs{.kind = Kind::map};
    const YamlNode& node = with != nullptr && with->value.is_map() ? with->value : no_inputs;
    const YamlNode& owner = with != nullptr ? with->key : check_.task_name(task_);
    for (const YamlMember& member : node.members) {
      const ParamSchema* param = schema_.find_param(member.key.text);
      if (param == nullptr) {
        unknown(member.key);
      } else {
        value(*param, member.value);
      }
    }
    for (const ParamSchema& param : schema_.params) {
      if (param.required && node.find(param.name) == nullptr) {
        check_.reporter.error("missing_input", owner,
                              fmt::format("{} needs '{}'", schema_.name, param.name),
                              fmt::format("add '{}: ...' under 'with'", param.name));
      }
    }
    for (const OneOf& group : schema_.one_of) {
      one_of(group, node, owner);
    }
    for (const GoesWith& rule : schema_.goes_with) {
      goes_with(rule, node, owner);
    }
    for (const Clash& rule : schema_.clashes) {
      clash(rule, node);
    }
  }

 private:
  void error(std::string_view id, const YamlNode& at, std::string what, std::string remedy) {
    check_.reporter.error(id, at, std::move(what), std::move(remedy));
  }

  void unknown(const YamlNode& key) {
    std::vector<std::string_view> known;
    for (const ParamSchema& param : schema_.params) {
      known.push_back(param.name);
    }
    std::string remedy = remedy_for(key.text, known);
    error("unknown_input", key, fmt::format("{} takes no '{}'", schema_.name, key.text),
          remedy.empty() ? "remove it: this action takes nothing" : remedy);
  }

  static bool has_all(const std::vector<std::string>& names, const YamlNode& node) {
    return std::ranges::all_of(names, [&](const auto& name) { return node.find(name) != nullptr; });
  }

  static std::string alternatives_text(const OneOf& group) {
    std::vector<std::string> parts;
    for (const auto& names : group.alternatives) {
      parts.push_back(fmt::format("{}", fmt::join(names, " with ")));
    }
    return fmt::format("{}", fmt::join(parts, ", or "));
  }

  // A key that stands in one alternative only says which one is meant.
  static std::vector<size_t> meant(const OneOf& group, const YamlNode& node) {
    std::vector<size_t> found;
    for (size_t i = 0; i < group.alternatives.size(); ++i) {
      const bool named = std::ranges::any_of(group.alternatives[i], [&](const std::string& name) {
        const auto holders = std::ranges::count_if(group.alternatives, [&](const auto& names) {
          return std::ranges::find(names, name) != names.end();
        });
        return holders == 1 && node.find(name) != nullptr;
      });
      if (named) {
        found.push_back(i);
      }
    }
    return found;
  }

  void one_of(const OneOf& group, const YamlNode& node, const YamlNode& owner) {
    const std::vector<size_t> chosen = meant(group, node);
    const std::string choices = alternatives_text(group);
    if (chosen.size() > 1) {
      const auto& second = group.alternatives[chosen[1]];
      const auto name = std::ranges::find_if(
          second, [&](const std::string& n) { return node.find(n) != nullptr; });
      error("conflicting_inputs", node.find(*name)->key,
            fmt::format("'{}' cannot be given beside '{}'", *name,
                        fmt::join(group.alternatives[chosen[0]], "' and '")),
            fmt::format("give exactly one: {}", choices));
      return;
    }
    if (chosen.empty()) {
      const bool complete = std::ranges::any_of(
          group.alternatives, [&](const auto& names) { return has_all(names, node); });
      if (!complete) {
        error("missing_one_of", owner, fmt::format("{} is not told what to use", schema_.name),
              fmt::format("give one: {}", choices));
      }
      return;
    }
    for (const std::string& name : group.alternatives[chosen[0]]) {
      if (node.find(name) == nullptr) {
        error("missing_input", owner, fmt::format("{} needs '{}' here", schema_.name, name),
              fmt::format("add '{}: ...' under 'with'", name));
      }
    }
  }

  void goes_with(const GoesWith& rule, const YamlNode& node, const YamlNode& owner) {
    const YamlNode* other = node.get(rule.other);
    const ParamSchema* schema = schema_.find_param(rule.other);
    const bool known = other == nullptr || schema == nullptr || is_choice(*schema, other->text);
    if (!known) {
      return;  // a template, or no value it can have
    }
    const YamlMember* given = node.find(rule.param);
    const bool wanted =
        other != nullptr && std::ranges::find(rule.values, other->text) != rule.values.end();
    if (wanted && given == nullptr) {
      error("missing_input", owner,
            fmt::format("{} needs '{}' where '{}' is {}", schema_.name, rule.param, rule.other,
                        other->text),
            fmt::format("add '{}: ...' under 'with'", rule.param));
    } else if (!wanted && given != nullptr) {
      error(
          "conflicting_inputs", given->key,
          fmt::format("{} makes no use of '{}' here", schema_.name, rule.param),
          fmt::format("remove it, or give '{}' as {}", rule.other, fmt::join(rule.values, " or ")));
    }
  }

  enum class Answer : uint8_t { no, yes, unknown };

  Answer is_given(const ParamSchema& param, const YamlNode& value, const Given& given) const {
    if (value.is_string() && has_template(value.text)) {
      return Answer::unknown;
    }
    if (value.kind == Kind::null || (param.kind == ParamKind::boolean && value.text == "false")) {
      return Answer::no;
    }
    const bool among = std::ranges::find(given.values, value.text) != given.values.end();
    return given.values.empty() || among != given.but ? Answer::yes : Answer::no;
  }

  // The key that is given so.
  std::pair<Answer, const YamlMember*> find_given(const Given& given, const YamlNode& node) const {
    Answer answer = Answer::no;
    for (const std::string& name : given.params) {
      const YamlMember* member = node.find(name);
      const ParamSchema* param = schema_.find_param(name);
      if (member == nullptr || param == nullptr) {
        continue;
      }
      const Answer each = is_given(*param, member->value, given);
      if (each == Answer::yes) {
        return {each, member};
      }
      answer = each == Answer::unknown ? each : answer;
    }
    return {answer, nullptr};
  }

  void clash(const Clash& rule, const YamlNode& node) {
    std::vector<const YamlMember*> found;
    for (const Given& given : rule.together) {
      const auto [answer, member] = find_given(given, node);
      if (answer != Answer::yes) {
        return;
      }
      found.push_back(member);
    }
    if (find_given({.params = rule.unless}, node).first != Answer::no) {
      return;
    }
    std::string beside;
    for (size_t i = 1; i < found.size(); ++i) {
      beside += fmt::format("{} '{}'", i == 1 ? " beside" : " and", found[i]->key.text);
      if (!rule.together[i].values.empty()) {
        beside += fmt::format(" {}", found[i]->value.text);
      }
    }
    error("conflicting_inputs", found.front()->key,
          fmt::format("'{}' cannot be given{}: {}", found.front()->key.text,
                      beside.empty() ? " here" : beside, rule.why),
          rule.remedy);
  }

  TextRules rules(const ParamSchema& param) const {
    return {.expression = param.kind == ParamKind::expression,
            .secret_allowed = param.secret_allowed,
            .command = param.kind == ParamKind::command || param.kind == ParamKind::script,
            .condition = param.kind == ParamKind::branch_cases,
            .names = &param.names,
            .subject = param.name};
  }

  void value(const ParamSchema& param, const YamlNode& node) {
    if (node.kind == Kind::null && param.kind != ParamKind::any) {
      error("empty_value", node, fmt::format("'{}' is empty", param.name),
            fmt::format("give a value ({}), or remove the key", param_kind_name(param.kind)));
      return;
    }
    if (param.many && node.is_list()) {
      if (node.items.empty()) {
        error("empty_value", node, fmt::format("'{}' is an empty list", param.name),
              fmt::format("give at least one {}", param_kind_name(param.kind)));
      }
      for (const YamlNode& item : node.items) {
        one(param, item);
      }
      return;
    }
    one(param, node);
  }

  void one(const ParamSchema& param, const YamlNode& node) {
    if (param.kind == ParamKind::branch_cases) {
      cases(param, node);
      return;
    }
    if (!param.members.empty() && node.is_map()) {
      members(param, node);
      return;
    }
    if (param.kind != ParamKind::expression) {
      check_texts(check_, node, rules(param), task_);
      if (node.is_string() && has_template(node.text)) {
        prefix(param, node);
        return;
      }
    }
    if (!param.choices.empty() && node.is_scalar()) {
      choice(param, node);
      return;
    }
    plain(param, node);
  }

  static std::string map_text(const ParamSchema& param) {
    std::vector<std::string_view> names;
    for (const ParamSchema& each : param.members) {
      names.push_back(each.name);
    }
    return names.empty() ? "a map" : fmt::format("a map: {{{}: ...}}", fmt::join(names, ": ..., "));
  }

  // A map whose keys are known.
  void members(const ParamSchema& param, const YamlNode& node) {
    for (const YamlMember& member : node.members) {
      const ParamSchema* schema = param.find_member(member.key.text);
      if (schema == nullptr) {
        std::vector<std::string_view> known;
        for (const ParamSchema& each : param.members) {
          known.push_back(each.name);
        }
        error("unknown_input", member.key,
              fmt::format("'{}' takes no '{}'", param.name, member.key.text),
              remedy_for(member.key.text, known));
        continue;
      }
      ParamSchema named = *schema;
      named.name = fmt::format("{}.{}", param.name, schema->name);
      value(named, member.value);
    }
    for (const ParamSchema& each : param.members) {
      if (each.required && node.find(each.name) == nullptr) {
        error("missing_input", node, fmt::format("'{}' needs '{}'", param.name, each.name),
              fmt::format("add '{}: ...' to it", each.name));
      }
    }
  }

  // What stands before the first template is known already: "s3://bucket/{{ ds }}".
  void prefix(const ParamSchema& param, const YamlNode& node) {
    const std::string_view fixed = std::string_view(node.text).substr(0, node.text.find('{'));
    if (param.kind == ParamKind::address && !fixed.empty()) {
      const size_t end = fixed.find("://");
      if (end != std::string_view::npos) {
        check_connection(check_, node,
                         {.name = fixed.substr(0, end), .asked = ConnectionUse::objects});
      } else if (fixed.find('/') != std::string_view::npos) {
        bad_address(node);
      }
    } else if (param.kind == ParamKind::table && fixed.find('.') != std::string_view::npos) {
      check_connection(check_, node,
                       {.name = fixed.substr(0, fixed.find('.')), .asked = ConnectionUse::tables});
    } else if (param.kind == ParamKind::url) {
      url(node, fixed);
    }
  }

  void choice(const ParamSchema& param, const YamlNode& node) {
    if (!is_choice(param, node.text)) {
      error("bad_choice", node, fmt::format("'{}' cannot be '{}'", param.name, node.text),
            remedy_for(node.text, {param.choices.begin(), param.choices.end()}));
    }
  }

  void wrong(const ParamSchema& param, const YamlNode& node, std::string_view expected) {
    std::string remedy = fmt::format("give {}", expected);
    if (node.is_scalar() && !node.is_string() && expected.starts_with("text")) {
      remedy = fmt::format("quote it: \"{}\"", node.text);
    }
    error("wrong_input", node,
          fmt::format("'{}' of {} is {}, not {}", param.name, schema_.name, kind_text(node.kind),
                      expected.substr(0, expected.find(':'))),
          std::move(remedy));
  }

  bool is_text(const ParamSchema& param, const YamlNode& node, std::string_view expected) {
    if (node.is_string() && !node.text.empty()) {
      return true;
    }
    if (node.is_string()) {
      error("empty_value", node, fmt::format("'{}' is empty", param.name),
            fmt::format("give {}, or remove the key", expected));
    } else {
      wrong(param, node, expected);
    }
    return false;
  }

  void must(bool fits, const ParamSchema& param, const YamlNode& node, std::string_view expected) {
    if (!fits) {
      wrong(param, node, expected);
    }
  }

  void plain(const ParamSchema& param, const YamlNode& node) {
    switch (param.kind) {
      case ParamKind::any:
      case ParamKind::branch_cases:
        return;
      case ParamKind::string:
        return must(node.is_string(), param, node, "text");
      case ParamKind::sql:
      case ParamKind::script:
        is_text(param, node, "text");
        return;
      case ParamKind::list:
        return must(node.is_list(), param, node, "a list");
      case ParamKind::map:
        return must(node.is_map(), param, node, map_text(param));
      case ParamKind::boolean:
        return must(node.kind == Kind::boolean, param, node, "true or false");
      case ParamKind::number:
        return must(to_value(node).is_number(), param, node, "a number");
      case ParamKind::integer:
        return integer(param, node);
      case ParamKind::duration:
        return duration(param, node);
      case ParamKind::size:
        return size(param, node);
      case ParamKind::expression:
        return expression(param, node);
      case ParamKind::address:
        return address(param, node);
      case ParamKind::table:
        return table(param, node);
      case ParamKind::database:
        return connection(param, node, ConnectionUse::tables);
      case ParamKind::web_service:
        return connection(param, node, ConnectionUse::requests);
      case ParamKind::url:
        if (is_text(param, node, "text: a URL")) {
          url(node, node.text);
        }
        return;
      case ParamKind::file:
        return file(param, node);
      case ParamKind::json_schema:
        return schema(param, node);
      case ParamKind::python_call:
        return call(param, node);
      case ParamKind::command:
        return command(param, node);
      case ParamKind::task:
        return must(node.is_string(), param, node, "text: the name of a task");
      case ParamKind::secret:
        return secret(param, node);
    }
  }

  void integer(const ParamSchema& param, const YamlNode& node) {
    const Value value = to_value(node);
    must(value.is_int(), param, node, "a whole number");
    if (value.is_int() && value.as_int() < 0) {
      error("out_of_range", node, fmt::format("'{}' is {}", param.name, node.text),
            "give a number from 0 up");
    }
  }

  void duration(const ParamSchema& param, const YamlNode& node) {
    if (node.kind == Kind::integer || node.kind == Kind::real) {
      error("bad_duration", node, fmt::format("'{}' has no unit", param.name),
            fmt::format("write {0}s for seconds or {0}m for minutes", node.text));
    } else if (is_text(param, node, "text: a duration such as 5m")) {
      const auto parsed = parse_duration(node.text);
      const auto least = parse_duration(param.least);
      if (!parsed.has_value()) {
        error("bad_duration", node, parsed.error().what, parsed.error().remedy);
      } else if (least.has_value() && *parsed < *least) {
        error("out_of_range", node, fmt::format("'{}' is {}", param.name, node.text),
              fmt::format("give at least {}", param.least));
      }
    }
  }

  void size(const ParamSchema& param, const YamlNode& node) {
    if (!node.is_scalar() || node.kind == Kind::boolean) {
      wrong(param, node, "a size such as 64MiB");
    } else if (const auto parsed = parse_size(node.text); !parsed.has_value()) {
      error("bad_size", node, parsed.error().what, parsed.error().remedy);
    }
  }

  void expression(const ParamSchema& param, const YamlNode& node) {
    if (node.kind != Kind::boolean && is_text(param, node, "text: an expression")) {
      check_text(check_, node, rules(param), task_);
    }
  }

  void bad_address(const YamlNode& node) {
    error("bad_address", node, fmt::format("'{}' is not an address", node.text.substr(0, 64)),
          "write CONNECTION://..., for example s3://bucket/key or file:///folder/name");
  }

  void address(const ParamSchema& param, const YamlNode& node) {
    if (!is_text(param, node, "text: an address")) {
      return;
    }
    const auto parsed = parse_address(node.text);
    if (!parsed.has_value()) {
      bad_address(node);
      return;
    }
    if (parsed->connection == "asset") {
      error("not_yet", node, "assets come in a later version", "give the address of the data");
      return;
    }
    check_connection(check_, node, {.name = parsed->connection, .asked = ConnectionUse::objects});
  }

  void table(const ParamSchema& param, const YamlNode& node) {
    if (!is_text(param, node, "text: CONNECTION.SCHEMA.TABLE")) {
      return;
    }
    const auto dots = std::ranges::count(node.text, '.');
    const bool gap = node.text.starts_with('.') || node.text.ends_with('.') ||
                     node.text.find("..") != std::string::npos;
    if (dots < 1 || dots > 2 || gap) {
      error("bad_table", node, fmt::format("'{}' is not a table", node.text.substr(0, 64)),
            "write CONNECTION.TABLE or CONNECTION.SCHEMA.TABLE, for example warehouse.main.sales");
      return;
    }
    const auto name = std::string_view(node.text).substr(0, node.text.find('.'));
    check_connection(check_, node, {.name = name, .asked = ConnectionUse::tables});
  }

  void connection(const ParamSchema& param, const YamlNode& node, ConnectionUse asked) {
    if (is_text(param, node, "text: the name of a connection")) {
      check_connection(check_, node, {.name = node.text, .asked = asked});
    }
  }

  void secret(const ParamSchema& param, const YamlNode& node) {
    if (is_text(param, node, "text: the name of a secret") &&
        check_.project.find_secret(node.text) == nullptr) {
      error("unknown_secret", node, fmt::format("there is no secret '{}'", node.text),
            secret_remedy(check_.project, node.text));
    }
  }

  // `known`: what stands before the first template.
  void url(const YamlNode& node, std::string_view known) {
    const std::string scheme = ascii_lower(std::string(known.substr(0, known.find("://"))));
    const bool whole = known.size() == node.text.size();
    if (scheme.size() == known.size() && !whole && !known.contains('/')) {
      return;  // a template may go on with the scheme
    }
    const bool web = scheme == "http" || scheme == "https";
    if (!web || scheme.size() == known.size() || (whole && known.ends_with("://"))) {
      error("bad_url", node,
            fmt::format("'{}' is not a URL of http or https", node.text.substr(0, 64)),
            "write the whole of it, for example https://example.com/stock");
    }
  }

  void file(const ParamSchema& param, const YamlNode& node) {
    if (node.is_map()) {  // engine -> file
      for (const YamlMember& member : node.members) {
        file(param, member.value);
      }
      return;
    }
    if (is_text(param, node, "text: a file of the project")) {
      path(node);
    }
  }

  void schema(const ParamSchema& param, const YamlNode& node) {
    if (node.is_map() || node.kind == Kind::boolean) {
      return;  // the schema itself
    }
    if (node.is_scalar() && node.kind != Kind::null
            ? is_text(param, node, "text: a file of the project, or a map: the schema itself")
            : (wrong(param, node, "a file of the project or a map: the schema itself"), false)) {
      path(node);
    }
  }

  void path(const YamlNode& node) {
    check_.used.all_params = true;
    check_.used.all_tasks = true;
    const std::string_view path = node.text;
    const std::string inside = fmt::format("/{}/", path);
    if (path.starts_with('/') || is_address(path) || inside.find("/../") != std::string::npos) {
      error("bad_path", node, fmt::format("'{}' is not inside the project", path.substr(0, 64)),
            "give a path relative to the project's folder, without '..'");
    }
  }

  void call(const ParamSchema& param, const YamlNode& node) {
    if (!is_text(param, node, "text: module:function")) {
      return;
    }
    if (!module_file(node.text).has_value()) {
      error("bad_call", node, fmt::format("'{}' does not name a function", node.text.substr(0, 64)),
            "write MODULE:FUNCTION, for example steps.clean:run for run() in steps/clean.py");
    }
  }

  void command(const ParamSchema& param, const YamlNode& node) {
    if (!node.is_list()) {
      return wrong(param, node, "a list: the program and its arguments");
    }
    if (node.items.empty()) {
      error("empty_value", node, fmt::format("'{}' is an empty list", param.name),
            "give the program and its arguments");
    } else if (node.items[0].is_string() && node.items[0].text.empty()) {
      error("empty_value", node.items[0], fmt::format("'{}' names no program", param.name),
            "give the program first, then its arguments");
    }
    for (const YamlNode& item : node.items) {
      must(item.is_scalar() && item.kind != Kind::null, param, item, "text");
    }
  }

  void cases(const ParamSchema& param, const YamlNode& node) {
    if (!node.is_list() || node.items.empty()) {
      wrong(param, node, "a list of {when, to}");
      return;
    }
    for (const YamlNode& item : node.items) {
      if (!item.is_map()) {
        wrong(param, item, "a map: {when, to}");
        continue;
      }
      one_case(param, item);
    }
  }

  void one_case(const ParamSchema& param, const YamlNode& item) {
    for (const YamlMember& member : item.members) {
      if (member.key.text != "when" && member.key.text != "to") {
        error("unknown_input", member.key, fmt::format("a case takes no '{}'", member.key.text),
              remedy_for(member.key.text, {"when", "to"}));
      }
    }
    const YamlNode* when = item.get("when");
    const YamlNode* to = item.get("to");
    if (when == nullptr || to == nullptr) {
      error("missing_input", item,
            fmt::format("this case has no '{}'", when == nullptr ? "when" : "to"),
            "write {when: EXPRESSION, to: TASK}");
    }
    if (to != nullptr && one_or_list(to).empty()) {
      wrong(param, *to, "text: the name of a task, or a list of names");
    }
    if (when != nullptr && when->kind != Kind::boolean &&
        is_text(param, *when, "text: an expression")) {
      TextRules expression = rules(param);
      expression.expression = true;
      expression.subject = "when";
      check_text(check_, *when, expression, task_);
    }
  }

  Check& check_;
  TaskNo task_;
  const ActionSchema& schema_;
};

void check_files(Check& check, TaskNo task, const ActionSchema* schema) {
  const YamlNode& node = check.task_node(task);
  const auto refuse = [&](std::string_view name, bool taken) {
    const YamlMember* member = node.find(name);
    if (member != nullptr && schema != nullptr && !taken) {
      check.reporter.error("key_not_taken", member->key,
                           fmt::format("{} makes no use of '{}'", schema->name, name), "remove it");
    }
  };
  refuse("files", schema != nullptr && schema->takes_files);
  refuse("env", schema != nullptr && schema->takes_env);
  refuse("runtime", schema != nullptr && schema->takes_runtime);
  const YamlNode* files = node.get("files");
  for (std::string_view side : {"in", "out"}) {
    const YamlNode* map = files == nullptr ? nullptr : files->get(side);
    if (map == nullptr) {
      continue;
    }
    for (const YamlMember& member : map->members) {
      check_texts(check, member.value, {.subject = "files"}, task);
      const std::string_view text = member.value.text;
      const size_t end = text.find("://");
      if (member.value.is_string() && end != std::string_view::npos && end < text.find('{')) {
        check_connection(check, member.value,
                         {.name = text.substr(0, end), .asked = ConnectionUse::objects});
      } else if (member.value.is_string() && !text.empty() && !text.starts_with('{')) {
        check.reporter.error("bad_address", member.value,
                             fmt::format("'{}' is not an address", text.substr(0, 64)),
                             "write CONNECTION://..., for example s3://bucket/key");
      }
    }
  }
}

void check_env(Check& check, TaskNo task) {
  const YamlNode* env = check.task_node(task).get("env");
  if (env == nullptr) {
    return;
  }
  for (const YamlMember& member : env->members) {
    if (member.key.text.starts_with("TUTTI_")) {
      check.reporter.error("reserved_name", member.key,
                           fmt::format("'{}' is set by Tutti itself", member.key.text),
                           "use a name that does not begin with TUTTI_");
    }
    check_texts(check, member.value, {.secret_allowed = true, .subject = "env"}, task);
  }
}

void no_action(Check& check, const YamlNode& uses) {
  if (uses.text.starts_with("./")) {
    check.reporter.error("not_yet", uses, "templates of the project come in a later version",
                         "use an action");
    return;
  }
  if (is_later_action(uses.text)) {
    check.reporter.error("not_yet", uses,
                         fmt::format("the action '{}' comes in a later version", uses.text),
                         "remove the task, or use another action");
    return;
  }
  std::vector<std::string_view> known;
  for (const ActionSchema& row : check.catalogue.actions) {
    known.push_back(row.name);
  }
  check.reporter.error("unknown_action", uses, fmt::format("there is no action '{}'", uses.text),
                       remedy_for(uses.text, known));
}

void check_task(Check& check, TaskNo task) {
  if (check.reporter.full()) {
    return;
  }
  const YamlNode& node = check.task_node(task);
  if (const YamlNode* when = node.get("when"); when != nullptr) {
    check_text(check, *when, {.expression = true, .condition = true, .subject = "when"}, task);
  }
  const YamlNode* uses = node.get("uses");
  const ActionSchema* schema = nullptr;
  if (uses != nullptr && uses->is_string() && !uses->text.empty() && !has_template(uses->text)) {
    schema = check.catalogue.find(uses->text);
    if (schema == nullptr) {
      no_action(check, *uses);
    }
  }
  check_files(check, task, schema);
  check_env(check, task);
  if (schema != nullptr) {
    check_inputs(check, task, *schema);
  }
}

}  // namespace

void check_inputs(Check& check, TaskNo task, const ActionSchema& schema) {
  const YamlMember* with = check.task_node(task).find("with");
  if (with == nullptr || with->value.is_map()) {
    InputCheck(check, task, schema).run(with);
  }
}

void check_tasks(Check& check) {
  for (uint32_t n = 0; n < check.workflow.tasks.size(); ++n) {
    check_task(check, TaskNo{n});
  }
}

}  // namespace tutti::spec
