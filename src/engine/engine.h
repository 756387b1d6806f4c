// SPDX-License-Identifier: Apache-2.0
// Engine: the owner of a project's runs. Made in `app` and in the simulator; one loop, on which all
// of ControlPlane is called. Coordinator may be called from any loop.
//
// Precondition of run(): no attempt of an earlier owner can still act (its processes are proven
// dead). Attempts that the state calls running are then lost, and started again.
//
// A commit that fails is answered with its error to every call of its batch, and the state is read
// again; when the store refuses writing (a full disk), nothing new is started for a while and what
// runs can end. A newer owner of the store ends run() with `conflict`.
#pragma once

#include <functional>
#include <memory>

#include "control/control.h"
#include "core/shard/shard.h"
#include "store/log.h"
#include "store/store.h"
#include "worker/api/worker.h"

namespace tutti::engine {

struct Settings {
  shard::Limits limits;
  size_t calls_max = 10'000;       // waiting to be decided; more are refused with `throttled`
  size_t reports_a_batch = 8'192;  // of the worker
  size_t ended_runs_kept = 64;     // in memory after their end, for those who look at them
  size_t output_bytes_kept = 64u << 20;
  Duration pause = seconds(5);  // of new attempts, after the store refused to write
  control::OwnerView owner;     // pid, version, started
  std::function<uint64_t()> clients = {};
};

struct Services {
  store::Store& store;
  store::Logs* logs = nullptr;  // none: `logs` finds nothing
};

class Engine final : public control::ControlPlane, public worker::Coordinator {
 public:
  Engine(rt::Executor loop, Services services, Settings settings);
  ~Engine() override;  // run() must have ended
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes the state over and serves until the context is cancelled (then what waits is answered
  // with `cancelled` and every run stays resumable) or a newer owner has the store.
  Task<Unit> run(rt::Context& ctx, worker::Worker& worker);

  // Ends when the state has been taken over: before that, nobody may be let in. Once.
  Task<Unit> ready(rt::Context& ctx);

  // Starts no attempt from now on: before the worker is stopped.
  void hold();
  // Runs that are not over; and of those, the ones that need no person to go on.
  size_t live_runs() const;
  size_t busy_runs() const;

  // ControlPlane
  Task<control::RunView> start(rt::Context& ctx, control::StartRun request) override;
  Task<std::vector<control::RunView>> runs(rt::Context& ctx, control::RunsQuery query) override;
  Task<control::RunChanges> watch(rt::Context& ctx, control::Watch request) override;
  Task<std::vector<control::AttemptView>> attempts(rt::Context& ctx, control::RunRef run) override;
  Task<control::LogPage> logs(rt::Context& ctx, control::LogQuery query) override;
  Task<control::RunView> cancel(rt::Context& ctx, control::RunRef run, bool now) override;
  Task<control::RunView> retry(rt::Context& ctx, control::RunRef run,
                               control::RetryWhat what) override;
  Task<control::RunView> mark(rt::Context& ctx, control::Mark request) override;
  Task<control::OwnerView> owner(rt::Context& ctx) override;

  // Coordinator
  Task<Unit> report(rt::Context& ctx, std::vector<worker::Report> reports) override;
  Task<Unit> put_blob(rt::Context& ctx, Digest digest, std::string bytes) override;
  Task<std::string> get_blob(rt::Context& ctx, Digest digest) override;
  void progress(worker::ProgressReport progress) override;

  // For the simulator's checkers: every run in memory, between two batches.
  void each_run(const std::function<void(const run::RunState&)>& fn) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tutti::engine
