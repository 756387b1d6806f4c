// SPDX-License-Identifier: Apache-2.0
// From a worker's report to facts, with the output and the error that belong to it.
#include <fmt/format.h>

#include "engine/state.h"

namespace tutti::engine {
namespace {

run::Reason reason_of(const worker::Report& report) {
  const auto reason = run::reason_from_name(report.reason);
  switch (reason.value_or(run::Reason::none)) {
    case run::Reason::data:
    case run::Reason::infrastructure:
    case run::Reason::timeout:
    case run::Reason::policy:
      return *reason;
    default:
      return run::Reason::code;
  }
}

// A branch names tasks; the one it names wrongly, if any.
std::optional<std::string> read_chosen(const LiveRun& run, const worker::Report& report,
                                       std::vector<TaskNo>& chosen) {
  for (const std::string& name : report.chosen) {
    const auto no = run.state.plan->find(name);
    const auto dependants = run.state.plan->dependants(report.id.task);
    if (!no || std::ranges::find(dependants, *no) == dependants.end()) {
      return name;
    }
    chosen.push_back(*no);
  }
  return std::nullopt;
}

Error bad_branch(const LiveRun& run, const worker::Report& report, const std::string& name) {
  return {.code = Code::bad_input,
          .what = fmt::format("the branch chose '{}', which is no task that needs it", name),
          .where = run.task(report.id.task).name,
          .remedy = fmt::format("let a case name a task with `needs: {}`",
                                run.task(report.id.task).name)};
}

}  // namespace

void Engine::State::take_report(worker::Report& report) {
  const auto [id, task, attempt] = report.id;
  LiveRun* run = find(id);
  if (run == nullptr || task.value >= run->state.tasks.size() ||
      run->state.task(task).attempt != attempt || !run->state.task(task).holds_worker()) {
    PROBE("a worker reports an attempt that is over");
    return;
  }
  std::vector<TaskNo> chosen;
  if (report.end == worker::End::succeeded && run->state.plan->task(task).branches) {
    if (const auto wrong = read_chosen(*run, report, chosen)) {
      PROBE("a branch chooses what does not follow it");
      report.end = worker::End::failed;
      report.error = bad_branch(*run, report, *wrong);
      report.retryable = false;
    }
  }
  store_output(*run, report, attempt);
  if (report.end == worker::End::succeeded) {
    run->extras.erase(task.value);
  } else if (report.error) {
    run->extras[task.value].error = report.error;
  }
  const Error* error = report.error ? &*report.error : nullptr;
  switch (report.end) {
    case worker::End::succeeded:
      return tell(*run, run::Succeeded{task, attempt, std::move(chosen)});
    case worker::End::failed:
      return tell(*run,
                  run::Failed{task, attempt, reason_of(report), report.retryable,
                              error == nullptr ? std::nullopt : error->retry_after},
                  error);
    case worker::End::stopped:
      return tell(*run, run::Stopped{task, attempt}, error);
    case worker::End::unknown:
      return tell(*run, run::Unknown{task, attempt}, error);
    case worker::End::lost:
      return tell(*run, run::Lost{task, attempt}, error);
  }
}

void Engine::State::store_output(LiveRun& run, const worker::Report& report, AttemptNo attempt) {
  const TaskNo task = report.id.task;
  if (report.output) {
    batch.commit.outputs.push_back({.key = {run.id(), task, attempt},
                                    .json = report.output->json,
                                    .blob = report.output->blob,
                                    .bytes = report.output->bytes});
  }
  if (!run.definition->is_read[task.value] || (report.output && report.output->blob)) {
    return;
  }
  if (!report.output || report.output->json.empty()) {
    return keep_output(run, task, Value(ValueMap{}), 0);
  }
  if (auto value = parse_json(report.output->json); value.has_value()) {
    keep_output(run, task, std::move(*value), report.output->json.size());
  }
}

}  // namespace tutti::engine
