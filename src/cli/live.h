// SPDX-License-Identifier: Apache-2.0
// Watching one run: a table that redraws on a terminal, one line a change when piped, and the
// summary at the end.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/output.h"
#include "control/control.h"

namespace tutti::cli {

class RunWatcher {
 public:
  explicit RunWatcher(Output& output) : output_(output) {}

  // Merges what changed and shows it. `now` is wall time, for the running ones.
  void update(control::RunChanges changes, Instant now);
  // Leaves the table as it is and prints the summary.
  void finish(Instant now);

  const control::RunView& run() const { return run_; }
  const std::vector<control::TaskView>& tasks() const { return tasks_; }
  bool ended() const;

 private:
  void redraw(Instant now, bool last);
  void print_change(const control::TaskView& before, const control::TaskView& now);

  Output& output_;
  control::RunView run_;
  std::vector<control::TaskView> tasks_;  // by number
  size_t drawn_lines_ = 0;
  std::map<uint32_t, std::pair<Instant, int64_t>> rates_;  // task -> when it had how many bytes
};

// "running", "waiting for its needs", "unknown outcome: see `tutti mark`": state and reason for
// people.
std::string state_text(const control::TaskView& task);
bool is_ended(std::string_view run_state);
// What the run read, wrote and proved, from its tasks' outputs; lines without line ends.
std::vector<std::string> summary_lines(const control::RunView& run,
                                       const std::vector<control::TaskView>& tasks,
                                       const Output& output);

}  // namespace tutti::cli
