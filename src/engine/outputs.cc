// SPDX-License-Identifier: Apache-2.0
// Outputs that templates read: kept in memory while there is room, else read from the store.
#include <algorithm>
#include <set>

#include "engine/state.h"

namespace tutti::engine {

bool is_final(const Error& error) {
  return error.code == Code::not_found || error.code == Code::corrupt ||
         error.code == Code::bad_input;
}

void Engine::State::keep_output(LiveRun& run, TaskNo task, Value output, size_t bytes) {
  run.outputs[task.value] = std::move(output);
  output_bytes += bytes;
}

// What the reader's templates may name of other tasks; nullopt while an output must be read first.
std::optional<Value> Engine::State::tasks_context(const LiveRun& run, TaskNo reader) const {
  ValueMap tasks;
  for (const TaskNo task : run.definition->reads[reader.value]) {
    const run::Entry& entry = run.state.task(task);
    Value outputs = ValueMap{};
    if (entry.attempt > 0) {
      const auto at = run.outputs.find(task.value);
      if (at == run.outputs.end()) {
        return std::nullopt;
      }
      outputs = at->second;
    }
    tasks.set(run.task(task).name, Value::of({{"outputs", std::move(outputs)},
                                              {"state", task_state_name(entry.state)}}));
  }
  return Value(std::move(tasks));
}

// Whether all is at hand that the reader's templates may name, or known never to be.
bool Engine::State::is_at_hand(const LiveRun& run, TaskNo reader) const {
  return std::ranges::all_of(run.definition->reads[reader.value], [&](TaskNo task) {
    return run.state.task(task).attempt == 0 || run.outputs.contains(task.value) ||
           run.unreadable.contains(task.value);
  });
}

// Why the reader can never get what its templates name.
const Error* Engine::State::unreadable_for(const LiveRun& run, TaskNo reader) const {
  for (const TaskNo task : run.definition->reads[reader.value]) {
    if (const auto at = run.unreadable.find(task.value); at != run.unreadable.end()) {
      return &at->second;
    }
  }
  return nullptr;
}

// What launches and conditions of this batch miss.
std::vector<store::OutputKey> Engine::State::missing_outputs() const {
  std::set<store::OutputKey> missing;
  const auto need = [&](const RunId& id, TaskNo reader) {
    const LiveRun* run = find(id);
    if (run == nullptr || reader.value >= run->state.tasks.size()) {
      return;
    }
    for (const TaskNo task : run->definition->reads[reader.value]) {
      const AttemptNo attempt = run->state.task(task).attempt;
      if (attempt > 0 && !run->outputs.contains(task.value) &&
          !run->unreadable.contains(task.value)) {
        missing.insert({id, task, attempt});
      }
    }
  };
  for (const RunLaunch& each : batch.launches) {
    need(each.run, each.launch.task);
  }
  for (const RunEvaluate& each : batch.evaluate) {
    need(each.run, each.task);
  }
  return {missing.begin(), missing.end()};
}

Task<Unit> Engine::State::read_outputs(rt::Context& ctx) {
  auto missing = missing_outputs();
  if (missing.empty()) {
    co_return Unit{};
  }
  PROBE("outputs are read from the store");
  co_return co_await read_some(ctx, std::move(missing));
}

// Each output by itself: one that cannot be read keeps nobody from another. Gives the first error
// that may pass; those that will not are kept as `unreadable`.
Task<Unit> Engine::State::read_some(rt::Context& ctx, std::vector<store::OutputKey> keys) {
  auto rows = co_await services.store.outputs(ctx, keys);
  if (!rows.has_value() && is_final(rows.error()) && keys.size() > 1) {
    Result<Unit> all = Unit{};
    for (const store::OutputKey& key : keys) {
      auto one = co_await read_some(ctx, {key});
      all = all.has_value() ? std::move(one) : std::move(all);
    }
    co_return all;
  }
  if (!rows.has_value()) {
    co_return cannot_read(keys.front(), std::move(rows).error());
  }
  Result<Unit> all = Unit{};
  std::set<store::OutputKey> without_row(keys.begin(), keys.end());
  for (const store::OutputRow& row : *rows) {
    without_row.erase(row.key);
    auto read = co_await read_one(ctx, row);
    all = all.has_value() ? std::move(read) : std::move(all);
  }
  for (const store::OutputKey& key : without_row) {  // an attempt without output has no row
    keep_read(key, ValueMap{}, 0);
  }
  co_return all;
}

Task<Unit> Engine::State::read_one(rt::Context& ctx, store::OutputRow row) {
  std::string json = std::move(row.json);
  if (row.blob) {
    auto blob = co_await services.store.get_blob(ctx, *row.blob);
    if (!blob.has_value()) {
      co_return cannot_read(row.key, std::move(blob).error());
    }
    json = std::move(*blob);
  }
  auto value = parse_json(json);
  if (!value.has_value()) {
    co_return cannot_read(row.key, std::move(value).error());
  }
  keep_read(row.key, std::move(*value), json.size());
  co_return Unit{};
}

Result<Unit> Engine::State::cannot_read(const store::OutputKey& key, Error error) {
  if (!is_final(error)) {
    return fail(std::move(error));
  }
  if (LiveRun* run = find(key.run); run != nullptr) {
    error = with_context(std::move(error), "output of " + run->task(key.task).name);
    run->unreadable.insert_or_assign(key.task.value, std::move(error));
  }
  return Unit{};
}

void Engine::State::keep_read(const store::OutputKey& key, Value value, size_t bytes) {
  LiveRun* run = find(key.run);
  if (run != nullptr && run->state.task(key.task).attempt == key.attempt) {
    keep_output(*run, key.task, std::move(value), bytes);
  }
}

}  // namespace tutti::engine
