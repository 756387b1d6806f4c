// SPDX-License-Identifier: Apache-2.0
#include "cli/live.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti::cli {
namespace {

constexpr size_t rows_max = 30;  // of the live table; more tasks are counted, not listed

std::string bar(int64_t done, int64_t total) {
  constexpr int64_t cells = 16;
  const int64_t full = total <= 0 ? 0 : std::clamp<int64_t>(done * cells / total, 0, cells);
  std::string out;
  for (int64_t i = 0; i < cells; ++i) {
    out += i < full ? "█" : "░";
  }
  return out;
}

bool is_active(const control::TaskView& task) {
  return task.state == "running" || task.state == "cancelling" || task.state == "deferred";
}

std::string time_of(const control::TaskView& task, Instant now) {
  if (!task.started) {
    return {};
  }
  return human((task.ended ? *task.ended : now) - *task.started);
}

std::string attempt_text(const control::TaskView& task) {
  return task.attempt > 1 ? fmt::format(" (attempt {})", task.attempt) : std::string();
}

}  // namespace

bool is_ended(std::string_view run_state) {
  return run_state == "success" || run_state == "failed" || run_state == "cancelled";
}

std::string state_text(const control::TaskView& task) {
  if (task.reason == "unknown_outcome") {
    return "unknown outcome";
  }
  if (task.state == "waiting") {
    return task.reason == "dependency" || task.reason.empty() ? "waiting"
           : task.reason == "timer"                           ? "waiting to try again"
                                                              : "waiting for " + task.reason;
  }
  if ((task.state == "failed" || task.state == "skipped") && !task.reason.empty() &&
      task.reason != "code") {
    return fmt::format("{} ({})", task.state, task.reason);
  }
  return task.state == "upstream_failed" ? "not run (upstream failed)" : task.state;
}

bool RunWatcher::ended() const { return is_ended(run_.state); }

void RunWatcher::update(control::RunChanges changes, Instant now) {
  run_ = std::move(changes.run);
  for (control::TaskView& task : changes.tasks) {
    if (tasks_.size() <= task.no.value) {
      tasks_.resize(task.no.value + 1);
    }
    control::TaskView& mine = tasks_[task.no.value];
    if (!output_.live() && !output_.quiet() && !output_.json()) {
      print_change(mine, task);
    }
    mine = std::move(task);
  }
  if (output_.live()) {
    redraw(now, false);
  }
}

void RunWatcher::print_change(const control::TaskView& before, const control::TaskView& now) {
  if (before.state == now.state && before.attempt == now.attempt && before.reason == now.reason) {
    return;
  }
  if (now.state == "waiting" && now.reason != "timer") {
    return;
  }
  std::string line = fmt::format("{:<20} {}{}", now.name, state_text(now), attempt_text(now));
  if (now.ended && now.started && !is_active(now)) {
    line += fmt::format("  {}", human(*now.ended - *now.started));
  }
  if (now.error && now.state != "success") {
    line += "  " + printable(now.error->text());
  }
  output_.line(line);
}

void RunWatcher::redraw(Instant now, bool last) {
  std::string out;
  if (drawn_lines_ > 0) {
    out += fmt::format("\x1b[{}A", drawn_lines_);
  }
  const auto width = static_cast<size_t>(output_.width());
  size_t name_width = 4;
  for (const control::TaskView& task : tasks_) {
    name_width = std::max(name_width, display_width(task.name));
  }
  name_width = std::min<size_t>(name_width, 40);
  std::vector<const control::TaskView*> shown;
  for (const control::TaskView& task : tasks_) {
    shown.push_back(&task);
  }
  if (shown.size() > rows_max) {
    // Those that matter first: what runs, what failed, then what comes next.
    std::ranges::sort(shown, {}, [](const control::TaskView* task) {
      const int urgency = is_active(*task)           ? 0
                          : task->state == "failed"  ? 1
                          : task->state == "waiting" ? 2
                                                     : 3;
      return std::pair(urgency, task->no);
    });
    shown.resize(rows_max);
  }
  size_t lines = 0;
  const auto add = [&](const std::string& line) {
    out += "\x1b[2K" + shorten(line, width) + "\n";
    ++lines;
  };
  for (const control::TaskView* task : shown) {
    std::string line =
        fmt::format("  {}{}  {}", task->name,
                    std::string(name_width - std::min(name_width, display_width(task->name)), ' '),
                    state_text(*task) + attempt_text(*task));
    const std::string time = time_of(*task, now);
    if (!time.empty()) {
      line += "  " + time;
    }
    if (is_active(*task) && task->bytes_done > 0) {
      auto& [at, bytes] = rates_[task->no.value];
      const double elapsed = task->started ? (now - *task->started).seconds() : 0;
      at = now;
      bytes = task->bytes_done;
      line += task->bytes_total
                  ? fmt::format("  {} {}/{}", bar(task->bytes_done, *task->bytes_total),
                                human_bytes(task->bytes_done), human_bytes(*task->bytes_total))
                  : "  " + human_bytes(task->bytes_done);
      if (elapsed > 0.2) {
        line += fmt::format(
            "  {}/s",
            human_bytes(static_cast<int64_t>(static_cast<double>(task->bytes_done) / elapsed)));
      }
    }
    if (task->error && task->state != "success") {
      line += "  " + printable(task->error->what);
    }
    add(output_.paint(color_of_state(task->state), shorten(line, width)));
  }
  if (tasks_.size() > shown.size() || last) {
    size_t done = 0;
    for (const control::TaskView& task : tasks_) {
      done += is_ended(task.state) || task.state == "skipped" || task.state == "upstream_failed"
                  ? 1
                  : 0;
    }
    if (!last) {
      add(fmt::format("  {} of {} tasks ended", done, tasks_.size()));
    }
  }
  for (size_t i = lines; i < drawn_lines_; ++i) {
    out += "\x1b[2K\n";
  }
  drawn_lines_ = std::max(drawn_lines_, lines);
  output_.text(out);
}

std::vector<std::string> summary_lines(const control::RunView& run,
                                       const std::vector<control::TaskView>& tasks,
                                       const Output& output) {
  std::vector<std::string> lines;
  for (const control::TaskView& task : tasks) {
    if (!task.output.is_map() || task.state != "success") {
      continue;
    }
    const Value& out = task.output;
    std::string line;
    if (task.action == "copy") {
      const int64_t skipped = out.get_int("skipped");
      line = fmt::format("copied {} objects, {}", out.get_int("objects"),
                         human_bytes(out.get_int("bytes")));
      if (skipped > 0) {
        line += fmt::format("; {} were there already, proven equal", skipped);
      }
      if (const std::string_view proof = out.get_string("proof"); !proof.empty()) {
        line += fmt::format(" ({})", proof);
      }
    } else if (task.action == "load") {
      line = out.get_bool("already_loaded")
                 ? "nothing to load: these files are in the table already"
                 : fmt::format("loaded {} rows from {} files", out.get_int("rows"),
                               out.get_int("files"));
    } else if (task.action == "delete") {
      line = fmt::format("deleted {} objects", out.get_int("count"));
    } else if (task.action == "sql" && out["affected"].is_int() && out.get_int("affected") > 0) {
      line = fmt::format("{} rows affected", out.get_int("affected"));
    } else {
      continue;
    }
    lines.push_back(fmt::format("  {}: {}", task.name, line));
  }
  std::string verdict = fmt::format("run {} of {}", to_text(run.id), run.workflow);
  if (run.logical_date) {
    verdict += fmt::format(" for {}", to_text(date_of(*run.logical_date)));
  }
  verdict += ": " + output.paint(color_of_state(run.state), run.state);
  if (run.started && run.ended) {
    verdict += " in " + human(*run.ended - *run.started);
  }
  verdict += fmt::format(" ({} tasks: {} succeeded", run.tasks, run.succeeded);
  verdict += run.failed > 0 ? fmt::format(", {} failed", run.failed) : "";
  verdict += run.skipped > 0 ? fmt::format(", {} skipped", run.skipped) : "";
  lines.push_back(verdict + ")");
  return lines;
}

void RunWatcher::finish(Instant now) {
  if (output_.live()) {
    redraw(now, true);
  }
  if (output_.quiet()) {
    return;
  }
  for (const std::string& line : summary_lines(run_, tasks_, output_)) {
    output_.line(line);
  }
  for (const control::TaskView& task : tasks_) {
    if (task.reason == "unknown_outcome") {
      output_.line(
          fmt::format("  {} {} may or may not have happened. Find out, then say so: tutti mark {} "
                      "{} success|failed|skipped",
                      output_.paint(Color::yellow, "needs attention:"), task.name, to_text(run_.id),
                      task.name));
    } else if (task.state == "failed" && task.error) {
      output_.line(fmt::format("  {} {}", output_.paint(Color::red, task.name + ":"),
                               printable(task.error->text())));
    }
  }
  if (run_.state == "failed") {
    output_.line(fmt::format("  details: tutti logs {}; when mended: tutti retry {}",
                             to_text(run_.id), to_text(run_.id)));
  }
}

}  // namespace tutti::cli
