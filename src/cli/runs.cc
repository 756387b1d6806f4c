// SPDX-License-Identifier: Apache-2.0
// tutti runs, show, logs, cancel, mark: what the owner knows of runs.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/live.h"
#include "cli/project.h"
#include "cli/watch.h"
#include "control/wire.h"

namespace tutti::cli {
namespace {

constexpr Duration follow_wait = seconds(20);

Result<std::unique_ptr<control::ControlPlane>> connect(Invocation& call,
                                                       Errand errand = Errand::look) {
  TRY(const auto folder, find_project(call.globals));
  return call.environment.connect(folder.string(), errand);
}

std::string when_text(std::optional<Instant> at) { return at ? utc_text(*at) : "-"; }

std::string date_text(const control::RunView& run) {
  if (!run.logical_date) {
    return "-";
  }
  const bool whole_day =
      run.interval_start && run.interval_end && *run.interval_start != *run.interval_end;
  return whole_day ? to_text(date_of(*run.logical_date)) : when_text(run.logical_date);
}

std::string interval_text(const control::RunView& run) {
  const bool has = run.interval_start && run.interval_end;
  const Duration length = has ? *run.interval_end - *run.interval_start : Duration{};
  return length.us == 0 ? "-" : to_text(length);
}

std::string run_duration(const control::RunView& run, Instant now) {
  return run.started ? human((run.ended ? *run.ended : now) - *run.started) : "-";
}

void print_runs(Invocation& call, const std::vector<control::RunView>& list) {
  const Instant now = call.environment.context().clock().wall();
  Table table{.head = {"RUN", "WORKFLOW", "LOGICAL DATE", "INTERVAL", "STATE", "STARTED (UTC)",
                       "TIME", "TASKS"}};
  for (const control::RunView& run : list) {
    const std::string state = run.attention ? run.state + ", needs attention" : run.state;
    table.rows.push_back({to_text(run.id), run.workflow, date_text(run), interval_text(run),
                          call.output.paint(color_of_state(run.state), state),
                          when_text(run.started), run_duration(run, now),
                          fmt::format("{}/{}", run.succeeded + run.skipped, run.tasks)});
  }
  call.output.text(layout(table, call.output));
}

void print_head(Invocation& call, const control::RunView& run) {
  const Instant now = call.environment.context().clock().wall();
  Output& out = call.output;
  out.line(fmt::format("run       {} (number {})", to_text(run.id), run.run_no));
  out.line(fmt::format("workflow  {}, version {}, profile {}", run.workflow,
                       run.version.substr(0, 19), run.profile));
  out.line(fmt::format("state     {}{}{}", out.paint(color_of_state(run.state), run.state),
                       run.reason.empty() ? "" : " (" + run.reason + ")",
                       run.attention ? out.paint(Color::yellow, ", needs attention") : ""));
  if (run.interval_start && run.interval_end && *run.interval_start != *run.interval_end) {
    out.line(fmt::format("date      {}, interval {} to {}", date_text(run),
                         when_text(run.interval_start), when_text(run.interval_end)));
  } else {
    out.line(fmt::format("date      {}", date_text(run)));
  }
  out.line(fmt::format("started   {}, {}", when_text(run.started), run_duration(run, now)));
}

void print_tasks(Invocation& call, const std::vector<control::TaskView>& tasks) {
  const Instant now = call.environment.context().clock().wall();
  Table table{.head = {"TASK", "ACTION", "STATE", "ATTEMPT", "TIME", "ERROR"}};
  for (const control::TaskView& task : tasks) {
    const std::string time =
        task.started ? human((task.ended ? *task.ended : now) - *task.started) : "-";
    table.rows.push_back(
        {task.name, task.action, call.output.paint(color_of_state(task.state), state_text(task)),
         task.attempt == 0 ? "-" : std::to_string(task.attempt), time,
         task.error && task.state != "success" ? error_text(*task.error, task.name) : ""});
  }
  call.output.text(layout(table, call.output));
}

Task<int> show_run(Invocation& call, control::ControlPlane& control, ShowArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(const control::RunChanges got,
         co_await control.watch(ctx, {.run = {args.run}, .outputs = args.outputs}));
  CO_TRY(const auto attempts, co_await control.attempts(ctx, {to_text(got.run.id)}));
  if (call.output.json()) {
    Value value = control::readable(got.run);
    ValueList tasks;
    for (const control::TaskView& each : got.tasks) {
      tasks.push_back(control::readable(each));
    }
    ValueList ended;
    for (const control::AttemptView& each : attempts) {
      ended.push_back(control::readable(each));
    }
    value.edit_map().set("task_runs", Value(std::move(tasks)));
    value.edit_map().set("attempts", Value(std::move(ended)));
    call.output.value(value);
    co_return 0;
  }
  print_head(call, got.run);
  call.output.line("");
  print_tasks(call, got.tasks);
  if (call.output.verbose() || attempts.size() > got.tasks.size()) {
    call.output.line("\nended attempts:");
    for (const control::AttemptView& each : attempts) {
      if (each.attempt > 0) {
        call.output.line(
            fmt::format("  {} {}: {}{} at {}{}", each.task_name, each.attempt, each.state,
                        each.reason.empty() ? "" : " (" + each.reason + ")", when_text(each.ended),
                        each.error ? "  " + error_text(*each.error, each.task_name) : ""));
      }
    }
  }
  if (args.outputs) {
    for (const control::TaskView& task : got.tasks) {
      if (!task.output.is_null()) {
        call.output.line(
            fmt::format("\n{}:\n{}", task.name, printable(to_json(task.output, {.indent = 2}))));
      }
    }
  }
  co_return 0;
}

Task<int> print_logs(Invocation& call, control::ControlPlane& control, LogsArgs args) {
  rt::Context& ctx = call.environment.context();
  control::LogQuery query{.run = {args.run}};
  query.task = args.task.empty() ? std::nullopt : std::optional(args.task);
  query.attempt = args.attempt;
  const bool prefix = args.task.empty();
  bool any = false;
  while (true) {
    CO_TRY(const control::LogPage page, co_await control.logs(ctx, query));
    std::string text;
    for (const control::LogLine& line : page.lines) {
      if (call.output.json()) {
        text += to_json(control::readable(line)) + "\n";
        continue;
      }
      if (prefix) {
        text += call.output.paint(
            Color::dim, fmt::format("{}{} | ", line.task,
                                    line.attempt > 1 ? fmt::format(".{}", line.attempt) : ""));
      }
      text += printable(line.text) + "\n";
    }
    call.output.text(text);
    any = any || !page.lines.empty();
    if (page.end || (page.lines.empty() && !args.follow)) {
      if (!any) {
        call.output.note("no output");
      }
      co_return 0;
    }
    query.cursor = page.cursor;
    query.wait = args.follow ? follow_wait : Duration{};
  }
}

Task<int> act(Invocation& call, Task<control::RunView> action, std::string said) {
  CO_TRY(const control::RunView view, co_await std::move(action));
  if (call.output.json()) {
    call.output.value(control::readable(view));
  } else {
    call.output.note(fmt::format("{}; run {} is {}", said, to_text(view.id), view.state));
  }
  co_return 0;
}

Task<int> cancel_run(Invocation& call, control::ControlPlane& control, CancelArgs args) {
  auto asked = control.cancel(call.environment.context(), {args.run}, args.now);
  if (args.no_wait) {
    co_return co_await act(call, std::move(asked), "cancel is requested");
  }
  CO_TRY(const control::RunView view, co_await std::move(asked));
  if (!is_ended(view.state) && !args.now) {
    call.output.note("cancelling the run; Ctrl-C ends its tasks at once");
  }
  co_return co_await watch_cancel(call, control, view.id);
}

}  // namespace

Result<int> runs(Invocation& call, const RunsArgs& args) {
  TRY(auto control, connect(call));
  control::RunsQuery query{.date = args.date, .rows_max = args.limit};
  query.workflow = args.workflow.empty() ? std::nullopt : std::optional(args.workflow);
  query.state = args.state.empty() ? std::nullopt : std::optional(args.state);
  TRY(const auto list,
      call.environment.loop().run(control->runs(call.environment.context(), query)));
  if (call.output.json()) {
    ValueList values;
    for (const control::RunView& each : list) {
      values.push_back(control::readable(each));
    }
    call.output.value(Value(std::move(values)));
  } else if (list.empty()) {
    const bool all = !query.workflow && !query.state && !query.date;
    call.output.note(all ? "no runs yet; start one with `tutti run NAME`"
                         : "no run matches; `tutti runs` lists all");
  } else {
    print_runs(call, list);
  }
  return 0;
}

Result<int> show(Invocation& call, const ShowArgs& args) {
  TRY(auto control, connect(call));
  return call.environment.loop().run(show_run(call, *control, args));
}

Result<int> logs(Invocation& call, const LogsArgs& args) {
  TRY(auto control, connect(call));
  return call.environment.loop().run(print_logs(call, *control, args));
}

Result<int> cancel(Invocation& call, const CancelArgs& args) {
  TRY(auto control, connect(call));
  return call.environment.loop().run(cancel_run(call, *control, args));
}

Result<int> mark(Invocation& call, const MarkArgs& args) {
  TRY(auto control, connect(call, Errand::start));  // what waited for it begins
  auto action = control->mark(call.environment.context(),
                              {.run = {args.run}, .task = args.task, .state = args.state});
  return call.environment.loop().run(
      act(call, std::move(action), fmt::format("{} is marked {}", args.task, args.state)));
}

}  // namespace tutti::cli
