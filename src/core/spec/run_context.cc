// SPDX-License-Identifier: Apache-2.0
#include "core/spec/run_context.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/expr/expr.h"

namespace tutti::spec {
namespace {

std::string without_dashes(std::string text) {
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::string ds_of(Instant at) { return to_text(date_of(at)); }

Value dates_context(const RunDates& dates) {
  const Duration step = dates.interval_end - dates.interval_start;
  const std::string ds = ds_of(dates.logical_date);
  const std::string ts = to_text(dates.logical_date);
  const std::string prev = ds_of(dates.logical_date - step);
  const std::string next = ds_of(dates.logical_date + step);
  return ValueMap{{"ds", ds},
                  {"ds_nodash", without_dashes(ds)},
                  {"ts", ts},
                  {"ts_nodash", without_dashes(ts.substr(0, 19))},
                  {"logical_date", ts},
                  {"data_interval_start", to_text(dates.interval_start)},
                  {"data_interval_end", to_text(dates.interval_end)},
                  {"prev_ds", prev},
                  {"prev_ds_nodash", without_dashes(prev)},
                  {"next_ds", next},
                  {"next_ds_nodash", without_dashes(next)}};
}

Value tags_context(const std::map<std::string, std::string>& tags) {
  ValueMap out;
  for (const auto& [key, value] : tags) {
    out.set(key, value);
  }
  return out;
}

Value early_context(const Workflow& workflow, const RunIdentity& run) {
  Value roots = dates_context(run.dates);
  roots.edit_map().set("run", Value::of({{"id", to_text(run.id)}, {"profile", run.profile}}));
  roots.edit_map().set("workflow", Value::of({{"name", workflow.name},
                                              {"version", run.version},
                                              {"tags", tags_context(workflow.tags)}}));
  roots.edit_map().set("vars", run.vars);
  return roots;
}

// A default as the workflow has it, every template in it rendered.
Result<Value> rendered(const Value& value, const expr::Context& context) {
  if (value.is_string()) {
    if (value.as_string().find('{') == std::string::npos) {
      return value;
    }
    const auto parsed = expr::parse_template(value.as_string());
    if (!parsed.has_value()) {
      return fail(expr::to_error(parsed.error(), value.as_string()));
    }
    TRY(expr::Rendered out, expr::render(*parsed, context));
    return std::move(out.value);
  }
  if (value.is_list()) {
    ValueList out;
    for (const Value& item : value.as_list()) {
      TRY(Value one, rendered(item, context));
      out.push_back(std::move(one));
    }
    return Value(std::move(out));
  }
  if (value.is_map()) {
    ValueMap out;
    for (const auto& [key, item] : value.as_map()) {
      TRY(Value one, rendered(item, context));
      out.set(key, std::move(one));
    }
    return Value(std::move(out));
  }
  return value;
}

Result<Value> default_of(const Param& param, const expr::Context& context) {
  if (!param.default_value) {
    return fail(Error{.code = Code::bad_input,
                      .what = fmt::format("the parameter '{}' is missing", param.name),
                      .where = {},
                      .remedy = fmt::format("give it: --param {}=...", param.name)});
  }
  auto value = rendered(*param.default_value, context);
  if (!value.has_value()) {
    return fail(with_context(std::move(value).error(),
                             fmt::format("default of the parameter '{}'", param.name)));
  }
  return param_from_value(param, *value);
}

}  // namespace

RunDates dates_of_manual_run(std::optional<Date> date, Instant now) {
  if (!date) {
    return {.logical_date = now, .interval_start = now, .interval_end = now};
  }
  const Instant start = start_of(*date);
  return {.logical_date = start, .interval_start = start, .interval_end = start + days(1)};
}

Value connection_context(const Profile& profile) {
  ValueMap out;
  for (const Connection& each : profile.connections) {
    out.set(each.name, Value::of({{"type", each.type}, {"settings", each.settings}}));
  }
  return Value(std::move(out));
}

Result<Value> complete_params(const Workflow& workflow, const RunIdentity& run,
                              const Value& given) {
  if (!given.is_map()) {
    return fail(Code::bad_input, "the parameters are no map");
  }
  for (const auto& [name, value] : given.as_map()) {
    if (workflow.find_param(name) == nullptr) {
      return fail(Code::bad_input,
                  fmt::format("the workflow '{}' has no parameter '{}'", workflow.name, name),
                  "see `params` in its file");
    }
  }
  expr::Context context;
  for (const auto& [name, value] : early_context(workflow, run).as_map()) {
    context.set(name, value);
  }
  ValueMap params;
  for (const Param& param : workflow.params) {
    const Value* value = given.as_map().find(param.name);
    TRY(Value checked,
        value != nullptr ? param_from_value(param, *value) : default_of(param, context));
    params.set(param.name, std::move(checked));
  }
  return Value(std::move(params));
}

Value run_context(const Workflow& workflow, const RunIdentity& run, const Value& params) {
  Value roots = early_context(workflow, run);
  roots.edit_map().set("params", params);
  roots.edit_map().set("connections", run.connections);
  return roots;
}

Value task_context(const std::string& name, const Value& tags, AttemptNo attempt) {
  ValueMap task{{"name", name}, {"tags", tags.is_map() ? tags : Value(ValueMap{})}};
  if (attempt > 0) {
    task.set("attempt", attempt);
  }
  return task;
}

}  // namespace tutti::spec
