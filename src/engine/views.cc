// SPDX-License-Identifier: Apache-2.0
// From state to rows and views.
#include "base/value.h"
#include "core/codec/codec.h"
#include "core/spec/run_context.h"
#include "engine/live_run.h"

namespace tutti::engine {
namespace {

using run::TaskState;

std::optional<Instant> if_set(Instant at) { return at.us == 0 ? std::nullopt : std::optional(at); }

}  // namespace

std::shared_ptr<LiveRun> make_live_run(run::RunState state, run::Origin origin,
                                       std::shared_ptr<const Definition> definition) {
  auto out = std::make_shared<LiveRun>();
  const spec::RunIdentity identity{
      .id = state.id,
      .profile = origin.profile,
      .version = to_text(definition->version),
      .dates = {origin.logical_date, origin.interval_start, origin.interval_end},
      .vars = origin.vars,
      .connections = origin.connections};
  out->context = std::make_shared<worker::RunContext>(
      worker::RunContext{.run = state.id,
                         .workflow = origin.workflow,
                         .profile = origin.profile,
                         .project = origin.project,
                         .roots = spec::run_context(definition->workflow, identity, origin.params),
                         .files = origin.files});
  out->changed.resize(state.tasks.size());
  out->page_dirty.resize(codec::page_count(state.tasks.size()));
  out->row_attention = state.needs_attention();
  out->state = std::move(state);
  out->origin = std::move(origin);
  out->definition = std::move(definition);
  return out;
}

store::RunRow row_of(const LiveRun& run) {
  const run::Counts& counts = run.state.counts;
  return {.run = run.id(),
          .run_no = run.origin.run_no,
          .workflow = run.origin.workflow,
          .profile = run.origin.profile,
          .version = to_text(run.origin.version),
          .logical_date = run.origin.logical_date,
          .interval_start = run.origin.interval_start,
          .interval_end = run.origin.interval_end,
          .state = std::string(phase_name(run.state.phase)),
          .reason = std::string(reason_name(run.state.reason)),
          .live = run.live(),
          .attention = run.state.needs_attention(),
          .created = run.state.created,
          .started = run.state.started,
          .ended = run.state.ended,
          .tasks = static_cast<uint32_t>(run.state.tasks.size()),
          .succeeded = counts.of(TaskState::success),
          .failed = counts.of(TaskState::failed) - counts.allowed,
          .skipped = counts.of(TaskState::skipped)};
}

store::AttemptRow row_of(const LiveRun& run, const run::AttemptEnd& end, std::string error) {
  return {.run = run.id(),
          .task = end.task,
          .attempt = end.attempt,
          .task_name = run.state.plan->task(end.task).name,
          .state = std::string(task_state_name(end.state)),
          .reason = std::string(reason_name(end.reason)),
          .started = end.started,
          .ended = end.ended,
          .error = std::move(error)};
}

control::RunView view_of(const store::RunRow& row) {
  return {.id = row.run,
          .run_no = row.run_no,
          .workflow = row.workflow,
          .profile = row.profile,
          .version = row.version,
          .logical_date = row.logical_date,
          .interval_start = row.interval_start,
          .interval_end = row.interval_end,
          .state = row.state,
          .reason = row.reason,
          .attention = row.attention,
          .created = row.created,
          .started = row.started,
          .ended = row.ended,
          .tasks = row.tasks,
          .succeeded = row.succeeded,
          .failed = row.failed,
          .skipped = row.skipped};
}

control::RunView view_of(const LiveRun& run) { return view_of(row_of(run)); }

control::TaskView view_of(const LiveRun& run, TaskNo no) {
  const run::Entry& entry = run.state.task(no);
  const spec::Task& task = run.task(no);
  control::TaskView view{.no = no,
                         .name = task.name,
                         .action = task.uses,
                         .state = std::string(task_state_name(entry.state)),
                         .reason = std::string(reason_name(entry.reason)),
                         .attempt = entry.attempt,
                         .attempts_max = task.retry.attempts,
                         .started = if_set(entry.started),
                         .ended = if_set(entry.ended)};
  for (const TaskNo need : task.needs) {
    view.needs.push_back(run.task(need).name);
  }
  if (entry.state == TaskState::waiting && entry.timer.armed()) {
    view.next_try = entry.timer.set_at + entry.timer.duration;
  }
  if (const auto at = run.extras.find(no.value); at != run.extras.end()) {
    if (!entry.holds_worker()) {  // what runs has not failed yet: the last attempt's end is history
      view.error = at->second.error;
    }
    view.bytes_done = at->second.bytes_done;
    view.bytes_total = at->second.bytes_total;
    view.items_done = at->second.items_done;
    view.items_total = at->second.items_total;
  }
  return view;
}

control::AttemptView view_of(const store::AttemptRow& row) {
  return {.task = row.task,
          .task_name = row.task_name,
          .attempt = row.attempt,
          .state = row.state,
          .reason = row.reason,
          .started = row.started,
          .ended = row.ended,
          .error = error_from_json(row.error)};
}

std::string error_to_json(const Error& error) {
  ValueMap out{{"code", code_name(error.code)}, {"what", error.what}};
  for (const auto& [key, text] : {std::pair("where", &error.where),
                                  {"remedy", &error.remedy},
                                  {"provider_code", &error.provider_code}}) {
    if (!text->empty()) {
      out.set(key, *text);
    }
  }
  if (error.retry_after) {
    out.set("retry_after_us", error.retry_after->us);
  }
  return to_json(Value(std::move(out)));
}

std::optional<Error> error_from_json(const std::string& json) {
  if (json.empty()) {
    return std::nullopt;
  }
  const auto stored = parse_json(json);
  if (!stored.has_value() || !stored->is_map()) {
    return Error{.code = Code::corrupt, .what = "the stored error cannot be read"};
  }
  Error out{.code = code_from_name(stored->get_string("code")).value_or(Code::internal),
            .what = std::string(stored->get_string("what")),
            .where = std::string(stored->get_string("where")),
            .remedy = std::string(stored->get_string("remedy")),
            .retry_after = std::nullopt,
            .provider_code = std::string(stored->get_string("provider_code"))};
  if ((*stored)["retry_after_us"].is_int()) {
    out.retry_after = Duration{stored->get_int("retry_after_us")};
  }
  return out;
}

}  // namespace tutti::engine
