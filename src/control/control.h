// SPDX-License-Identifier: Apache-2.0
// ControlPlane: the one way to ask and change the state of a project's runs. A call that changes
// something returns when the change is durable. Called on the implementation's loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/value.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::control {

// How a user names a run: its id (or the first 6 or more characters of it, when unique), NAME@DATE
// (the newest run of that logical date), NAME (the newest of that workflow) or `latest`.
struct RunRef {
  std::string text;
};

struct StartRun {
  RunId id;              // made by the caller, so that asking twice starts one run
  std::string workflow;  // its frozen version: spec::freeze
  std::map<std::string, std::string> files = {};  // SQL, scripts and modules it names, by path
  std::string profile;
  std::string project;                      // absolute folder
  Value params = Value(ValueMap{});         // as given; the workflow's defaults fill the rest
  Value vars = Value(ValueMap{});           // of the project
  Value connections = Value(ValueMap{});    // of the profile: name -> {type, settings}
  std::optional<Date> date = std::nullopt;  // logical date; none: now, with an empty interval
};

struct RunView {
  RunId id;
  int64_t run_no = 0;
  std::string workflow;
  std::string profile;
  std::string version;
  std::optional<Instant> logical_date = std::nullopt;
  std::optional<Instant> interval_start = std::nullopt;
  std::optional<Instant> interval_end = std::nullopt;
  std::string state;
  std::string reason = {};
  std::string problem = {};  // what keeps the owner from going on, for people: a full disk
  bool attention = false;    // an outcome is unknown: `tutti mark`
  Instant created = {};
  std::optional<Instant> started = std::nullopt;
  std::optional<Instant> ended = std::nullopt;
  uint32_t tasks = 0;
  uint32_t succeeded = 0;
  uint32_t failed = 0;  // without those that may, and without those upstream of which one failed
  uint32_t skipped = 0;
};

struct TaskView {
  TaskNo no;
  std::string name;
  std::string action;
  std::vector<std::string> needs = {};
  std::string state;  // waiting running deferred cancelling success failed upstream_failed skipped
                      // cancelled removed
  std::string reason = {};
  AttemptNo attempt = 0;
  uint32_t attempts_max = 1;
  std::optional<Instant> started = std::nullopt;  // of the current attempt
  std::optional<Instant> ended = std::nullopt;
  std::optional<Instant> next_try = std::nullopt;  // while it waits for a retry
  std::optional<Error> error = std::nullopt;       // how the newest attempt failed, masked
  int64_t bytes_done = 0;
  std::optional<int64_t> bytes_total = std::nullopt;
  int64_t items_done = 0;
  std::optional<int64_t> items_total = std::nullopt;
  Value output = {};  // masked; filled only when asked for
};

struct AttemptView {
  TaskNo task;
  std::string task_name;
  AttemptNo attempt = 0;
  std::string state;
  std::string reason = {};
  Instant started = {};
  Instant ended = {};
  std::optional<Error> error = std::nullopt;
};

// What changed in a run since `since`; with since 0, all of it.
struct RunChanges {
  uint64_t revision = 0;  // hand it back as `since`
  RunView run;
  std::vector<TaskView> tasks = {};  // only those that changed
};

struct Watch {
  RunRef run;
  uint64_t since = 0;
  Duration wait = {};  // up to this long for a change; 0 answers at once
  bool outputs = false;
};

struct RunsQuery {
  std::optional<std::string> workflow = std::nullopt;
  std::optional<std::string> state = std::nullopt;
  std::optional<Date> date = std::nullopt;
  std::optional<int64_t> before_run_no = std::nullopt;
  size_t rows_max = 20;
};

struct LogQuery {
  RunRef run;
  std::optional<std::string> task = std::nullopt;
  std::optional<AttemptNo> attempt = std::nullopt;
  uint64_t cursor = 0;
  Duration wait = {};  // up to this long for new lines of a live run
  size_t bytes_max = 1u << 20;
};
struct LogLine {
  std::string task;
  AttemptNo attempt = 0;
  std::string stream;  // out err system
  Instant at = {};
  std::string text;  // without the line end
};
struct LogPage {
  std::vector<LogLine> lines = {};
  uint64_t cursor = 0;
  bool end = false;  // the run has ended and all was read
};

enum class RetryWhat : uint8_t {
  failed
};  // failed and upstream_failed tasks, and what followed them

struct Mark {
  RunRef run;
  std::string task;
  std::string state;  // success failed skipped
};

struct OwnerView {
  int64_t pid = 0;
  std::string version;
  Instant started = {};
  uint64_t live_runs = 0;
  uint64_t busy_runs = 0;  // of those, the ones that go on without a person
  uint64_t clients = 0;
  std::string problem = {};  // as RunView's
};

class ControlPlane {
 public:
  virtual ~ControlPlane() = default;
  virtual Task<RunView> start(rt::Context& ctx, StartRun request) = 0;
  virtual Task<std::vector<RunView>> runs(rt::Context& ctx, RunsQuery query) = 0;
  virtual Task<RunChanges> watch(rt::Context& ctx, Watch request) = 0;
  virtual Task<std::vector<AttemptView>> attempts(rt::Context& ctx, RunRef run) = 0;
  virtual Task<LogPage> logs(rt::Context& ctx, LogQuery query) = 0;
  virtual Task<RunView> cancel(rt::Context& ctx, RunRef run,
                               bool now) = 0;  // now: end attempts at once
  virtual Task<RunView> retry(rt::Context& ctx, RunRef run, RetryWhat what) = 0;
  virtual Task<RunView> mark(rt::Context& ctx, Mark request) = 0;
  virtual Task<OwnerView> owner(rt::Context& ctx) = 0;
};

}  // namespace tutti::control
