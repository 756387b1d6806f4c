// SPDX-License-Identifier: Apache-2.0
// Every action of this program with the services only actions use: the one list of them.
#pragma once

#include <filesystem>
#include <functional>

#include "action/files/file_staging.h"
#include "action/python/environment.h"
#include "action/sql/sql_service.h"
#include "cloud/connections.h"
#include "net/http.h"
#include "rt/process.h"
#include "worker/worker.h"

namespace tutti::app {

// What the actions are made with; all of it outlives them.
struct ActionServices {
  net::HttpClient& http;
  const cloud::Connections& connections;
  cloud::ConnectionTable table = {};
  cloud::local::Environment local;
  rt::Processes& processes;
  rt::Executor cpu;
  std::function<Result<std::string>(std::string_view name)> secret = {};
};

// tutti-sql: beside this program in a build tree, in libexec when installed.
std::filesystem::path sql_program();

class ActionSet {
 public:
  explicit ActionSet(ActionServices services);
  const worker::Actions& actions() const { return actions_; }
  // Where the objects of a task's `files` will lie in its attempt's folder: {NAME: PATH}.
  Result<Value> file_paths(const std::string& profile, const Value& files,
                           const std::filesystem::path& scratch) const;
  // Carries what the actions keep running (tutti-sql); ends with its context.
  Task<Unit> serve(rt::Context& ctx);

 private:
  void add(std::unique_ptr<action::Action> action);

  action::SqlService sql_;
  action::FileStaging staging_;
  action::PythonEnvironments pythons_;
  worker::Actions actions_;
};

}  // namespace tutti::app
