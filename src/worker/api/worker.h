// SPDX-License-Identifier: Apache-2.0
// What the engine tells a worker (Worker) and what a worker tells the engine (Coordinator).
//
// Both sides are fenced by AttemptId: a report of an attempt that is no longer current changes
// nothing. Reports are at-least-once: a worker keeps a report until report() has returned success,
// which it does only once the outcome is durable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"
#include "base/value.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::worker {

// Outputs up to this many bytes of JSON travel and are stored inline; larger ones as a blob.
constexpr size_t inline_output_bytes_max = 16u << 10;
constexpr size_t output_bytes_max = 64u << 20;

// What every attempt of a run shares; immutable.
struct RunContext {
  RunId run;
  std::string workflow;
  std::string profile;
  std::string project;  // folder
  Value roots;  // ds, ts, logical_date, data_interval_*, run, workflow, params, vars, connections:
                // what templates see
  std::map<std::string, Digest> files = {};  // of the workflow's version, by path: blobs
};

struct Assignment {
  AttemptId id;
  std::shared_ptr<const RunContext> run;
  std::string task;    // its name
  Value tags;          // of the task: map
  std::string action;  // what it `uses`
  Value with;          // strings are templates, unrendered
  Value env;           // map of templates
  Value runtime;       // map
  Value files;         // {in: {...}, out: {...}} of templates, or null
  // Outputs of the upstream tasks that its templates name: {task: {outputs: {...}, state:
  // "success"}}.
  Value tasks;
  std::optional<Duration> timeout = std::nullopt;  // of this attempt
};

enum class End : uint8_t {
  succeeded,
  failed,
  stopped,  // ended because stop() asked for it
  unknown,  // it may have happened: an unknown_outcome
  lost,     // it died without doing of its own (the process helper was killed), and is proven dead
};

struct OutputRef {
  std::string json = {};                      // inline, or empty
  std::optional<Digest> blob = std::nullopt;  // sha256 of the JSON
  int64_t bytes = 0;
};

struct Report {
  AttemptId id;
  End end = End::succeeded;
  std::optional<OutputRef> output = std::nullopt;
  std::vector<std::string> chosen = {};       // of a branch: the direct dependants that run
  std::optional<Error> error = std::nullopt;  // masked; with failed, stopped and unknown
  std::string reason = {};                    // code, data, infrastructure, timeout, policy
  bool retryable = true;
};

struct ProgressReport {
  AttemptId id;
  int64_t bytes_done = 0;
  std::optional<int64_t> bytes_total = std::nullopt;
  int64_t items_done = 0;
  std::optional<int64_t> items_total = std::nullopt;
};

// The engine, as a worker sees it. Called from the worker's loop.
class Coordinator {
 public:
  virtual ~Coordinator() = default;
  // Returns when all of them are durable (or were refused by number, which is success too).
  virtual Task<Unit> report(rt::Context& ctx, std::vector<Report> reports) = 0;
  // Durable when it returns; putting the same bytes twice is one blob. Before the report that names
  // it.
  virtual Task<Unit> put_blob(rt::Context& ctx, Digest digest, std::string bytes) = 0;
  virtual Task<std::string> get_blob(rt::Context& ctx, Digest digest) = 0;
  // For the live view only; may be dropped.
  virtual void progress(ProgressReport progress) = 0;
};

enum class Stop : uint8_t {
  graceful,  // SIGTERM, wait, then SIGKILL
  now,
};

// A worker, as the engine sees it. Thread-safe; returns at once.
class Worker {
 public:
  virtual ~Worker() = default;
  // Assigning an attempt the worker already has changes nothing.
  virtual void assign(std::vector<Assignment> assignments) = 0;
  // Asks; the end is reported as `stopped` (or as what it was when it ended first). An attempt the
  // worker does not know is reported `stopped`.
  virtual void stop(AttemptId id, Stop how) = 0;
};

// Where an attempt's log goes. Called from the worker's loop; a full buffer makes append wait. A
// record without bytes ends the stream.
struct LogRecord {
  AttemptId id;
  uint8_t stream = 0;  // 0 out, 1 err, 2 system
  Instant at = {};
  std::string bytes;
};
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual Task<Unit> append(rt::Context& ctx, LogRecord record) = 0;
};

}  // namespace tutti::worker
