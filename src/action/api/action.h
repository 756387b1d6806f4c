// SPDX-License-Identifier: Apache-2.0
// Action: what a task `uses`. Owned by `app`, shared by all attempts, called on the worker's loop;
// it blocks nothing (CPU or blocking work goes through rt::offload or a process of its own).
//
// Cancellation and the attempt's time-out arrive through the Context; run() returns only when what
// it started has ended or can never act again. What cannot be known to have happened (a write whose
// reply was lost) fails with Code::unknown_outcome.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "action/api/schema.h"
#include "base/ids.h"
#include "base/value.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::action {

enum class Stream : uint8_t { out, err, system };  // system: lines written by Tutti itself

// For the live view; counts only rise within an attempt.
struct Progress {
  int64_t bytes_done = 0;
  std::optional<int64_t> bytes_total = std::nullopt;
  int64_t items_done = 0;
  std::optional<int64_t> items_total = std::nullopt;
};

struct AttemptInfo {
  AttemptId id;
  std::string workflow;
  std::string task;
  std::string profile;
  std::filesystem::path project;  // the project's folder, read only
  std::filesystem::path scratch;  // an empty folder of this attempt, removed after it
  std::vector<std::pair<std::string, std::string>> env = {};  // rendered `env` of the task
  Value runtime = {};                                         // rendered `runtime`
  Value files = {};  // rendered `files`: {in: {name: address}, out: {name: address}}
};

// What an action may do besides its work. Implemented by the worker; lives as long as the attempt.
class Attempt {
 public:
  virtual ~Attempt() = default;
  virtual const AttemptInfo& info() const = 0;
  // Appends to the attempt's log, secrets masked; waits while the log's buffer is full.
  virtual Task<Unit> log(rt::Context& ctx, Stream stream, std::string bytes) = 0;
  virtual void progress(Progress progress) = 0;
  // A file of the workflow's version (SQL, script, module), as it was when the run started.
  virtual Task<std::string> project_file(rt::Context& ctx, std::string path) = 0;
  // Evaluates a `raw` expression in the task's context with `locals` added (http's check: status,
  // body).
  virtual Result<Value> evaluate(std::string_view expression, const ValueMap& locals) = 0;
};

enum class FailReason : uint8_t { code, data, infrastructure, timeout, policy };

struct Done {
  Value output = Value(ValueMap{});  // a map
};
struct Failed {
  Error error;
  FailReason reason = FailReason::code;
  bool retryable = true;
  Value output = Value(ValueMap{});  // what is known all the same: exit_code
  // It died without doing of its own (the process helper was killed) and is proven dead: it starts
  // again without using up `retry.attempts`, at most five times.
  bool lost = false;
};
using Outcome = std::variant<Done, Failed>;

// What a run would do, for `tutti plan`; texts are for people.
struct Preview {
  struct Step {
    std::string what;  // "copy 12 objects to s3://archive/2026-02-28/"
    std::optional<int64_t> objects = std::nullopt;
    std::optional<int64_t> bytes = std::nullopt;
    std::string detail = {};  // the SQL, the command
  };
  std::vector<Step> steps = {};
  std::vector<std::string> unknown = {};  // what cannot be known before upstream tasks have run
};

class Action {
 public:
  virtual ~Action() = default;
  virtual const Schema& schema() const = 0;
  // No side effects. `with` is rendered as far as it can be before the run; what is not known yet
  // is the text of its template.
  virtual Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) = 0;
  virtual Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) = 0;
};

}  // namespace tutti::action
