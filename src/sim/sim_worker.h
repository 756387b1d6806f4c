// SPDX-License-Identifier: Apache-2.0
// What stands between engine and worker in the simulator, and a worker of our own that behaves
// worse than the real one may.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "rt/wait.h"
#include "sim/checks.h"
#include "sim/world.h"
#include "worker/api/worker.h"

namespace tutti::sim {

// Passes everything on to a worker, after the checks.
class CheckedWorker final : public worker::Worker {
 public:
  CheckedWorker(Checks& checks, worker::Worker& inner) : checks_(checks), inner_(inner) {}
  void assign(std::vector<worker::Assignment> assignments) override;
  void stop(AttemptId id, worker::Stop how) override;

 private:
  Checks& checks_;
  worker::Worker& inner_;
};

// Passes reports on to the engine: some twice, some again much later. Cut off, nothing passes.
class CheckedCoordinator final : public worker::Coordinator {
 public:
  CheckedCoordinator(World& world, Checks& checks, worker::Coordinator& inner)
      : world_(world), checks_(checks), inner_(inner) {}
  void cut() { alive_ = false; }
  Task<Unit> report(rt::Context& ctx, std::vector<worker::Report> reports) override;
  Task<Unit> put_blob(rt::Context& ctx, Digest digest, std::string bytes) override;
  Task<std::string> get_blob(rt::Context& ctx, Digest digest) override;
  void progress(worker::ProgressReport progress) override;

 private:
  World& world_;
  Checks& checks_;
  worker::Coordinator& inner_;
  bool alive_ = true;
  std::vector<worker::Report> old_;  // to be told again
};

// Runs attempts as the world says they behave. Ends come late, twice, in any order, or not before
// the faults end.
class StrangeWorker final : public worker::Worker {
 public:
  explicit StrangeWorker(World& world) : world_(world) {}
  void assign(std::vector<worker::Assignment> assignments) override;
  void stop(AttemptId id, worker::Stop how) override;
  // Reports what ends, until the context is cancelled.
  Task<Unit> run(rt::Context& ctx, worker::Coordinator& to);

 private:
  struct Running {
    worker::Assignment assignment;
    Behaviour behaviour;
    std::unique_ptr<rt::Timer> timer;
    bool stopping = false;
  };
  void begin(worker::Assignment assignment);
  void end_after(const AttemptId& id, Duration time);
  void end(const AttemptId& id);
  worker::Report report_of(const Running& running);

  World& world_;
  std::map<AttemptId, Running> running_;
  std::set<AttemptId> known_;  // until their report is acknowledged
  std::vector<worker::Report> ended_;
  rt::Notify wake_;
  rt::Executor executor_ = world_.loop.executor();
};

// The output a succeeding attempt has.
Value output_of(const AttemptId& id, const Behaviour& behaviour);
// What a branch chooses: some of the tasks that need it.
std::vector<std::string> choice_of(World& world, const AttemptId& id);

}  // namespace tutti::sim
