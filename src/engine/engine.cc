// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <fmt/format.h>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>

#include "core/spec/freeze.h"
#include "core/spec/run_context.h"
#include "engine/state.h"

namespace tutti::engine {

using control::RunRef;
using control::RunView;

Engine::Engine(rt::Executor loop, Services services, Settings settings)
    : state_(std::make_shared<State>(std::move(loop), services, std::move(settings))) {}

Engine::~Engine() = default;

namespace {

template <class State>
Task<Unit> serve(rt::Scope& scope, State& state, worker::Worker& worker) {
  co_return co_await state.serve(scope, worker);
}

}  // namespace

Task<Unit> Engine::run(rt::Context& ctx, worker::Worker& worker) {
  auto ended = co_await rt::scoped(ctx, {}, serve<State>, std::ref(*state_), std::ref(worker));
  state_->close(ended.has_value() ? rt::cancelled_error("the owner ends") : ended.error());
  co_return ended;
}

Task<Unit> Engine::ready(rt::Context& ctx) { co_return co_await state_->loaded->wait(ctx); }

void Engine::hold() { state_->held = true; }

size_t Engine::live_runs() const {
  return static_cast<size_t>(
      std::ranges::count_if(state_->runs, [](const auto& run) { return run.second->live(); }));
}

namespace {

// Something will happen in it without a person: an attempt, a timer, a task that gets a slot.
bool is_busy(const run::RunState& state) {
  if (is_ended(state.phase)) {
    return false;
  }
  return !state.needs_attention() || std::ranges::any_of(state.tasks, [](const run::Entry& entry) {
    return entry.holds_worker() || (entry.state == run::TaskState::waiting && !entry.is_blocked());
  });
}

}  // namespace

size_t Engine::busy_runs() const {
  return static_cast<size_t>(std::ranges::count_if(
      state_->runs, [](const auto& run) { return is_busy(run.second->state); }));
}

void Engine::each_run(const std::function<void(const run::RunState&)>& fn) const {
  for (const auto& [run_no, run] : state_->by_no) {
    fn(run->state);
  }
}

// ---- ControlPlane

namespace {

template <class State>
Task<Unit> put_blobs(rt::Context& ctx, State& state, std::map<Digest, std::string> blobs) {
  for (auto& [digest, bytes] : blobs) {
    const std::string name = hex(digest);
    if (!state.blobs_put.contains(name)) {
      CO_OK(co_await state.services.store.put_blob(ctx, digest, std::move(bytes)));
      state.blobs_put.insert(name);
    }
  }
  co_return Unit{};
}

}  // namespace

Task<RunView> Engine::start(rt::Context& ctx, control::StartRun request) {
  State& state = *state_;
  if (state.find(request.id) == nullptr) {
    store::RunsQuery query{.run = request.id, .rows_max = 1};
    CO_TRY(const auto rows, co_await state.services.store.runs(ctx, std::move(query)));
    if (!rows.empty()) {
      co_return view_of(rows.front());
    }
  }
  const Digest frozen = sha256(request.workflow);
  auto definition = state.definitions.find(frozen);
  if (definition == nullptr) {
    CO_TRY(definition, define(request.workflow));
    state.definitions.add(definition);
  }
  const spec::Workflow& workflow = definition->workflow;
  const spec::RunDates dates = spec::dates_of_manual_run(request.date, ctx.clock().wall());
  const spec::RunIdentity identity{.id = request.id,
                                   .profile = request.profile,
                                   .version = to_text(definition->version),
                                   .dates = dates,
                                   .vars = request.vars,
                                   .connections = request.connections};
  CO_TRY(Value params, spec::complete_params(workflow, identity, request.params));
  std::map<Digest, std::string> blobs{{frozen, std::move(request.workflow)}};
  std::map<std::string, Digest> files;
  for (auto& [path, bytes] : request.files) {
    const Digest digest = sha256(bytes);
    files[path] = digest;
    blobs[digest] = std::move(bytes);
  }
  CO_OK(co_await put_blobs(ctx, state, std::move(blobs)));
  auto call = std::make_shared<Call>();
  call->run = request.id;
  call->wish = StartWish{.definition = definition,
                         .origin = {.workflow = workflow.name,
                                    .version = definition->version,
                                    .frozen = frozen,
                                    .files = std::move(files),
                                    .profile = std::move(request.profile),
                                    .project = std::move(request.project),
                                    .params = std::move(params),
                                    .vars = std::move(request.vars),
                                    .connections = std::move(request.connections),
                                    .logical_date = dates.logical_date,
                                    .interval_start = dates.interval_start,
                                    .interval_end = dates.interval_end}};
  co_return co_await state.ask(ctx, std::move(call));
}

namespace {

template <class State, class Wish>
Task<RunView> ask_about(rt::Context& ctx, State& state, RunRef ref, Wish wish) {
  CO_TRY(const RunId id, co_await state.resolve(ctx, std::move(ref)));
  auto call = std::make_shared<Call>();
  call->run = id;
  CO_TRY(call->pin, co_await state.resident(ctx, id));
  call->wish = std::move(wish);
  co_return co_await state.ask(ctx, std::move(call));
}

}  // namespace

Task<RunView> Engine::cancel(rt::Context& ctx, RunRef run, bool now) {
  return ask_about(ctx, *state_, std::move(run), run::CancelRequested{now});
}

Task<RunView> Engine::retry(rt::Context& ctx, RunRef run, control::RetryWhat) {
  return ask_about(ctx, *state_, std::move(run), run::RetryRequested{});
}

Task<RunView> Engine::mark(rt::Context& ctx, control::Mark request) {
  return ask_about(ctx, *state_, std::move(request.run),
                   MarkWish{std::move(request.task), std::move(request.state)});
}

Task<std::vector<RunView>> Engine::runs(rt::Context& ctx, control::RunsQuery query) {
  store::RunsQuery rows_query{.run = std::nullopt,
                              .workflow = std::move(query.workflow),
                              .state = std::move(query.state),
                              .logical_from = std::nullopt,
                              .logical_before = std::nullopt,
                              .before_run_no = query.before_run_no,
                              .rows_max = query.rows_max};
  if (query.date) {
    rows_query.logical_from = start_of(*query.date);
    rows_query.logical_before = start_of(*query.date) + days(1);
  }
  CO_TRY(auto rows, co_await state_->services.store.runs(ctx, std::move(rows_query)));
  co_return co_await state_->settled(ctx, [state = state_.get(), rows = std::move(rows)] {
    std::vector<RunView> views;
    for (const store::RunRow& row : rows) {
      const LiveRun* live = state->find(row.run);
      views.push_back(live == nullptr ? view_of(row) : view_of(*live));
      if (views.back().attention || (live != nullptr && live->live())) {
        views.back().problem = state->problem;
      }
    }
    return views;
  });
}

namespace {

// Errors of attempts made before this owner, for a run that was read from the store.
template <class State>
Task<Unit> learn_errors(rt::Context& ctx, State& state, RunId id) {
  CO_TRY(const auto rows, co_await state.services.store.attempts(ctx, id));
  CO_OK(co_await state.settled(ctx, [&state, &rows, id] {
    LiveRun* run = state.find(id);
    if (run == nullptr || run->errors_known) {
      return Unit{};
    }
    run->errors_known = true;
    std::map<uint32_t, const store::AttemptRow*> newest;
    for (const store::AttemptRow& row : rows) {
      const store::AttemptRow*& kept = newest[row.task.value];
      kept = kept == nullptr || row.ended >= kept->ended ? &row : kept;
    }
    for (const auto& [task, row] : newest) {
      if (task < run->state.tasks.size() && !row->error.empty() &&
          run->state.task({task}).state != run::TaskState::success && !run->extras[task].error) {
        run->extras[task].error = error_from_json(row->error);
      }
    }
    return Unit{};
  }));
  co_return Unit{};
}

template <class State>
Result<control::RunChanges> changes_of(State& state, const RunId& id, uint64_t since) {
  LiveRun* run = state.find(id);
  if (run == nullptr) {
    return fail(not_there(id));
  }
  run->used = state.turns;
  if (since > state.revision) {
    since = 0;  // of an earlier owner
  }
  control::RunChanges out{.revision = state.revision, .run = view_of(*run)};
  if (run->live()) {
    out.run.problem = state.problem;
  }
  for (uint32_t i = 0; i < run->changed.size(); ++i) {
    if (run->changed[i] > since || since == 0) {
      out.tasks.push_back(view_of(*run, {i}));
    }
  }
  return out;
}

template <class State>
Task<Value> output_of(rt::Context& ctx, State& state, store::OutputRow row) {
  std::string json = std::move(row.json);
  if (row.blob) {
    CO_TRY(json, co_await state.services.store.get_blob(ctx, *row.blob));
  }
  co_return parse_json(json);
}

// The outputs of the tasks in `changes`, into their views.
template <class State>
Task<Unit> fill_outputs(rt::Context& ctx, State& state, control::RunChanges& changes) {
  std::vector<store::OutputKey> keys;
  for (const control::TaskView& task : changes.tasks) {
    if (task.attempt > 0) {
      keys.push_back({changes.run.id, task.no, task.attempt});
    }
  }
  CO_TRY(const auto rows, co_await state.services.store.outputs(ctx, std::move(keys)));
  std::map<uint32_t, const store::OutputRow*> by_task;
  for (const store::OutputRow& row : rows) {
    by_task[row.key.task.value] = &row;
  }
  for (control::TaskView& task : changes.tasks) {
    if (const auto at = by_task.find(task.no.value); at != by_task.end()) {
      auto output = co_await output_of(ctx, state, *at->second);
      if (!output.has_value() && !is_final(output.error())) {
        co_return fail(std::move(output).error());
      }
      if (output.has_value()) {
        task.output = std::move(*output);
      } else if (!task.error) {  // the rest is shown all the same
        task.error = with_context(std::move(output).error(), "its output");
      }
    }
  }
  co_return Unit{};
}

// Waits for the run's next change, at most until the context's deadline.
template <class State>
Task<Unit> wait_for_change(rt::Context& ctx, State& state, RunId id) {
  auto waiter = rt::Waiter::make();
  if (LiveRun* run = state.find(id); run != nullptr) {
    run->watchers.push_back(waiter);
  }
  auto woken = co_await waiter->wait(ctx);
  if (LiveRun* run = state.find(id); run != nullptr) {
    std::erase(run->watchers, waiter);
  }
  co_return woken;
}

}  // namespace

Task<control::RunChanges> Engine::watch(rt::Context& ctx, control::Watch request) {
  State& state = *state_;
  CO_TRY(const RunId id, co_await state.resolve(ctx, std::move(request.run)));
  rt::Context limited = ctx.with_timeout(request.wait);
  for (;;) {
    CO_TRY(const auto run, co_await state.resident(ctx, id));
    if (!run->errors_known) {
      CO_OK(co_await learn_errors(ctx, state, id));
    }
    CO_TRY(auto changes, co_await state.settled(ctx, [&state, id, since = request.since] {
      return changes_of(state, id, since);
    }));
    if (!changes.has_value()) {
      co_return changes;
    }
    const bool news = request.since == 0 || request.since > state.revision ||
                      run->revision > request.since || !changes->tasks.empty();
    if (news || request.wait.us <= 0 || state.closed || !limited.check().has_value()) {
      if (request.outputs) {
        CO_OK(co_await fill_outputs(ctx, state, *changes));
      }
      co_return changes;
    }
    const auto woken = co_await wait_for_change(limited, state, id);
    if (!woken.has_value() && woken.error().code != Code::timed_out) {
      co_return fail(woken.error());
    }
  }
}

Task<std::vector<control::AttemptView>> Engine::attempts(rt::Context& ctx, RunRef ref) {
  CO_TRY(const RunId id, co_await state_->resolve(ctx, std::move(ref)));
  CO_TRY(const auto rows, co_await state_->services.store.attempts(ctx, id));
  if (rows.empty()) {
    CO_OK(co_await state_->resident(ctx, id));
  }
  std::vector<control::AttemptView> views;
  for (const store::AttemptRow& row : rows) {
    views.push_back(view_of(row));
  }
  co_return views;
}

Task<control::LogPage> Engine::logs(rt::Context& ctx, control::LogQuery query) {
  State& state = *state_;
  CO_TRY(const RunId id, co_await state.resolve(ctx, std::move(query.run)));
  CO_TRY(const auto run, co_await state.resident(ctx, id));
  store::LogRead read{.run = id,
                      .task = std::nullopt,
                      .attempt = query.attempt,
                      .cursor = query.cursor,
                      .wait = run->live() ? query.wait : Duration{},
                      .bytes_max = query.bytes_max};
  if (query.task) {
    read.task = run->state.plan->find(*query.task);
    if (!read.task) {
      co_return fail(Code::not_found, fmt::format("the run has no task '{}'", *query.task),
                     "`tutti show` lists its tasks");
    }
  }
  const bool was_over = !run->live();
  if (state.services.logs == nullptr) {
    co_return control::LogPage{.end = was_over};
  }
  CO_TRY(store::LogPage page, co_await state.services.logs->read(ctx, std::move(read)));
  control::LogPage out{.cursor = page.cursor, .end = was_over && !page.more};
  constexpr std::array<std::string_view, 3> streams{"out", "err", "system"};
  for (store::LogLine& line : page.lines) {
    const bool known = line.task.value < run->state.tasks.size();
    out.lines.push_back({.task = known ? run->task(line.task).name : std::string(),
                         .attempt = line.attempt,
                         .stream = std::string(streams[static_cast<size_t>(line.stream) % 3]),
                         .at = line.at,
                         .text = std::move(line.text)});
  }
  co_return out;
}

Task<control::OwnerView> Engine::owner(rt::Context& ctx) {
  CO_OK(ctx.check());
  control::OwnerView view = state_->settings.owner;
  view.live_runs = live_runs();
  view.busy_runs = busy_runs();
  view.clients = state_->settings.clients ? state_->settings.clients() : 0;
  view.problem = state_->problem;
  co_return view;
}

// ---- Coordinator

namespace {

// Runs `task` on the engine's loop, wherever the caller is.
template <class T>
Task<T> on_loop(rt::Executor loop, Task<T> task) {
  const rt::Executor here = co_await rt::asio::this_coro::executor;
  if (here == loop) {
    co_return co_await std::move(task);
  }
  co_return co_await rt::on(loop, std::move(task));
}

template <class State>
Task<Unit> take_reports(rt::Context& ctx, State& state, std::vector<worker::Report> reports) {
  if (state.closed) {
    co_return fail(*state.closed);
  }
  auto group = std::make_shared<ReportGroup>();
  group->reports = std::move(reports);
  state.groups.push_back(group);
  state.wake.notify();
  co_return co_await group->done->wait(ctx);
}

template <class State>
void take_progress(State& state, const worker::ProgressReport& progress) {
  LiveRun* run = state.find(progress.id.run);
  const TaskNo task = progress.id.task;
  if (run == nullptr || task.value >= run->state.tasks.size() ||
      run->state.task(task).attempt != progress.id.attempt) {
    return;
  }
  TaskExtra& extra = run->extras[task.value];
  extra.bytes_done = progress.bytes_done;
  extra.bytes_total = progress.bytes_total;
  extra.items_done = progress.items_done;
  extra.items_total = progress.items_total;
  run->revision = run->changed[task.value] = ++state.revision;
  run->wake_watchers();
}

}  // namespace

Task<Unit> Engine::report(rt::Context& ctx, std::vector<worker::Report> reports) {
  return on_loop(state_->loop, take_reports(ctx, *state_, std::move(reports)));
}

Task<Unit> Engine::put_blob(rt::Context& ctx, Digest digest, std::string bytes) {
  return on_loop(state_->loop, state_->services.store.put_blob(ctx, digest, std::move(bytes)));
}

Task<std::string> Engine::get_blob(rt::Context& ctx, Digest digest) {
  return on_loop(state_->loop, state_->services.store.get_blob(ctx, digest));
}

void Engine::progress(worker::ProgressReport progress) {
  boost::asio::post(state_->loop, [state = state_, progress] { take_progress(*state, progress); });
}

}  // namespace tutti::engine
