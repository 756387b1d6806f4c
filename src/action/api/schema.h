// SPDX-License-Identifier: Apache-2.0
// What an action takes and gives, as plain data: validation, the JSON Schema and the docs page come
// from this one table, and the worker reads its flags. Values; no I/O.
#pragma once

#include <string>
#include <vector>

namespace tutti::action {

enum class ParamKind : uint8_t {
  text,   // a template that renders to a string
  value,  // any value, templates inside
  integer,
  boolean,
  duration,
  size,         // bytes: 10MB, 64MiB
  expression,   // without braces; evaluated by the worker unless `raw`
  address,      // CONNECTION://KEY; a list of them where `many`
  database,     // the name of a connection with tables
  web_service,  // the name of a connection that takes HTTP requests
  url,          // http:// or https://
  sql,
  file,  // a path within the project; its content is part of the workflow's version
  list,
  map,
  number,
  table,         // CONNECTION.SCHEMA.TABLE, or CONNECTION.TABLE
  python_call,   // module:function; the module's file is part of the workflow's version
  script,        // text given to a process: a secret in it is an error
  command,       // a program and its arguments, a list: the same
  branch_cases,  // [{when: expression, to: task or list of tasks}]
  task,          // a direct dependant, or a list of them
  json_schema,   // a map or boolean is the schema itself; a text is a file, as `file`
  secret,        // the name of a secret of the project
};

struct Param {
  std::string name;
  ParamKind kind = ParamKind::text;
  std::string doc;  // one sentence
  bool required = false;
  bool many = false;       // one or a list of them
  bool secret_ok = false;  // a secret may stand here; elsewhere it is an error ("pass it by env")
  bool raw = false;        // handed to the action unrendered: it evaluates it itself
  std::vector<std::string> names = {};  // what a raw expression may name beside the context: status
  std::vector<std::string> choices = {};  // N% at the end of one: any part of 100
  std::string least = {};                 // of a duration: nothing shorter; empty: any
  std::string fallback = {};              // the default, as the docs show it
  std::vector<Param> members = {};        // of a map: its keys, and no others; none: any keys
};

struct OutputField {
  std::string name;
  std::string kind;  // for people: "integer", "list of {uri, key, size}"
  std::string doc;
};

// A param that must be given with some values of another one, and cannot be with the rest of them
// (load: key, with mode merge).
struct GoesWith {
  std::string param;
  std::string other;
  std::vector<std::string> values;
};

// One of these params is given (a boolean: and true), with one of the values; none: with any.
struct Given {
  std::vector<std::string> params;
  std::vector<std::string> values = {};
  bool but = false;  // with any but these
};

// Params that cannot all be given together, unless one of `unless` is.
struct Clash {
  std::vector<Given> together;
  std::vector<std::string> unless = {};
  std::string why;  // a sentence without its full stop
  std::string remedy;
};

struct Schema {
  std::string name;     // what `uses` says: "copy", "wait.object"
  std::string summary;  // one sentence
  std::vector<Param> params = {};
  std::vector<std::vector<std::string>> one_of =
      {};  // exactly one param of each group must be given
  // Params that are given together: where one of them is in a group, it stands for all.
  std::vector<std::vector<std::string>> together = {};
  std::vector<GoesWith> goes_with = {};
  std::vector<Clash> clashes = {};
  std::vector<OutputField> outputs = {};
  bool outputs_open = false;  // the task's own code adds outputs of any name
  bool branches = false;      // its output `chosen` names the direct dependants that run
  bool light = false;         // decided at once, without a worker slot: noop, branch
  bool idempotent = true;     // a lost attempt may be run again; false: it becomes unknown_outcome
  bool only_outputs =
      false;  // no effect but its outputs (list): validation warns if nobody reads them
  bool takes_files = false;    // `files: {in, out}` may stage objects for it
  bool takes_env = false;      // `env` may be given
  bool takes_runtime = false;  // `runtime` may be given
  // Where a write may happen twice: `write_param` not among `safe_values` and no `key_param` given
  // (http: method, GET HEAD OPTIONS PUT DELETE, idempotency_key). Empty: does not apply. Validation
  // warns when such a task is retried, and a lost attempt of it becomes unknown_outcome.
  std::string write_param = {};
  std::vector<std::string> safe_values = {};
  std::string key_param = {};
};

}  // namespace tutti::action
