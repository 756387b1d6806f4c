// SPDX-License-Identifier: Apache-2.0
// Engine::State: what the engine has in memory, and its steps. Private to this folder; see the
// README for which source holds which step.
#pragma once

#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/check.h"
#include "core/shard/shard.h"
#include "engine/engine.h"
#include "engine/live_run.h"
#include "rt/scope.h"
#include "rt/wait.h"

namespace tutti::engine {

struct StartWish {
  std::shared_ptr<const Definition> definition;
  run::Origin origin;  // without a run_no
};
struct MarkWish {
  std::string task;
  std::string state;
};
// A call that changes something, until it is answered.
struct Call {
  RunId run;
  std::variant<StartWish, run::CancelRequested, run::RetryRequested, MarkWish> wish;
  std::shared_ptr<LiveRun> pin = nullptr;  // keeps an ended run in memory
  std::shared_ptr<rt::Waiter> done = rt::Waiter::make();
  std::optional<Error> refused = std::nullopt;
  std::optional<control::RunView> view = std::nullopt;
};

struct ReportGroup {
  std::vector<worker::Report> reports;
  std::shared_ptr<rt::Waiter> done = rt::Waiter::make();
};

struct RunLaunch {
  RunId run;
  run::Launch launch;
};
struct RunStop {
  RunId run;
  run::Stop stop;
};
struct RunEvaluate {
  RunId run;
  TaskNo task;
};
struct RunLost {
  RunId run;
  run::Lost lost;
};

// What one turn changes and owes. Effects are carried out, and answers given, once `commit` is
// durable.
struct Batch {
  std::vector<LiveRun*> touched;
  store::Commit commit;
  std::vector<RunLaunch> launches;
  std::vector<RunStop> stops;
  std::vector<RunEvaluate> evaluate;  // before the commit, or, when outputs must be read, after it
  std::vector<std::shared_ptr<Call>> calls;
  std::vector<std::shared_ptr<rt::Waiter>> reports;
  std::vector<RunId> ended;
};

struct Engine::State : std::enable_shared_from_this<Engine::State> {
  State(rt::Executor l, Services s, Settings set)
      : loop(std::move(l)), services(s), settings(std::move(set)), shard(settings.limits) {}

  // ---- turn.cc
  Task<Unit> serve(rt::Scope& scope, worker::Worker& to);
  Task<Unit> wait_for_work(rt::Context& ctx);
  Task<Unit> turn(rt::Scope& scope);
  void gather(rt::Context& ctx);
  void gather_own(Instant wall);
  void decide();
  store::Commit build_commit();
  void publish();
  void answer(const std::optional<Error>& error);
  void settle();
  Task<Unit> after_failed_commit(rt::Context& ctx, Error error);
  void close(const Error& reason);
  void evict();

  template <class What>
  void tell(LiveRun& to, What what, const Error* error = nullptr) {
    const run::Counts before = to.state.counts;
    effects = {};
    run::apply(to.state, {.at = now, .what = std::move(what)}, effects);
    shard.recount(before, to.state.counts);
    note(to, error);
  }
  void note(LiveRun& of, const Error* error);
  void owe(LiveRun& of, const run::Effects& owed);
  void arm(const LiveRun& of, const run::Arm& timer);
  // Of its own accord it does nothing for a while after the store refused a commit.
  bool may_act() const { return boot >= paused_until; }

  // ---- load.cc
  Task<Unit> load(rt::Context& ctx);
  Task<Unit> claim(rt::Context& ctx);
  void lose_inherited(const LiveRun& run, bool first, run::Effects& owed);
  Task<std::shared_ptr<LiveRun>> revive(rt::Context& ctx, store::RunImage image);
  Task<std::shared_ptr<const Definition>> definition_of(rt::Context& ctx, Digest frozen);
  Task<std::shared_ptr<LiveRun>> resident(rt::Context& ctx, RunId run);
  LiveRun* find(const RunId& run) const;
  void add(const std::shared_ptr<LiveRun>& run);

  // ---- reports.cc
  void take_report(worker::Report& report);
  void store_output(LiveRun& run, const worker::Report& report, AttemptNo attempt);
  // ---- calls.cc
  void take_call(Call& call);
  void start_run(Call& call, StartWish& wish);
  void mark_task(Call& call, LiveRun& run, const MarkWish& wish);
  Task<control::RunView> ask(rt::Context& ctx, std::shared_ptr<Call> call);
  Task<RunId> resolve(rt::Context& ctx, control::RunRef ref);
  // ---- launch.cc and outputs.cc
  Task<Unit> carry_out(rt::Scope& scope);
  void hand_out();
  Task<Unit> read_outputs(rt::Context& ctx);
  Task<Unit> read_some(rt::Context& ctx, std::vector<store::OutputKey> keys);
  Task<Unit> read_one(rt::Context& ctx, store::OutputRow row);
  Result<Unit> cannot_read(const store::OutputKey& key, Error error);
  void keep_read(const store::OutputKey& key, Value value, size_t bytes);
  std::vector<store::OutputKey> missing_outputs() const;
  bool is_at_hand(const LiveRun& run, TaskNo reader) const;
  const Error* unreadable_for(const LiveRun& run, TaskNo reader) const;
  void keep_output(LiveRun& run, TaskNo task, Value output, size_t bytes);
  std::optional<Value> tasks_context(const LiveRun& run, TaskNo reader) const;
  bool evaluate(LiveRun& run, TaskNo task);
  bool condition_fails(LiveRun& run, TaskNo task, Error error);
  std::optional<worker::Assignment> assignment_of(const RunLaunch& launch) const;

  // Runs `fn` when memory is what the store has: now, or when the commit under way is done.
  template <class F>
  auto settled(rt::Context& ctx, F fn) -> Task<decltype(fn())> {
    if (is_settled) {
      co_return fn();
    }
    struct Box {
      std::optional<decltype(fn())> value;
      std::shared_ptr<rt::Waiter> done = rt::Waiter::make();
    };
    auto box = std::make_shared<Box>();
    readers.push_back([box, fn = std::move(fn)] {
      box->value = fn();
      box->done->complete();
    });
    CO_OK(co_await box->done->wait(ctx));
    co_return std::move(*box->value);
  }

  rt::Executor loop;
  Services services;
  Settings settings;
  worker::Worker* to_worker = nullptr;

  // What is durable, plus what the current batch has changed.
  std::unordered_map<RunId, std::shared_ptr<LiveRun>> runs;
  std::map<int64_t, LiveRun*> by_no;
  shard::Shard shard;
  store::Epoch epoch = 0;
  int64_t last_run_no = 0;
  uint64_t generation = 0;  // rises when memory is read again
  size_t loads_under_way = 0;
  uint64_t revision = 0;
  uint64_t turns = 0;
  Definitions definitions;
  std::unordered_set<std::string> blobs_put;
  size_t output_bytes = 0;

  // Time of this turn.
  Instant now;
  Instant last;
  BootInstant boot;
  std::optional<Duration> wall_minus_boot;

  // The inbox.
  std::deque<std::shared_ptr<Call>> calls;
  std::deque<std::shared_ptr<ReportGroup>> groups;
  std::deque<worker::Report> own_reports;  // of attempts that could not be handed out
  std::deque<RunLost> lost;
  rt::Notify wake;

  Batch batch;
  run::Effects effects;
  bool is_settled = false;
  std::vector<std::move_only_function<void()>> readers;
  bool has_state = false;         // it was read once, to the end
  std::set<AttemptId> inherited;  // ran when this owner began, so they are dead
  bool held = false;
  std::shared_ptr<rt::Waiter> loaded = rt::Waiter::make();
  BootInstant paused_until;
  std::string problem;
  std::optional<BootInstant> retry_effects_at;
  std::optional<Error> closed;
};

Error not_there(const RunId& run);
// The store answered, and what it has can not be used: asking again does not help.
bool is_final(const Error& error);

}  // namespace tutti::engine
