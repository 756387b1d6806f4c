// SPDX-License-Identifier: Apache-2.0
// Catalogue: what each action takes and gives, as plain data. Each action writes its own
// ActionSchema; `validate`, the docs and the worker read it. Includes base only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"

namespace tutti::spec {

// What a key of `with` may hold. Where the value is a template, its type is known only when it is
// rendered, so only plain values are checked.
enum class ParamKind : uint8_t {
  any,      // any value; strings in it are templates
  string,   // template text
  address,  // scheme://..., template
  table,    // connection.schema.table or connection.table
  list,     // list of anything
  map,      // map of anything
  boolean,
  integer,  // not negative
  number,
  duration,      // "5m"
  size,          // "64MiB", or a number of bytes
  expression,    // without braces
  sql,           // SQL text, template
  database,      // name of a connection with tables, template
  web_service,   // name of a connection that takes HTTP requests, template
  url,           // http:// or https://, template
  file,          // path inside the project; becomes part of the workflow's version
  python_call,   // module:function; the module's file becomes part of the version
  script,        // text given to a process: a secret in it is an error
  command,       // a program and its arguments, a list: the same
  branch_cases,  // [{when: expression, to: task or list of tasks}]
  task,          // a direct dependant, or a list of them
  json_schema,   // a map or boolean is the schema itself; a text is a file, as `file`
  secret,        // the name of a secret of the project
};
std::string_view param_kind_name(ParamKind kind);

struct ParamSchema {
  std::string name;
  ParamKind kind = ParamKind::any;
  std::string doc;
  bool required = false;
  bool many = false;  // one value of the kind, or a list of them
  bool secret_allowed = false;
  std::vector<std::string> choices;  // closed set of plain values; of "x:N%" N is a part of 100
  std::string least = {};            // of a duration: nothing shorter; empty: any
  std::vector<std::string> names;    // what an expression may name beside the context: status, body
  Value default_value;               // for the docs; null: none
  std::vector<ParamSchema> members = {};  // of a map: its keys, and no others; none: any keys

  const ParamSchema* find_member(std::string_view member) const;
};
// Whether `text` is one of the choices.
bool is_choice(const ParamSchema& param, std::string_view text);

struct OutputSchema {
  std::string name;
  std::string type;  // for the docs: "integer", "list of {uri, key, size}"
  std::string doc;
};

// Exactly one of the alternatives must be given; the keys of an alternative belong together:
// {{"url"}, {"connection", "path"}}.
struct OneOf {
  std::vector<std::vector<std::string>> alternatives;
};

// A key that must be given with some values of another one, and cannot be with the rest of them
// (load: key, with mode merge). Nothing is asked where the other one is a template.
struct GoesWith {
  std::string param;
  std::string other;
  std::vector<std::string> values;
};

// One of these keys is given (a boolean: and true), with one of the values; none: with any.
struct Given {
  std::vector<std::string> params;
  std::vector<std::string> values = {};
  bool but = false;  // with any but these
};

// Keys that cannot all be given together, unless one of `unless` is. Nothing is asked where one of
// them is a template.
struct Clash {
  std::vector<Given> together;
  std::vector<std::string> unless = {};
  std::string why;  // a sentence without its full stop
  std::string remedy;
};

struct ActionSchema {
  std::string name;
  std::string summary;
  std::vector<ParamSchema> params;
  std::vector<OneOf> one_of;
  std::vector<OutputSchema> outputs;
  bool outputs_open = false;  // may give outputs beyond the list (process, python)
  bool is_branch = false;
  bool idempotent = false;
  bool light = false;          // carried out without process or network
  bool only_outputs = false;   // has no effect but its outputs (list): warn when nobody reads them
  bool takes_files = false;    // `files` of the task may be given
  bool takes_env = false;      // `env`
  bool takes_runtime = false;  // `runtime`
  // Where a write may happen twice: `write_param` not among `safe_values` and no `key_param` given
  // (http: method, GET HEAD OPTIONS PUT DELETE, idempotency_key). Empty: does not apply.
  std::string write_param = {};
  std::vector<std::string> safe_values = {};
  std::string key_param = {};
  std::vector<GoesWith> goes_with = {};
  std::vector<Clash> clashes = {};

  const ParamSchema* find_param(std::string_view param) const;
  const OutputSchema* find_output(std::string_view output) const;
};

struct Catalogue {
  std::vector<ActionSchema> actions;
  const ActionSchema* find(std::string_view name) const;
};

// Names that `uses` may say in a later version: known, refused with `not_yet`.
bool is_later_action(std::string_view name);

}  // namespace tutti::spec
