// SPDX-License-Identifier: Apache-2.0
// Project and Workflow: what the files say, typed, with defaults applied.
//
// Values (copyable, comparable by content), made by parse.h from YAML or by freeze.h from a stored
// version; nobody else builds them except tests. Text that holds templates is kept as it was
// written: whoever renders it (worker, engine) hands it to core/expr, with the mark for its errors.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/value.h"

namespace tutti::spec {

// A place in the file a value came from; line and column count from 1 (columns in characters),
// 0 = not from a file.
struct Mark {
  uint32_t line = 0;
  uint32_t column = 0;
  auto operator<=>(const Mark&) const = default;
};
// "workflows/shop.yaml:12:5"; the file alone without a line.
std::string to_text(std::string_view file, Mark mark);

// A string of the file with its place: a template, or an expression where the key says so.
struct Text {
  std::string text;
  Mark mark;
  bool operator==(const Text&) const = default;
};

// ---- workflow

// product.md section 4; the truth table is core/run's.
enum class TriggerRule : uint8_t {
  all_success,  // the default
  all_failed,
  all_done,
  all_done_min_one_success,
  all_skipped,
  one_success,
  one_failed,
  one_done,
  none_failed,
  none_failed_min_one_success,
  none_skipped,
  always,
};
inline constexpr size_t trigger_rule_count = 12;
std::string_view trigger_rule_name(TriggerRule rule);
std::optional<TriggerRule> trigger_rule_from_name(std::string_view name);

// Integers only, because core/run computes with them. `attempts` counts all tries (1 = no retry).
// The wait before attempt n+1 is min(delay * (backoff_milli/1000)^(n-1), max_delay), then moved by
// at most jitter_permille/1000 of itself.
struct Retry {
  uint32_t attempts = 1;          // 1 to 1000
  Duration delay = seconds(10);   // before the second attempt
  uint32_t backoff_milli = 2000;  // 1000 (constant) to 100'000
  Duration max_delay = minutes(30);
  uint32_t jitter_permille = 0;  // 0 to 1000
  bool operator==(const Retry&) const = default;
};

// What the engine must know of the action, copied from its schema so that a stored workflow version
// means the same when the catalogue has changed.
struct ActionTraits {
  bool is_branch = false;   // outputs.chosen names the direct dependants that run
  bool idempotent = false;  // may be started again after an unknown outcome
  bool light = false;       // no process, no network: carried out at once
  bool unknown_if_lost =
      false;  // a lost attempt ends as unknown_outcome (an http write without key)
  bool operator==(const ActionTraits&) const = default;
};

struct Runtime {
  std::string python;        // "3.12"; empty: the worker's own
  std::string requirements;  // file of the project; may be empty
  bool operator==(const Runtime&) const = default;
};

struct Task {
  std::string name;
  Mark mark;  // of the name
  std::string uses;
  Value with = ValueMap{};                               // map; strings hold templates
  std::vector<std::pair<std::string, Mark>> with_marks;  // of each value of `with`, in its order
  std::vector<TaskNo> needs;                             // in the order of the file, each once
  TriggerRule trigger_rule = TriggerRule::all_success;
  std::optional<Text> when;  // expression
  Retry retry;
  std::optional<Duration> timeout;  // of one attempt
  bool allow_failure = false;
  Value env = ValueMap{};        // name -> template
  Value files_in = ValueMap{};   // name -> address template
  Value files_out = ValueMap{};  // name -> address template
  Runtime runtime;
  std::string group;
  std::map<std::string, std::string> tags;
  ActionTraits action;
  bool operator==(const Task&) const = default;
};

enum class ParamType : uint8_t {
  string,
  integer,
  number,
  boolean,
  date,
  datetime,
  duration,
  uri,
  list,
  map,
};
std::string_view param_type_name(ParamType type);
std::optional<ParamType> param_type_from_name(std::string_view name);

struct Param {
  std::string name;
  Mark mark;
  ParamType type = ParamType::string;
  std::optional<Value> default_value;  // none: the run must give it; a string may hold a template
  Mark default_mark;
  std::string description;
  ValueList choices;  // empty: any value of the type
  bool operator==(const Param&) const = default;
};

// A file of the project that the workflow names (SQL, script, module, requirements), by content.
struct NamedFile {
  std::string path;  // relative to the project's folder
  Digest sha256;
  bool operator==(const NamedFile&) const = default;
};

struct Workflow {
  std::string file;  // as given to the parser, for messages
  std::string name;
  Mark mark;
  std::string description;
  std::map<std::string, std::string> tags;
  std::vector<Param> params;        // in the order of the file
  std::optional<Duration> timeout;  // of the run
  std::vector<Task> tasks;          // in the order of the file; TaskNo is the place in here
  std::vector<NamedFile> files;     // sorted by path; filled by pin_files
  bool operator==(const Workflow&) const = default;

  const Task& task(TaskNo no) const { return tasks[no.value]; }
  std::optional<TaskNo> find_task(std::string_view task_name) const;
  const Param* find_param(std::string_view param_name) const;
};

// The value a parameter gets from a command line (--param name=TEXT) or from JSON: converted to its
// type and checked against its choices. Dates, instants, durations and addresses stay strings.
Result<Value> param_from_text(const Param& param, std::string_view text);
Result<Value> param_from_value(const Param& param, const Value& value);

// ---- project

enum class SecretKind : uint8_t { env, file };

struct SecretSource {
  std::string name;
  Mark mark;
  SecretKind kind = SecretKind::env;
  std::string from;  // name of the variable, or path
  bool operator==(const SecretSource&) const = default;
};

struct TagKey {
  std::string name;
  bool required = false;
  std::vector<std::string> values;  // empty: any
  bool operator==(const TagKey&) const = default;
};

struct Connection {
  std::string name;
  Mark mark;                    // line 0: built in
  std::string type;             // "local", "file", "duckdb", "http", ... (connection_types())
  Value settings = ValueMap{};  // without `type`
  bool operator==(const Connection&) const = default;
};

struct Profile {
  std::string name;
  Mark mark;
  bool sandbox = false;  // only then s3, gs, az, file, http, https may point elsewhere
  std::vector<Connection> connections;  // its own and the built-in ones, by name
  bool operator==(const Profile&) const = default;

  const Connection* find(std::string_view connection_name) const;
};

struct Project {
  std::string file;
  std::string name;
  Mark mark;
  std::vector<TagKey> tag_keys;
  std::vector<SecretSource> secrets;
  std::vector<Profile> profiles;  // always has `local`
  Value vars = ValueMap{};
  Retry retry;                      // defaults of every workflow
  std::optional<Duration> timeout;  // of one attempt, where task and workflow say nothing
  bool operator==(const Project&) const = default;

  const Profile* find_profile(std::string_view profile_name) const;
  const SecretSource* find_secret(std::string_view secret_name) const;
};

// A project without a file: the name and the built-in profile.
Project default_project(std::string name);

}  // namespace tutti::spec
