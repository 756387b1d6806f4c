// SPDX-License-Identifier: Apache-2.0
#include "core/spec/freeze.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "core/spec/python_call.h"

namespace tutti::spec {

namespace {

constexpr int64_t format_now = 1;

// ---- out

Value tags_value(const std::map<std::string, std::string>& tags) {
  ValueMap map;
  for (const auto& [key, value] : tags) {
    map.set(key, value);
  }
  return map;
}

Value duration_value(const std::optional<Duration>& duration) {
  return duration.has_value() ? Value(duration->us) : Value();
}

Value retry_value(const Retry& retry) {
  return Value::of({{"attempts", retry.attempts},
                    {"delay_us", retry.delay.us},
                    {"backoff_milli", retry.backoff_milli},
                    {"max_delay_us", retry.max_delay.us},
                    {"jitter_permille", retry.jitter_permille}});
}

Value traits_value(const ActionTraits& traits) {
  return Value::of({{"is_branch", traits.is_branch},
                    {"idempotent", traits.idempotent},
                    {"light", traits.light},
                    {"unknown_if_lost", traits.unknown_if_lost}});
}

Value task_value(const Workflow& workflow, const Task& task) {
  ValueList needs;
  for (TaskNo need : task.needs) {
    needs.push_back(workflow.task(need).name);
  }
  return Value::of({{"name", task.name},
                    {"uses", task.uses},
                    {"with", task.with},
                    {"needs", std::move(needs)},
                    {"trigger_rule", trigger_rule_name(task.trigger_rule)},
                    {"when", task.when.has_value() ? Value(task.when->text) : Value()},
                    {"retry", retry_value(task.retry)},
                    {"timeout_us", duration_value(task.timeout)},
                    {"allow_failure", task.allow_failure},
                    {"env", task.env},
                    {"files_in", task.files_in},
                    {"files_out", task.files_out},
                    {"python", task.runtime.python},
                    {"requirements", task.runtime.requirements},
                    {"group", task.group},
                    {"tags", tags_value(task.tags)},
                    {"action", traits_value(task.action)}});
}

Value param_value(const Param& param) {
  ValueMap map{{"name", param.name},
               {"type", param_type_name(param.type)},
               {"description", param.description},
               {"choices", param.choices}};
  if (param.default_value.has_value()) {
    map.set("default", *param.default_value);
  }
  return map;
}

// ---- places: [line, column] in the order of the workflow

Value mark_value(Mark mark) { return ValueList{Value(mark.line), Value(mark.column)}; }

Value marks_value(const Workflow& workflow) {
  ValueList params;
  for (const Param& param : workflow.params) {
    params.push_back(ValueList{mark_value(param.mark), mark_value(param.default_mark)});
  }
  ValueList tasks;
  for (const Task& task : workflow.tasks) {
    ValueList with;
    for (const auto& [name, mark] : task.with_marks) {
      with.push_back(ValueList{Value(name), mark_value(mark)});
    }
    tasks.push_back(ValueList{mark_value(task.mark),
                              mark_value(task.when.has_value() ? task.when->mark : Mark{}),
                              std::move(with)});
  }
  return Value::of({{"workflow", mark_value(workflow.mark)},
                    {"params", std::move(params)},
                    {"tasks", std::move(tasks)}});
}

// ---- in: what does not fit is corrupt; `ok` turns false and stays so

class Reader {
 public:
  bool ok() const { return ok_; }

  std::string text(const Value& map, std::string_view key) {
    need(map[key].is_string());
    return std::string(map.get_string(key));
  }
  bool flag(const Value& map, std::string_view key) {
    need(map[key].is_bool());
    return map.get_bool(key);
  }
  uint32_t number(const Value& map, std::string_view key) {
    const Value& value = map[key];
    need(value.is_int() && value.as_int() >= 0 &&
         value.as_int() <= std::numeric_limits<uint32_t>::max());
    return ok_ ? static_cast<uint32_t>(value.as_int()) : 0;
  }
  Duration duration(const Value& map, std::string_view key) {
    need(map[key].is_int());
    return {map.get_int(key)};
  }
  std::optional<Duration> maybe_duration(const Value& map, std::string_view key) {
    return map[key].is_null() ? std::nullopt : std::optional(duration(map, key));
  }
  const ValueList& list(const Value& map, std::string_view key) {
    static const ValueList none;
    need(map[key].is_list());
    return map[key].is_list() ? map[key].as_list() : none;
  }
  Value map(const Value& in, std::string_view key) {
    need(in[key].is_map());
    return in[key].is_map() ? in[key] : Value(ValueMap{});
  }
  std::map<std::string, std::string> tags(const Value& in, std::string_view key) {
    std::map<std::string, std::string> tags;
    const Value found = map(in, key);
    for (const auto& [name, value] : found.as_map()) {
      need(value.is_string());
      tags[name] = value.is_string() ? value.as_string() : std::string();
    }
    return tags;
  }
  Mark mark(const Value& value) {
    need(value.is_list() && value.as_list().size() == 2 && value.as_list()[0].is_int() &&
         value.as_list()[1].is_int());
    if (!ok_) {
      return {};
    }
    return {.line = static_cast<uint32_t>(value.as_list()[0].as_int()),
            .column = static_cast<uint32_t>(value.as_list()[1].as_int())};
  }
  // The elements of a list of exactly this size, else nulls.
  const Value& at(const Value& value, size_t index, size_t size) {
    static const Value none;
    need(value.is_list() && value.as_list().size() == size);
    return value.is_list() && index < value.as_list().size() ? value.as_list()[index] : none;
  }
  void need(bool condition) { ok_ = ok_ && condition; }

 private:
  bool ok_ = true;
};

Retry read_retry(Reader& in, const Value& value) {
  return {.attempts = in.number(value, "attempts"),
          .delay = in.duration(value, "delay_us"),
          .backoff_milli = in.number(value, "backoff_milli"),
          .max_delay = in.duration(value, "max_delay_us"),
          .jitter_permille = in.number(value, "jitter_permille")};
}

ActionTraits read_traits(Reader& in, const Value& value) {
  return {.is_branch = in.flag(value, "is_branch"),
          .idempotent = in.flag(value, "idempotent"),
          .light = in.flag(value, "light"),
          .unknown_if_lost = in.flag(value, "unknown_if_lost")};
}

Task read_task(Reader& in, const Value& value) {
  Task task{.name = in.text(value, "name"),
            .uses = in.text(value, "uses"),
            .with = in.map(value, "with"),
            .retry = read_retry(in, value["retry"]),
            .timeout = in.maybe_duration(value, "timeout_us"),
            .allow_failure = in.flag(value, "allow_failure"),
            .env = in.map(value, "env"),
            .files_in = in.map(value, "files_in"),
            .files_out = in.map(value, "files_out"),
            .runtime = {.python = in.text(value, "python"),
                        .requirements = in.text(value, "requirements")},
            .group = in.text(value, "group"),
            .tags = in.tags(value, "tags"),
            .action = read_traits(in, value["action"])};
  const auto rule = trigger_rule_from_name(in.text(value, "trigger_rule"));
  in.need(rule.has_value());
  task.trigger_rule = rule.value_or(TriggerRule::all_success);
  if (!value["when"].is_null()) {
    task.when = Text{.text = in.text(value, "when"), .mark = {}};
  }
  return task;
}

Param read_param(Reader& in, const Value& value) {
  Param param{.name = in.text(value, "name"),
              .description = in.text(value, "description"),
              .choices = in.list(value, "choices")};
  const auto type = param_type_from_name(in.text(value, "type"));
  in.need(type.has_value());
  param.type = type.value_or(ParamType::string);
  if (value.is_map() && value.as_map().contains("default")) {
    param.default_value = value["default"];
  }
  return param;
}

void read_needs(Reader& in, Workflow& workflow, const ValueList& tasks) {
  std::map<std::string_view, uint32_t> numbers;
  for (uint32_t n = 0; n < workflow.tasks.size(); ++n) {
    in.need(numbers.emplace(workflow.tasks[n].name, n).second);
  }
  for (size_t n = 0; n < tasks.size(); ++n) {
    for (const Value& need : in.list(tasks[n], "needs")) {
      const auto found = need.is_string() ? numbers.find(need.as_string()) : numbers.end();
      in.need(found != numbers.end());
      if (found != numbers.end()) {
        workflow.tasks[n].needs.push_back(TaskNo{found->second});
      }
    }
  }
}

void read_marks(Reader& in, Workflow& workflow, const Value& marks) {
  workflow.mark = in.mark(marks["workflow"]);
  for (size_t n = 0; n < workflow.params.size() && in.ok(); ++n) {
    const Value& row = in.at(marks["params"], n, workflow.params.size());
    workflow.params[n].mark = in.mark(in.at(row, 0, 2));
    workflow.params[n].default_mark = in.mark(in.at(row, 1, 2));
  }
  for (size_t n = 0; n < workflow.tasks.size() && in.ok(); ++n) {
    Task& task = workflow.tasks[n];
    const Value& row = in.at(marks["tasks"], n, workflow.tasks.size());
    task.mark = in.mark(in.at(row, 0, 3));
    const Mark when = in.mark(in.at(row, 1, 3));
    if (task.when.has_value()) {
      task.when->mark = when;
    }
    in.need(in.at(row, 2, 3).is_list());
    for (size_t i = 0; in.ok() && i < row.as_list()[2].as_list().size(); ++i) {
      const Value& place = row.as_list()[2].as_list()[i];
      const Value& name = in.at(place, 0, 2);
      in.need(name.is_string());
      const Mark mark = in.mark(in.at(place, 1, 2));
      if (in.ok()) {
        task.with_marks.emplace_back(name.as_string(), mark);
      }
    }
  }
}

void read_files(Reader& in, Workflow& workflow, const Value& value) {
  for (const Value& file : in.list(value, "files")) {
    const auto digest = parse_digest(in.text(file, "digest"));
    in.need(digest.has_value());
    if (in.ok()) {
      workflow.files.push_back({.path = in.text(file, "path"), .sha256 = *digest});
    }
  }
}

// ---- files

// What is no template is a path; a map has one for each engine.
void add_paths(std::vector<std::string>& paths, const Value& value) {
  if (value.is_string() && !value.as_string().empty() &&
      value.as_string().find("{{") == std::string::npos &&
      value.as_string().find("{%") == std::string::npos) {
    paths.push_back(value.as_string());
  } else if (value.is_list()) {
    for (const Value& item : value.as_list()) {
      add_paths(paths, item);
    }
  } else if (value.is_map()) {
    for (const auto& [engine, path] : value.as_map()) {
      add_paths(paths, path);
    }
  }
}

std::vector<std::string> paths_of(ParamKind kind, const Value& value) {
  std::vector<std::string> paths;
  if (kind == ParamKind::file || (kind == ParamKind::json_schema && value.is_string())) {
    add_paths(paths, value);
  } else if (kind == ParamKind::python_call && value.is_string()) {
    if (auto file = module_file(value.as_string()); file.has_value()) {
      paths.push_back(std::move(*file));
    }
  }
  return paths;
}

void add_uses(std::vector<FileUse>& uses, const std::vector<std::string>& paths, Mark mark) {
  for (const std::string& path : std::set<std::string>(paths.begin(), paths.end())) {
    uses.push_back({.path = path, .mark = mark});
  }
}

Mark mark_of(const Task& task, std::string_view input) {
  const auto found =
      std::ranges::find(task.with_marks, input, &std::pair<std::string, Mark>::first);
  return found == task.with_marks.end() ? task.mark : found->second;
}

Digest version_of(const Value& normalised) { return sha256(to_json(normalised)); }

}  // namespace

Value to_value(const Workflow& workflow) {
  ValueList params;
  for (const Param& param : workflow.params) {
    params.push_back(param_value(param));
  }
  ValueList tasks;
  for (const Task& task : workflow.tasks) {
    tasks.push_back(task_value(workflow, task));
  }
  ValueList files;
  for (const NamedFile& file : workflow.files) {
    files.push_back(Value::of({{"path", file.path}, {"digest", to_text(file.sha256)}}));
  }
  return Value::of({{"workflow", workflow.name},
                    {"description", workflow.description},
                    {"tags", tags_value(workflow.tags)},
                    {"params", std::move(params)},
                    {"timeout_us", duration_value(workflow.timeout)},
                    {"tasks", std::move(tasks)},
                    {"files", std::move(files)}});
}

std::vector<FileUse> file_uses(const Workflow& workflow, const Catalogue& catalogue) {
  std::vector<FileUse> uses;
  for (const Task& task : workflow.tasks) {
    std::vector<std::string> requirements;
    add_paths(requirements, Value(task.runtime.requirements));
    add_uses(uses, requirements, task.mark);
    const ActionSchema* schema = catalogue.find(task.uses);
    if (schema == nullptr) {
      continue;
    }
    for (const ParamSchema& param : schema->params) {
      add_uses(uses, paths_of(param.kind, task.with[param.name]), mark_of(task, param.name));
    }
  }
  return uses;
}

std::vector<std::string> named_files(const Workflow& workflow, const Catalogue& catalogue) {
  std::set<std::string> paths;
  for (FileUse& use : file_uses(workflow, catalogue)) {
    paths.insert(std::move(use.path));
  }
  return {paths.begin(), paths.end()};
}

void pin_files(Workflow& workflow, const std::map<std::string, std::string>& contents) {
  workflow.files.clear();
  for (const auto& [path, content] : contents) {
    workflow.files.push_back({.path = path, .sha256 = sha256(content)});
  }
}

Digest version_of(const Workflow& workflow) { return version_of(to_value(workflow)); }

std::string freeze(const Workflow& workflow) {
  return to_json(Value::of({{"format", format_now},
                            {"file", workflow.file},
                            {"workflow", to_value(workflow)},
                            {"marks", marks_value(workflow)}}));
}

Result<Thawed> thaw(std::string_view bytes) {
  const auto corrupt = [](std::string what) {
    return fail(Code::corrupt, fmt::format("a stored workflow version cannot be read: {}", what),
                "restore the state from a backup, or start a new run");
  };
  const auto parsed = parse_json(bytes);
  if (!parsed.has_value()) {
    return corrupt(parsed.error().what);
  }
  if (parsed->get_int("format") != format_now) {
    return corrupt(fmt::format("its format is {}, not {}", parsed->get_int("format"), format_now));
  }
  Reader in;
  const Value& value = (*parsed)["workflow"];
  Workflow workflow{.file = in.text(*parsed, "file"),
                    .name = in.text(value, "workflow"),
                    .description = in.text(value, "description"),
                    .tags = in.tags(value, "tags"),
                    .timeout = in.maybe_duration(value, "timeout_us")};
  for (const Value& param : in.list(value, "params")) {
    workflow.params.push_back(read_param(in, param));
  }
  const ValueList& tasks = in.list(value, "tasks");
  for (const Value& task : tasks) {
    workflow.tasks.push_back(read_task(in, task));
  }
  read_needs(in, workflow, tasks);
  read_files(in, workflow, value);
  read_marks(in, workflow, (*parsed)["marks"]);
  if (!in.ok()) {
    return corrupt("a value is missing or of the wrong kind");
  }
  return Thawed{.workflow = std::move(workflow), .version = version_of(value)};
}

}  // namespace tutti::spec
