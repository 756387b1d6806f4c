// SPDX-License-Identifier: Apache-2.0
// Outputs that templates read: kept in memory while there is room, else read from the store.
#include "engine/state.h"

namespace tutti::engine {

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

// Reads what launches and conditions of this batch miss.
Task<Unit> Engine::State::read_outputs(rt::Context& ctx) {
  std::vector<store::OutputKey> missing;
  const auto need = [&](const RunId& id, TaskNo reader) {
    const LiveRun* run = find(id);
    if (run == nullptr || reader.value >= run->state.tasks.size()) {
      return;
    }
    for (const TaskNo task : run->definition->reads[reader.value]) {
      const AttemptNo attempt = run->state.task(task).attempt;
      if (attempt > 0 && !run->outputs.contains(task.value)) {
        missing.push_back({id, task, attempt});
      }
    }
  };
  for (const RunLaunch& each : batch.launches) {
    need(each.run, each.launch.task);
  }
  for (const RunEvaluate& each : batch.evaluate) {
    need(each.run, each.task);
  }
  if (missing.empty()) {
    co_return Unit{};
  }
  PROBE("outputs are read from the store");
  CO_TRY(auto rows, co_await services.store.outputs(ctx, missing));
  const auto keep = [this](const store::OutputKey& key, Value value, size_t bytes) {
    LiveRun* run = find(key.run);
    if (run != nullptr && run->state.task(key.task).attempt == key.attempt) {
      keep_output(*run, key.task, std::move(value), bytes);
    }
  };
  for (const store::OutputKey& key : missing) {
    keep(key, ValueMap{}, 0);  // an attempt without output has no row
  }
  for (const store::OutputRow& row : rows) {
    std::string json = row.json;
    if (row.blob) {
      CO_TRY(json, co_await services.store.get_blob(ctx, *row.blob));
    }
    CO_TRY(Value value, parse_json(json));
    keep(row.key, std::move(value), json.size());
  }
  co_return Unit{};
}

}  // namespace tutti::engine
