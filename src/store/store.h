// SPDX-License-Identifier: Apache-2.0
// Store: where a shard's state lives. Implementations: sqlite, memory (and the simulator's, which
// wraps memory). One owner writes; the epoch fences owners that were replaced.
//
// A commit is all or nothing and durable when it returns. Errors: `conflict` (a newer epoch owns
// the shard: drop memory, stop), `unknown_outcome` (the reply was lost: read before going on),
// `unavailable` (disk full, I/O error: nothing was written). Called from one loop; work happens on
// the store's own threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::store {

// Rises with each claim; a commit under an older one is refused.
using Epoch = int64_t;

// A piece of one run's state: opaque bytes under (run, number). Empty bytes delete it. Numbers are
// below 2^24; pages of up to page_bytes_best bytes cost least. A run's row is committed before or
// with the first of its pages, attempts and outputs; it keeps its run_no for ever.
constexpr size_t page_bytes_best = 4000;
struct Page {
  RunId run;
  uint32_t number = 0;
  std::string bytes;
};

// ---- the read model: one row a run, one row an ended attempt -----------------------------------

struct RunRow {
  RunId run;
  int64_t run_no = 0;
  std::string workflow;
  std::string profile;
  std::string version;  // digest of the workflow version, as text
  std::optional<Instant> logical_date = std::nullopt;
  std::optional<Instant> interval_start = std::nullopt;
  std::optional<Instant> interval_end = std::nullopt;
  std::string state;  // queued running paused cancelling success failed cancelled
  std::string reason = {};
  bool live = true;        // its pages are loaded when the shard is
  bool attention = false;  // an outcome is unknown and waits for `tutti mark`
  Instant created = {};
  std::optional<Instant> started = std::nullopt;
  std::optional<Instant> ended = std::nullopt;
  uint32_t tasks = 0;
  uint32_t succeeded = 0;
  uint32_t failed = 0;  // with upstream_failed
  uint32_t skipped = 0;
};

struct AttemptRow {
  RunId run;
  TaskNo task;
  AttemptNo attempt = 0;  // 0: the task ended without one (skipped, upstream_failed)
  std::string task_name;
  std::string state;  // how it ended
  std::string reason = {};
  Instant started = {};
  Instant ended = {};
  std::string error = {};  // JSON of the error, masked; or empty
};

struct OutputKey {
  RunId run;
  TaskNo task;
  AttemptNo attempt = 0;
  auto operator<=>(const OutputKey&) const = default;
};
struct OutputRow {
  OutputKey key;
  std::string json = {};  // inline; or empty and a blob
  std::optional<Digest> blob = std::nullopt;
  int64_t bytes = 0;
};

struct Commit {
  Epoch epoch = 0;
  std::vector<Page> pages = {};
  std::vector<RunRow> runs = {};          // inserted or replaced by run id
  std::vector<AttemptRow> attempts = {};  // inserted or replaced by (run, task, attempt)
  std::vector<OutputRow> outputs = {};
};

struct RunImage {
  RunRow row;
  std::vector<Page> pages;  // by number
};
struct Claimed {
  Epoch epoch = 0;
  int64_t last_run_no = 0;
  std::vector<RunImage> live;  // every run whose row is live, oldest first
};

struct RunsQuery {
  std::optional<RunId> run = std::nullopt;  // exactly this one
  std::optional<std::string> workflow = std::nullopt;
  std::optional<std::string> state = std::nullopt;
  std::optional<Instant> logical_from = std::nullopt;    // logical date at or after this
  std::optional<Instant> logical_before = std::nullopt;  // and before this
  std::optional<int64_t> before_run_no = std::nullopt;   // for paging
  size_t rows_max = 100;                                 // newest first
};

class Store {
 public:
  virtual ~Store() = default;

  // Takes the shard over: every commit under an older epoch is refused from now on, one that is
  // still on its way too. An owner that reads its state again after a failed commit names the epoch
  // it `held`, and is refused with `conflict` when a newer one owns the shard.
  virtual Task<Claimed> claim(rt::Context& ctx, std::optional<Epoch> held) = 0;
  virtual Task<Unit> commit(rt::Context& ctx, Commit commit) = 0;
  // A run that is not live, for a retry of its failed tasks. not_found when it is not there.
  virtual Task<RunImage> load_run(rt::Context& ctx, RunId run) = 0;

  virtual Task<std::vector<RunRow>> runs(rt::Context& ctx, RunsQuery query) = 0;
  virtual Task<std::vector<AttemptRow>> attempts(rt::Context& ctx,
                                                 RunId run) = 0;  // by task, attempt
  // In the order asked for; a key that is not there is left out.
  virtual Task<std::vector<OutputRow>> outputs(rt::Context& ctx, std::vector<OutputKey> keys) = 0;

  // Content-addressed bytes (sha256). Durable when put returns; the same bytes twice are one blob.
  // get: not_found, or corrupt when the bytes no longer match.
  virtual Task<Unit> put_blob(rt::Context& ctx, Digest digest, std::string bytes) = 0;
  virtual Task<std::string> get_blob(rt::Context& ctx, Digest digest) = 0;

  // Waits for what is under way and closes; nothing may be called after it.
  virtual Task<Unit> close(rt::Context& ctx) = 0;
};

}  // namespace tutti::store
