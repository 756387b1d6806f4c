// SPDX-License-Identifier: Apache-2.0
#include "worker/render.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti::worker {
namespace {

// Renders every string inside a value; gathers the secrets it read.
class Renderer {
 public:
  Renderer(const expr::Context& context, RenderedTask& out) : context_(context), out_(out) {}

  Result<Value> value(const Value& from, const std::string& where, bool secret_ok) {
    switch (from.kind()) {
      case Kind::string:
        return text(from.as_string(), where, secret_ok);
      case Kind::list: {
        ValueList list;
        for (const Value& item : from.as_list()) {
          TRY(Value rendered, value(item, fmt::format("{}[{}]", where, list.size()), secret_ok));
          list.push_back(std::move(rendered));
        }
        return Value(std::move(list));
      }
      case Kind::map: {
        ValueMap map;
        for (const auto& [key, item] : from.as_map()) {
          TRY(Value rendered, value(item, where + "." + key, secret_ok));
          map.set(key, std::move(rendered));
        }
        return Value(std::move(map));
      }
      default:
        return from;
    }
  }

  Result<Value> text(const std::string& source, const std::string& where, bool secret_ok) {
    if (source.find('{') == std::string::npos) {
      return Value(source);
    }
    return finish(expr::parse_template(source), source, where, secret_ok);
  }

  Result<Value> expression(const std::string& source, const std::string& where, bool secret_ok) {
    return finish(expr::parse_expression(source), source, where, secret_ok);
  }

 private:
  Result<Value> finish(std::expected<expr::Template, expr::Problem> parsed,
                       const std::string& source, const std::string& where, bool secret_ok) {
    if (!parsed) {
      return located(expr::to_error(parsed.error(), source), where);
    }
    auto rendered = expr::render(*parsed, context_);
    if (!rendered) {
      return located(std::move(rendered).error(), where);
    }
    if (rendered->secret() && !secret_ok) {
      return fail(Error{.code = Code::bad_input,
                        .what = "a secret must not stand here: it would be seen by others",
                        .where = where,
                        .remedy = "pass it by env or stdin"});
    }
    for (std::string& name : rendered->secrets) {
      if (std::ranges::find(out_.secrets, name) == out_.secrets.end()) {
        out_.secrets.push_back(std::move(name));
      }
    }
    out_.unknown = out_.unknown || rendered->unknown;
    return std::move(rendered->value);
  }

  static std::unexpected<Error> located(Error error, const std::string& where) {
    error.where = error.where.empty() ? where : where + ":" + error.where;
    return fail(std::move(error));
  }

  const expr::Context& context_;
  RenderedTask& out_;
};

const action::Param* find_param(const action::Schema& schema, std::string_view name) {
  const auto at = std::ranges::find(schema.params, name, &action::Param::name);
  return at == schema.params.end() ? nullptr : &*at;
}

Result<Value> render_param(Renderer& renderer, const action::Param* param, const Value& from,
                           const std::string& where) {
  if (param == nullptr) {
    return renderer.value(from, where, false);
  }
  if (param->raw) {
    return from;
  }
  if (param->kind == action::ParamKind::expression && from.is_string()) {
    return renderer.expression(from.as_string(), where, param->secret_ok);
  }
  return renderer.value(from, where, param->secret_ok);
}

Result<std::string> env_text(const Value& value, const std::string& where) {
  switch (value.kind()) {
    case Kind::string:
      return value.as_string();
    case Kind::null:
      return std::string();
    case Kind::list:
    case Kind::map:
      return to_json(value);
    case Kind::boolean:
      return std::string(value.as_bool() ? "true" : "false");
    default:
      return expr::to_text(value);
  }
  return fail(Error{.code = Code::internal, .what = "a value of no kind", .where = where});
}

}  // namespace

expr::Context context_of(const Assignment& assignment, expr::Context::Secrets secrets) {
  expr::Context context;
  if (assignment.run->roots.is_map()) {
    for (const auto& [name, value] : assignment.run->roots.as_map()) {
      context.set(name, value);
    }
  }
  context.set("task", Value::of({{"name", assignment.task}, {"attempt", assignment.id.attempt}}));
  context.set("tasks", assignment.tasks.is_map() ? assignment.tasks : Value(ValueMap{}));
  context.set_secrets(std::move(secrets));
  return context;
}

Result<Value> render_files(const Assignment& assignment, const expr::Context& context) {
  RenderedTask out;
  return Renderer(context, out).value(assignment.files, "files", false);
}

Result<RenderedTask> render_task(const Assignment& assignment, const action::Schema& schema,
                                 const expr::Context& context) {
  RenderedTask out;
  Renderer renderer(context, out);
  ValueMap with;
  if (assignment.with.is_map()) {
    for (const auto& [key, value] : assignment.with.as_map()) {
      TRY(Value rendered, render_param(renderer, find_param(schema, key), value, "with." + key));
      with.set(key, std::move(rendered));
    }
  }
  out.with = Value(std::move(with));
  if (assignment.env.is_map()) {
    for (const auto& [key, value] : assignment.env.as_map()) {
      TRY(const Value rendered, renderer.value(value, "env." + key, true));
      TRY(std::string text, env_text(rendered, "env." + key));
      out.env.emplace_back(key, std::move(text));
    }
  }
  TRY(out.runtime, renderer.value(assignment.runtime, "runtime", false));
  TRY(out.files, renderer.value(assignment.files, "files", false));
  return out;
}

}  // namespace tutti::worker
