// SPDX-License-Identifier: Apache-2.0
// LocalWorker: runs attempts in this process. It renders what a task's templates say, calls the
// action, masks secrets in everything that leaves, makes outputs durable and reports ends until the
// engine has them.
//
// assign() and stop() are thread-safe; all else happens on the worker's loop. It keeps an attempt
// from assign() until its report is acknowledged, so an assignment or a stop that arrives twice is
// harmless.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "action/api/action.h"
#include "rt/context.h"
#include "rt/wait.h"
#include "worker/api/worker.h"
#include "worker/masks.h"

namespace tutti::worker {

// The actions a worker can run, by name. Built once by `app`; outlives the worker.
using Actions = std::map<std::string, std::unique_ptr<action::Action>, std::less<>>;

// Folders for attempts; the simulator has none.
struct Scratch {
  std::function<Result<std::filesystem::path>(const AttemptId&)> make;
  std::function<void(const std::filesystem::path&)> remove;
};

struct Services {
  Coordinator& coordinator;
  LogSink& logs;
  const Actions& actions;
  Masks& masks;
  Scratch scratch = {};
  // {NAME: PATH}: where, within an attempt's folder, the objects of its rendered `files` will lie
  // or shall be written. Templates see it as files.NAME; may be empty.
  std::function<Result<Value>(const std::string& profile, const Value& files,
                              const std::filesystem::path& scratch)>
      file_paths = {};
  // Ends the processes of an attempt without grace; may be empty.
  std::function<void(const AttemptId&)> kill = {};
};

class LocalWorker final : public Worker {
 public:
  LocalWorker(rt::Executor loop, Services services);
  ~LocalWorker() override;  // run() must have ended
  LocalWorker(const LocalWorker&) = delete;
  LocalWorker& operator=(const LocalWorker&) = delete;

  void assign(std::vector<Assignment> assignments) override;
  void stop(AttemptId id, Stop how) override;

  // Serves until the context is cancelled: then cancels what runs, waits for it and returns. What
  // ended without an acknowledged report is found lost by the next owner.
  Task<Unit> run(rt::Context& ctx);

  size_t running() const;  // on the loop

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tutti::worker
