// SPDX-License-Identifier: Apache-2.0
// LiveRun: a run in memory, with what the current batch has changed of it. Private to this folder.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "control/control.h"
#include "core/run/origin.h"
#include "core/run/run.h"
#include "engine/definition.h"
#include "rt/wait.h"
#include "store/store.h"
#include "worker/api/worker.h"

namespace tutti::engine {

// What people see of a task beside its state.
struct TaskExtra {
  std::optional<Error> error;  // of the last attempt
  int64_t bytes_done = 0;
  std::optional<int64_t> bytes_total;
  int64_t items_done = 0;
  std::optional<int64_t> items_total;
};

struct LiveRun {
  run::RunState state;
  run::Origin origin;
  std::shared_ptr<const Definition> definition;
  std::shared_ptr<const worker::RunContext> context;

  std::map<uint32_t, TaskExtra> extras;         // by task; few have one
  bool errors_known = false;                    // else the history must be read for `extras`
  std::unordered_map<uint32_t, Value> outputs;  // of tasks that others read; a cache
  std::map<uint32_t, Error> unreadable;         // of those, the ones the store can never give

  uint64_t revision = 0;          // of the newest change
  std::vector<uint64_t> changed;  // by task: the revision of its newest change
  std::vector<std::shared_ptr<rt::Waiter>> watchers;
  uint64_t used = 0;  // when somebody last wanted it (turns)

  // Of the batch that is being made.
  bool in_batch = false;
  bool header_dirty = false;
  bool origin_dirty = false;
  bool row_dirty = false;
  bool row_attention = false;  // as the row has it
  std::vector<bool> page_dirty;
  std::vector<uint32_t> dirty;  // numbers of pages

  const RunId& id() const { return state.id; }
  bool live() const { return !run::is_ended(state.phase); }
  const spec::Task& task(TaskNo no) const { return definition->workflow.task(no); }
  void wake_watchers() {
    for (const auto& watcher : std::exchange(watchers, {})) {
      watcher->complete();
    }
  }
};

std::shared_ptr<LiveRun> make_live_run(run::RunState state, run::Origin origin,
                                       std::shared_ptr<const Definition> definition);

store::RunRow row_of(const LiveRun& run);
store::AttemptRow row_of(const LiveRun& run, const run::AttemptEnd& end, std::string error);

control::RunView view_of(const LiveRun& run);
control::RunView view_of(const store::RunRow& row);
control::TaskView view_of(const LiveRun& run, TaskNo no);
control::AttemptView view_of(const store::AttemptRow& row);

// The stored form of an error; an empty text is none.
std::string error_to_json(const Error& error);
std::optional<Error> error_from_json(const std::string& json);

}  // namespace tutti::engine
