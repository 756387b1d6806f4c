// SPDX-License-Identifier: Apache-2.0
#include "cli/live.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tutti::cli {
namespace {

constexpr Duration redraw_gap = milliseconds(80);  // many changes, few redraws
constexpr Duration rate_window = seconds(1);
constexpr size_t name_width_max = 40;

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

// Those that matter first: what runs, what failed, what will run next, what has ended.
int urgency(const control::TaskView& task) {
  if (is_active(task)) {
    return 0;
  }
  if (task.state == "failed") {
    return 1;
  }
  if (task.state == "waiting") {
    return task.reason == "dependency" || task.reason.empty() ? 3 : 2;
  }
  return 4;
}

std::string progress_text(const control::TaskView& task, std::optional<int64_t> rate) {
  if (!is_active(task) || task.bytes_done <= 0) {
    return {};
  }
  std::string text = "  " + human_bytes(task.bytes_done);
  if (task.bytes_total) {
    text = fmt::format("  {} {}/{}", bar(task.bytes_done, *task.bytes_total),
                       human_bytes(task.bytes_done), human_bytes(*task.bytes_total));
  }
  if (rate) {
    text += fmt::format("  {}/s", human_bytes(*rate));
  }
  if (rate.value_or(0) > 0 && task.bytes_total.value_or(0) > task.bytes_done) {
    text += fmt::format("  {} left", human(seconds((*task.bytes_total - task.bytes_done) / *rate)));
  }
  return text;
}

std::string row_text(const control::TaskView& task, size_t name_width, const Rates& rates,
                     Instant now) {
  const size_t used = std::min(name_width, display_width(task.name));
  std::string line =
      fmt::format("  {}{}  {}{}", shorten(task.name, name_width),
                  std::string(name_width - used, ' '), state_text(task), attempt_text(task));
  if (const std::string time = time_of(task, now); !time.empty()) {
    line += "  " + time;
  }
  line += progress_text(task, rates.of(task.no));
  if (task.error && task.state != "success") {
    line += "  " + printable(task.error->what);
  }
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\t', ' ');
  return line;
}

// "... and 45 more: 40 waiting, 5 success"
std::string rest_text(std::span<const control::TaskView* const> rest) {
  std::map<std::string_view, size_t> states;
  for (const control::TaskView* task : rest) {
    ++states[task->state];
  }
  std::vector<std::string> counts;
  for (const auto& [state, count] : states) {
    counts.push_back(fmt::format("{} {}", count, state));
  }
  return fmt::format("  ... and {} more: {}", rest.size(), fmt::join(counts, ", "));
}

}  // namespace

void Rates::update(const std::vector<control::TaskView>& tasks, Instant now) {
  for (const control::TaskView& task : tasks) {
    if (!is_active(task) || !task.started) {
      samples_.erase(task.no.value);
      continue;
    }
    Sample& sample = samples_[task.no.value];
    if (sample.attempt != task.attempt || task.bytes_done < sample.bytes || now < sample.at) {
      sample = {.attempt = task.attempt, .at = *task.started};
    }
    if (now - sample.at >= rate_window) {
      const auto moved = static_cast<double>(task.bytes_done - sample.bytes);
      sample.rate = static_cast<int64_t>(moved / (now - sample.at).seconds());
      sample.at = now;
      sample.bytes = task.bytes_done;
    }
  }
}

std::optional<int64_t> Rates::of(TaskNo task) const {
  const auto at = samples_.find(task.value);
  return at == samples_.end() ? std::nullopt : at->second.rate;
}

std::vector<std::string> table_lines(const std::vector<control::TaskView>& tasks,
                                     const Rates& rates, Instant now, Screen screen,
                                     const Output& output) {
  std::vector<const control::TaskView*> shown;
  size_t name_width = 4;
  for (const control::TaskView& task : tasks) {
    shown.push_back(&task);
    name_width = std::max(name_width, display_width(task.name));
  }
  name_width = std::min(name_width, name_width_max);
  // The cursor stands on a line of its own below the table.
  const size_t room = std::max<size_t>(screen.rows, 3) - 1;
  size_t listed = shown.size();
  if (shown.size() > room) {
    listed = room - 1;
    std::ranges::sort(shown, {}, [](const control::TaskView* task) {
      return std::pair(urgency(*task), task->no);
    });
  }
  std::vector<std::string> lines;
  for (const control::TaskView* task : std::span(shown).first(listed)) {
    const std::string row = row_text(*task, name_width, rates, now);
    lines.push_back(output.paint(color_of_state(task->state), shorten(row, screen.columns - 1)));
  }
  if (listed < shown.size()) {
    lines.push_back(shorten(rest_text(std::span(shown).subspan(listed)), screen.columns - 1));
  }
  return lines;
}

std::string Repaint::draw(const std::vector<std::string>& lines, Screen screen) {
  size_t up = 0;
  for (const size_t width : drawn_widths_) {
    up += std::max<size_t>(1, (width + screen.columns - 1) / screen.columns);
  }
  std::string out = "\r";
  // Lines that a smaller screen pushed out at its top are out of reach.
  if (up = std::min(up, screen.rows - 1); up > 0) {
    out += fmt::format("\x1b[{}A", up);
  }
  drawn_widths_.clear();
  for (const std::string& line : lines) {
    out += line + "\x1b[K\n";
    drawn_widths_.push_back(display_width(line));
  }
  return out + "\x1b[J";
}

bool is_ended(std::string_view run_state) {
  return run_state == "success" || run_state == "failed" || run_state == "cancelled";
}

std::string error_text(const Error& error, std::string_view task) {
  Error shown = error;
  if (shown.where == task) {
    shown.where.clear();
  }
  return printable(shown.text());
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
  if (output_.live() && (!drawn_at_ || now < *drawn_at_ || now - *drawn_at_ >= redraw_gap)) {
    redraw(now);
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
    line += "  " + error_text(*now.error, now.name);
  }
  output_.line(line);
}

void RunWatcher::redraw(Instant now) {
  const Screen screen = output_.screen();
  Screen below = screen;
  below.rows -= !said_.empty() && below.rows > 2 ? 1 : 0;
  rates_.update(tasks_, now);
  auto lines = table_lines(tasks_, rates_, now, below, output_);
  if (!said_.empty()) {
    lines.push_back(shorten(said_, screen.columns - 1));
  }
  output_.text(repaint_.draw(lines, screen));
  drawn_at_ = now;
}

void RunWatcher::say(std::string text, Instant now) {
  if (output_.live()) {
    said_ = std::move(text);
    redraw(now);
  } else {
    output_.note(text);
  }
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
      line = fmt::format("copied {}, {}", counted(out.get_int("objects"), "object"),
                         human_bytes(out.get_int("bytes")));
      if (skipped > 0) {
        line += fmt::format("; {} {} there already", skipped, skipped == 1 ? "was" : "were");
      }
      if (const std::string_view proof = out.get_string("proof"); !proof.empty()) {
        line += fmt::format(" ({})", proof);
      }
    } else if (task.action == "load") {
      line = out.get_bool("already_loaded")
                 ? "nothing to load: these files are in the table already"
                 : fmt::format("loaded {} from {}", counted(out.get_int("rows"), "row"),
                               counted(out.get_int("files") - out.get_int("skipped"), "file"));
      if (out.get_int("skipped") > 0 && !out.get_bool("already_loaded")) {
        line += fmt::format("; {} there already", counted(out.get_int("skipped"), "file"));
      }
    } else if (task.action == "delete") {
      line = fmt::format("deleted {}", counted(out.get_int("count"), "object"));
    } else if (task.action == "sql" && out["affected"].is_int() && out.get_int("affected") > 0) {
      line = fmt::format("{} affected", counted(out.get_int("affected"), "row"));
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
  verdict += fmt::format(" ({}: {} succeeded", counted(run.tasks, "task"), run.succeeded);
  verdict += run.failed > 0 ? fmt::format(", {} failed", run.failed) : "";
  size_t failed = 0;
  size_t not_run = 0;
  for (const control::TaskView& task : tasks) {
    failed += task.state == "failed" ? 1 : 0;
    not_run += task.state == "upstream_failed" ? 1 : 0;
  }
  verdict += failed > run.failed ? fmt::format(", {} failed as allowed", failed - run.failed) : "";
  verdict += not_run > 0 ? fmt::format(", {} not run", not_run) : "";
  verdict += run.skipped > 0 ? fmt::format(", {} skipped", run.skipped) : "";
  lines.push_back(verdict + ")");
  return lines;
}

void RunWatcher::finish(Instant now) {
  if (output_.live()) {
    said_.clear();
    redraw(now);
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
                               error_text(*task.error, task.name)));
    }
  }
  if (run_.state == "failed") {
    output_.line(fmt::format("  details: tutti logs {}; when mended: tutti retry {}",
                             to_text(run_.id), to_text(run_.id)));
  }
}

}  // namespace tutti::cli
