// SPDX-License-Identifier: Apache-2.0
// A turn: gather what has happened, decide, commit once, publish, answer, act.
#include <fmt/format.h>

#include <algorithm>

#include "core/codec/codec.h"
#include "engine/state.h"

namespace tutti::engine {
namespace {

constexpr Duration jump_min = seconds(5);

std::optional<BootInstant> earlier(std::optional<BootInstant> a, std::optional<BootInstant> b) {
  return !a || (b && *b < *a) ? b : a;
}

Error lost_error(const LiveRun& run, TaskNo task) {
  const bool unknown = run.state.plan->task(task).unknown_if_lost;
  return {.code = unknown ? Code::unknown_outcome : Code::unavailable,
          .what = unknown ? "the owner ended while it ran, so it may have been carried out"
                          : "the owner ended while it ran",
          .where = {},
          .remedy = unknown ? "find out, then say so with `tutti mark`" : ""};
}

}  // namespace

Task<Unit> Engine::State::serve(rt::Scope& scope, worker::Worker& to) {
  to_worker = &to;
  rt::Context& ctx = scope.context();
  CO_OK(co_await load(ctx));
  loaded->complete();
  for (;;) {
    CO_OK(co_await turn(scope));
    CO_OK(co_await wait_for_work(ctx));
  }
}

Task<Unit> Engine::State::wait_for_work(rt::Context& ctx) {
  CO_OK(ctx.check());
  const bool own = !own_reports.empty() || !lost.empty();
  if (!calls.empty() || !groups.empty() || (own && may_act())) {
    co_return Unit{};
  }
  const auto until = may_act() ? earlier(shard.next_due(), retry_effects_at) : paused_until;
  rt::Context limited = until ? ctx.with_deadline(*until) : ctx;
  const auto woken = co_await wake.wait(limited);
  if (!woken.has_value() && woken.error().code != Code::timed_out) {
    co_return woken;
  }
  co_return ctx.check();
}

void Engine::State::gather(rt::Context& ctx) {
  ++turns;
  const Instant wall = ctx.clock().wall();
  boot = ctx.clock().boot();
  last = now = std::max(last, wall);
  if (may_act()) {
    gather_own(wall);
  }
  for (size_t taken = 0; !groups.empty() && taken < settings.reports_a_batch;) {
    const auto group = std::move(groups.front());
    groups.pop_front();
    taken += group->reports.size();
    for (worker::Report& each : group->reports) {
      take_report(each);
    }
    batch.reports.push_back(group->done);
  }
  for (auto& call : std::exchange(calls, {})) {
    take_call(*call);
    batch.calls.push_back(std::move(call));
  }
}

// What nobody reports or asks: time, and what an earlier owner left.
void Engine::State::gather_own(Instant wall) {
  const Duration offset{wall.us - boot.us};
  if (const Duration by = offset - wall_minus_boot.value_or(offset);
      by > jump_min || by < Duration{} - jump_min) {
    PROBE("wall time jumps");
    for (const auto& [run_no, run] : by_no) {
      if (run->live()) {
        tell(*run, run::ClockJumped{by});
      }
    }
    wall_minus_boot = offset;
  }
  if (!wall_minus_boot) {
    wall_minus_boot = offset;
  }
  for (RunLost& each : std::exchange(lost, {})) {
    if (LiveRun* run = find(each.run); run != nullptr) {
      const Error error = lost_error(*run, each.lost.task);
      run->extras[each.lost.task.value].error = error;
      tell(*run, each.lost, &error);
    }
  }
  while (const auto due = shard.take_due(boot)) {
    if (const auto at = by_no.find(due->run_no); at != by_no.end()) {
      tell(*at->second, due->timer);
    }
  }
  for (worker::Report& each : std::exchange(own_reports, {})) {
    take_report(each);
  }
}

// Conditions whose outputs are at hand are answered, then slots are given.
void Engine::State::decide() {
  std::vector<RunEvaluate> later;
  for (size_t i = 0; may_act() && i < batch.evaluate.size(); ++i) {  // grows while it goes
    const RunEvaluate each = batch.evaluate[i];
    LiveRun* run = find(each.run);
    if (run != nullptr && run->state.task(each.task).evaluating && !evaluate(*run, each.task)) {
      later.push_back(each);
    }
  }
  if (may_act()) {
    batch.evaluate = std::move(later);
  }
  while (may_act() && !held) {
    const auto next = shard.take_ready();
    if (!next) {
      break;
    }
    if (const auto at = by_no.find(next->run_no); at != by_no.end()) {
      tell(*at->second, run::Admitted{next->task});
    }
  }
  shard.compact_timers([this](const shard::Due& due) {
    const auto at = by_no.find(due.run_no);
    if (at == by_no.end()) {
      return false;
    }
    const run::RunState& state = at->second->state;
    if (due.timer.kind == run::TimerKind::run_timeout) {
      return state.timer.armed() && state.openings == due.timer.attempt;
    }
    const run::Entry& entry = state.task(due.timer.task);
    return entry.timer.armed() && entry.attempt == due.timer.attempt;
  });
}

void Engine::State::note(LiveRun& of, const Error* error) {
  if (effects.changed() && !of.in_batch) {
    of.in_batch = true;
    batch.touched.push_back(&of);
  }
  if (effects.header_touched) {
    of.header_dirty = true;
    of.row_dirty = true;
    of.revision = revision + 1;
    if (!of.live()) {
      batch.ended.push_back(of.id());
    }
  }
  for (const TaskNo task : effects.touched) {
    of.revision = of.changed[task.value] = revision + 1;
    const uint32_t page = codec::page_of(task);
    if (!of.page_dirty[page]) {
      of.page_dirty[page] = true;
      of.dirty.push_back(page);
    }
  }
  if (of.state.needs_attention() != of.row_attention) {
    of.row_attention = of.state.needs_attention();
    of.row_dirty = true;
  }
  for (const run::AttemptEnd& end : effects.history) {
    batch.commit.attempts.push_back(
        row_of(of, end, error == nullptr ? std::string() : error_to_json(*error)));
    error = nullptr;  // it is the first one's; the others follow from it
  }
  owe(of, effects);
}

void Engine::State::owe(LiveRun& of, const run::Effects& owed) {
  for (const TaskNo task : owed.evaluate) {
    batch.evaluate.push_back({of.id(), task});
  }
  for (const TaskNo task : owed.ready) {
    shard.add_ready(of.origin.run_no, task, of.state.plan->task(task).light);
  }
  for (const run::Launch& launch : owed.launch) {
    of.outputs.erase(launch.task.value);
    of.unreadable.erase(launch.task.value);
    if (const auto extra = of.extras.find(launch.task.value); extra != of.extras.end()) {
      extra->second = {.error = std::move(extra->second.error)};
    }
    batch.launches.push_back({of.id(), launch});
  }
  for (const run::Stop& stop : owed.stop) {
    batch.stops.push_back({of.id(), stop});
  }
  for (const run::Arm& timer : owed.timers) {
    arm(of, timer);
  }
}

// What is left of it runs on boot time, however wall time moves.
void Engine::State::arm(const LiveRun& of, const run::Arm& timer) {
  const Duration gone = std::max(now - timer.timer.set_at, Duration{});
  const Duration left = std::max(timer.timer.duration - gone, Duration{});
  shard.arm({.at = boot + left,
             .run_no = of.origin.run_no,
             .timer = {timer.kind, timer.task, timer.attempt}});
}

store::Commit Engine::State::build_commit() {
  store::Commit commit = std::move(batch.commit);
  commit.epoch = epoch;
  for (LiveRun* run : batch.touched) {
    if (run->header_dirty) {
      commit.pages.push_back({run->id(), codec::header_page, codec::encode_header(run->state)});
    }
    if (run->origin_dirty) {
      commit.pages.push_back({run->id(), codec::origin_page, codec::encode_origin(run->origin)});
    }
    for (const uint32_t page : run->dirty) {
      commit.pages.push_back({run->id(), page, codec::encode_entries(run->state, page)});
      run->page_dirty[page] = false;
    }
    if (run->row_dirty) {
      commit.runs.push_back(row_of(*run));
    }
    run->dirty.clear();
    run->in_batch = run->header_dirty = run->origin_dirty = run->row_dirty = false;
  }
  return commit;
}

Task<Unit> Engine::State::turn(rt::Scope& scope) {
  rt::Context& ctx = scope.context();
  is_settled = false;
  gather(ctx);
  decide();
  if (!batch.touched.empty()) {
    rt::Context io = ctx.uncancellable();  // a commit is always waited for: its end is known
    const auto committed = co_await services.store.commit(io, build_commit());
    if (!committed.has_value()) {
      co_return co_await after_failed_commit(ctx, committed.error());
    }
    publish();
  }
  answer(std::nullopt);
  settle();
  CO_OK(co_await carry_out(scope));
  evict();
  co_return Unit{};
}

void Engine::State::publish() {
  ++revision;
  if (boot >= paused_until) {
    problem.clear();
  }
  for (LiveRun* run : batch.touched) {
    run->wake_watchers();
  }
  batch.touched.clear();
}

void Engine::State::answer(const std::optional<Error>& error) {
  for (const auto& call : std::exchange(batch.calls, {})) {
    if (error || call->refused) {
      call->done->complete(fail(error ? *error : *call->refused));
      continue;
    }
    call->view = view_of(*find(call->run));
    call->done->complete();
  }
  for (const auto& group : std::exchange(batch.reports, {})) {
    group->complete(error ? Result<Unit>(fail(*error)) : Unit{});
  }
}

void Engine::State::settle() {
  is_settled = true;
  for (auto& reader : std::exchange(readers, {})) {
    reader();
  }
}

Task<Unit> Engine::State::after_failed_commit(rt::Context& ctx, Error error) {
  answer(error);
  if (error.code == Code::conflict) {
    co_return fail(with_context(std::move(error), "another owner has taken these runs over"));
  }
  PROBE("a commit fails");
  problem = error.text();
  paused_until = boot + settings.pause;
  CO_OK(co_await load(ctx));
  wake.notify();
  co_return Unit{};
}

void Engine::State::close(const Error& reason) {
  closed = reason;
  batch.calls.insert(batch.calls.end(), calls.begin(), calls.end());
  for (const auto& group : groups) {
    batch.reports.push_back(group->done);
  }
  calls.clear();
  groups.clear();
  answer(reason);
  settle();
  for (const auto& [id, run] : runs) {
    run->wake_watchers();
  }
}

// Ended runs leave memory, the longest unused first; not while one is being read, because what it
// read could be older than what is dropped.
void Engine::State::evict() {
  if (loads_under_way > 0 || runs.size() <= settings.ended_runs_kept) {
    return;
  }
  std::vector<LiveRun*> ended;
  for (const auto& [id, run] : runs) {
    if (!run->live() && run.use_count() == 1 && run->watchers.empty()) {
      ended.push_back(run.get());
    }
  }
  if (ended.size() <= settings.ended_runs_kept) {
    return;
  }
  std::ranges::sort(ended, {}, [](const LiveRun* run) { return std::pair(run->used, run->id()); });
  const size_t surplus = ended.size() - settings.ended_runs_kept / 2;
  for (size_t i = 0; i < surplus; ++i) {
    PROBE("an ended run leaves memory");
    by_no.erase(ended[i]->origin.run_no);
    shard.forget(ended[i]->origin.run_no);
    runs.erase(RunId(ended[i]->id()));
  }
}

}  // namespace tutti::engine
