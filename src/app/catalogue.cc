// SPDX-License-Identifier: Apache-2.0
#include "app/catalogue.h"

#include <algorithm>

namespace tutti::app {
namespace {

spec::ParamKind kind_of(action::ParamKind kind) {
  using A = action::ParamKind;
  using S = spec::ParamKind;
  switch (kind) {
    case A::text:
      return S::string;
    case A::value:
      return S::any;
    case A::integer:
      return S::integer;
    case A::boolean:
      return S::boolean;
    case A::duration:
      return S::duration;
    case A::size:
      return S::size;
    case A::expression:
      return S::expression;
    case A::address:
      return S::address;
    case A::database:
      return S::database;
    case A::web_service:
      return S::web_service;
    case A::url:
      return S::url;
    case A::sql:
      return S::sql;
    case A::file:
      return S::file;
    case A::list:
      return S::list;
    case A::map:
      return S::map;
    case A::number:
      return S::number;
    case A::table:
      return S::table;
    case A::python_call:
      return S::python_call;
    case A::script:
      return S::script;
    case A::command:
      return S::command;
    case A::branch_cases:
      return S::branch_cases;
    case A::task:
      return S::task;
    case A::json_schema:
      return S::json_schema;
    case A::secret:
      return S::secret;
  }
  return S::any;
}

// NOLINTNEXTLINE(misc-no-recursion): maps hold maps
spec::ParamSchema param_of(const action::Param& param) {
  spec::ParamSchema out{.name = param.name,
                        .kind = kind_of(param.kind),
                        .doc = param.doc,
                        .required = param.required,
                        .many = param.many,
                        .secret_allowed = param.secret_ok,
                        .choices = param.choices,
                        .least = param.least,
                        .names = param.names,
                        .default_value = param.fallback.empty() ? Value() : Value(param.fallback)};
  for (const action::Param& each : param.members) {
    out.members.push_back(param_of(each));
  }
  return out;
}

// The alternatives of a group: each name with those that must be given together with it.
spec::OneOf one_of(const action::Schema& schema, const std::vector<std::string>& group) {
  spec::OneOf out;
  for (const std::string& name : group) {
    const auto with =
        std::ranges::find_if(schema.together, [&name](const std::vector<std::string>& names) {
          return std::ranges::find(names, name) != names.end();
        });
    out.alternatives.push_back(with == schema.together.end() ? std::vector<std::string>{name}
                                                             : *with);
  }
  return out;
}

}  // namespace

spec::Catalogue make_catalogue(const worker::Actions& actions) {
  spec::Catalogue catalogue;
  for (const auto& [name, action] : actions) {
    catalogue.actions.push_back(to_spec(action->schema()));
  }
  return catalogue;
}

spec::ActionSchema to_spec(const action::Schema& schema) {
  spec::ActionSchema out{.name = schema.name,
                         .summary = schema.summary,
                         .outputs_open = schema.outputs_open,
                         .is_branch = schema.branches,
                         .idempotent = schema.idempotent,
                         .light = schema.light,
                         .only_outputs = schema.only_outputs,
                         .takes_files = schema.takes_files,
                         .takes_env = schema.takes_env,
                         .takes_runtime = schema.takes_runtime,
                         .write_param = schema.write_param,
                         .safe_values = schema.safe_values,
                         .key_param = schema.key_param};
  for (const action::Param& param : schema.params) {
    out.params.push_back(param_of(param));
  }
  for (const std::vector<std::string>& group : schema.one_of) {
    out.one_of.push_back(one_of(schema, group));
  }
  for (const action::GoesWith& row : schema.goes_with) {
    out.goes_with.push_back({.param = row.param, .other = row.other, .values = row.values});
  }
  for (const action::Clash& row : schema.clashes) {
    spec::Clash clash{.unless = row.unless, .why = row.why, .remedy = row.remedy};
    for (const action::Given& given : row.together) {
      clash.together.push_back({.params = given.params, .values = given.values, .but = given.but});
    }
    out.clashes.push_back(std::move(clash));
  }
  for (const action::OutputField& output : schema.outputs) {
    out.outputs.push_back({.name = output.name, .type = output.kind, .doc = output.doc});
  }
  return out;
}

}  // namespace tutti::app
