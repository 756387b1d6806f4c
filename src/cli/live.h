// SPDX-License-Identifier: Apache-2.0
// Watching one run: a table that redraws on a terminal, one line a change when piped, and the
// summary at the end.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"
#include "control/control.h"

namespace tutti::cli {

// How fast each running task moves bytes now: over the last second or so, not since its start.
class Rates {
 public:
  void update(const std::vector<control::TaskView>& tasks, Instant now);
  std::optional<int64_t> of(TaskNo task) const;  // bytes per second; none before it is known

 private:
  struct Sample {
    AttemptNo attempt = 0;
    Instant at;
    int64_t bytes = 0;
    std::optional<int64_t> rate = std::nullopt;
  };
  std::map<uint32_t, Sample> samples_;  // of active tasks, by number
};

// The live table: as many lines as the screen has below the cursor's, none wider than it. When not
// all tasks fit, what runs and what failed comes first and the last line counts the others.
std::vector<std::string> table_lines(const std::vector<control::TaskView>& tasks,
                                     const Rates& rates, Instant now, Screen screen,
                                     const Output& output);

// Lines that are drawn over again in place.
class Repaint {
 public:
  // What to write so that `lines` stand where the last ones stood. The screen may have changed its
  // size since: lines that were drawn wider than it is now have wrapped.
  std::string draw(const std::vector<std::string>& lines, Screen screen);

 private:
  std::vector<size_t> drawn_widths_;
};

class RunWatcher {
 public:
  explicit RunWatcher(Output& output) : output_(output) {}

  // Merges what changed and shows it. `now` is wall time, for the running ones.
  void update(control::RunChanges changes, Instant now);
  // Leaves the table as it is and prints the summary.
  void finish(Instant now);
  // A note about the run: below the table while there is one, else on standard error.
  void say(std::string text, Instant now);

  const control::RunView& run() const { return run_; }
  const std::vector<control::TaskView>& tasks() const { return tasks_; }
  bool ended() const;

 private:
  void redraw(Instant now);
  void print_change(const control::TaskView& before, const control::TaskView& now);

  Output& output_;
  control::RunView run_;
  std::vector<control::TaskView> tasks_;  // by number
  Rates rates_;
  Repaint repaint_;
  std::optional<Instant> drawn_at_;
  std::string said_;  // below the table
};

// "running", "waiting for its needs", "unknown outcome: see `tutti mark`": state and reason for
// people.
std::string state_text(const control::TaskView& task);
bool is_ended(std::string_view run_state);
// An attempt's error behind the name of its task: not named again, control characters shown.
std::string error_text(const Error& error, std::string_view task);
// What the run read, wrote and proved, from its tasks' outputs; lines without line ends.
std::vector<std::string> summary_lines(const control::RunView& run,
                                       const std::vector<control::TaskView>& tasks,
                                       const Output& output);

}  // namespace tutti::cli
