// SPDX-License-Identifier: Apache-2.0
// Shard: many runs together. Ready tasks wait in the order of their runs, and within a run in the
// order in which they became ready; a task that stands here twice, or no longer waits, is harmless:
// the state machine refuses to admit it. Slots are counted from the runs' own counts.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "core/run/fact.h"

namespace tutti::shard {

struct Limits {
  uint32_t slots = 8;          // attempts at once
  uint32_t light_max = 1'024;  // light attempts at once; they take no slot
};

struct RunTask {
  int64_t run_no = 0;
  TaskNo task;
  bool operator==(const RunTask&) const = default;
};

struct Due {
  BootInstant at;
  int64_t run_no = 0;
  run::TimerFired timer;
};

class Shard {
 public:
  explicit Shard(Limits limits) : limits_(limits) {}

  void add_ready(int64_t run_no, TaskNo task, bool light);
  // Takes the next one that a free slot allows.
  std::optional<RunTask> take_ready();
  // The run's counts changed from `before` to `after`; a run that comes or goes has none.
  void recount(const run::Counts& before, const run::Counts& after);

  void arm(Due due);
  std::optional<BootInstant> next_due() const;
  std::optional<Due> take_due(BootInstant now);
  // Timers that nobody waits for any more are dropped once they are most of the heap.
  template <class Keep>
  void compact_timers(Keep keep) {
    if (timers_.size() > timers_max_) {
      std::erase_if(timers_, [&](const Entry& entry) { return !keep(entry.due); });
      rebuild_heap();
    }
  }

  // The run left the shard.
  void forget(int64_t run_no);

  uint32_t slots_used() const { return slots_used_; }
  uint32_t light_used() const { return light_used_; }
  size_t timer_count() const { return timers_.size(); }

 private:
  using Queues = std::map<int64_t, std::deque<TaskNo>>;
  struct Entry {
    Due due;
    uint64_t order = 0;  // equal times fire in the order in which they were armed
  };
  static bool later(const Entry& a, const Entry& b);
  static std::optional<RunTask> take(Queues& queues);
  void rebuild_heap();

  Limits limits_;
  Queues ready_, light_ready_;
  uint32_t slots_used_ = 0;
  uint32_t light_used_ = 0;
  std::vector<Entry> timers_;  // heap, the earliest first
  size_t timers_max_ = 1'024;
  uint64_t order_ = 0;
};

}  // namespace tutti::shard
