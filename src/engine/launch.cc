// SPDX-License-Identifier: Apache-2.0
// What follows a durable commit: stops, attempts for the worker, conditions that needed a read.
#include <algorithm>

#include "core/spec/run_context.h"
#include "engine/state.h"

namespace tutti::engine {
namespace {

constexpr Duration effects_again = seconds(1);

Value tags_of(const spec::Task& task) {
  ValueMap tags;
  for (const auto& [key, value] : task.tags) {
    tags.set(key, value);
  }
  return tags;
}

Value runtime_of(const spec::Task& task) {
  ValueMap runtime;
  if (!task.runtime.python.empty()) {
    runtime.set("python", task.runtime.python);
  }
  if (!task.runtime.requirements.empty()) {
    runtime.set("requirements", task.runtime.requirements);
  }
  return runtime;
}

Value files_of(const spec::Task& task) {
  const auto given = [](const Value& map) { return map.is_map() && !map.as_map().empty(); };
  if (!given(task.files_in) && !given(task.files_out)) {
    return {};
  }
  return Value::of({{"in", task.files_in}, {"out", task.files_out}});
}

}  // namespace

// True when it was answered; false when outputs must be read first.
bool Engine::State::evaluate(LiveRun& run, TaskNo task) {
  if (const Error* unreadable = unreadable_for(run, task); unreadable != nullptr) {
    return condition_fails(run, task, *unreadable);
  }
  auto tasks = tasks_context(run, task);
  if (!tasks) {
    return false;
  }
  expr::Context context;
  for (const auto& [name, value] : run.context->roots.as_map()) {
    context.set(name, value);
  }
  context.set("task", spec::task_context(run.task(task).name, tags_of(run.task(task)), 0));
  context.set("tasks", std::move(*tasks));
  auto rendered = expr::render(*run.definition->when[task.value], context);
  if (rendered.has_value() && !rendered->secret()) {
    const bool yes = expr::truth(rendered->value);
    tell(run, run::Evaluated{task, yes ? run::When::yes : run::When::no});
    return true;
  }
  Error error = rendered.has_value()
                    ? Error{.code = Code::bad_input, .what = "a condition depends on a secret"}
                    : std::move(rendered).error();
  return condition_fails(run, task, std::move(error));
}

bool Engine::State::condition_fails(LiveRun& run, TaskNo task, Error error) {
  error = with_context(std::move(error), "when");
  error.where = spec::to_text(run.definition->workflow.file, run.task(task).when->mark);
  run.extras[task.value].error = error;
  tell(run, run::Evaluated{task, run::When::error}, &error);
  return true;
}

std::optional<worker::Assignment> Engine::State::assignment_of(const RunLaunch& launch) const {
  const LiveRun* run = find(launch.run);
  const auto [no, attempt] = launch.launch;
  if (run == nullptr || run->state.task(no).attempt != attempt ||
      run->state.task(no).state != run::TaskState::running) {
    return std::nullopt;  // over before it began
  }
  const spec::Task& task = run->task(no);
  auto tasks = tasks_context(*run, no);
  CHECK(tasks.has_value());
  return worker::Assignment{.id = {launch.run, no, attempt},
                            .run = run->context,
                            .task = task.name,
                            .tags = tags_of(task),
                            .action = task.uses,
                            .with = task.with,
                            .env = task.env,
                            .runtime = runtime_of(task),
                            .files = files_of(task),
                            .tasks = std::move(*tasks),
                            .timeout = task.timeout};
}

// Attempts go to the worker; those whose inputs can never be read fail, those whose inputs could
// not be read now stay in the batch.
void Engine::State::hand_out() {
  std::vector<worker::Assignment> assignments;
  std::vector<RunLaunch> later;
  for (const RunLaunch& each : std::exchange(batch.launches, {})) {
    const LiveRun* run = find(each.run);
    const Error* unreadable = run == nullptr ? nullptr : unreadable_for(*run, each.launch.task);
    if (unreadable != nullptr) {
      own_reports.push_back({.id = {each.run, each.launch.task, each.launch.attempt},
                             .end = worker::End::failed,
                             .error = *unreadable,
                             .reason = "infrastructure",
                             .retryable = false});
      wake.notify();
    } else if (run != nullptr && !is_at_hand(*run, each.launch.task)) {
      later.push_back(each);
    } else if (auto assignment = assignment_of(each)) {
      assignments.push_back(std::move(*assignment));
    }
  }
  batch.launches = std::move(later);
  if (!assignments.empty()) {
    to_worker->assign(std::move(assignments));
  }
}

Task<Unit> Engine::State::carry_out(rt::Scope& scope) {
  rt::Context& ctx = scope.context();
  for (const RunStop& each : std::exchange(batch.stops, {})) {
    to_worker->stop({each.run, each.stop.task, each.stop.attempt},
                    each.stop.now ? worker::Stop::now : worker::Stop::graceful);
  }
  retry_effects_at.reset();
  const auto read = co_await read_outputs(ctx);
  CO_OK(ctx.check());
  if (!read.has_value()) {
    PROBE("outputs cannot be read at once");
    retry_effects_at = ctx.clock().boot() + effects_again;
  }
  hand_out();
  const bool answerable = std::ranges::any_of(batch.evaluate, [this](const RunEvaluate& each) {
    const LiveRun* run = find(each.run);
    return run == nullptr || is_at_hand(*run, each.task);
  });
  if (answerable && may_act()) {
    wake.notify();  // what they read is at hand now: the next turn answers them
  }
  for (const RunId& id : std::exchange(batch.ended, {})) {
    if (services.logs != nullptr) {
      CO_OK(co_await scope.spawn(services.logs->finish(ctx, id)));
    }
  }
  if (output_bytes > settings.output_bytes_kept && batch.evaluate.empty()) {
    PROBE("kept outputs are dropped for room");
    for (const auto& [id, run] : runs) {
      run->outputs.clear();
    }
    output_bytes = 0;
  }
  co_return Unit{};
}

}  // namespace tutti::engine
