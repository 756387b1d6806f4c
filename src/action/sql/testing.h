// SPDX-License-Identifier: Apache-2.0
// SqlWorld: a project folder, the process helper and a SqlService, for tests that start the real
// tutti-sql.
#pragma once

#include <stdlib.h>

#include <fstream>

#include "action/api/testing.h"
#include "action/sql/sql_service.h"
#include "rt/scope.h"
#include "rt/testing.h"

namespace tutti::action {

struct SqlWorld : rt::TestWorld {
  std::filesystem::path folder = make_folder();
  std::filesystem::path project = folder / "project";
  rt::Processes processes{loop.executor(),
                          {.lock = folder / "lock", .helper = {TUTTI_PROCESS_HELPER}}};
  cloud::ConnectionTable table = {
      {"local",
       {{"s3", {.type = "local", .settings = Value::of({{"buckets", "clouds/s3"}})}},
        {"landing", {.type = "local", .settings = Value::of({{"root", "clouds/landing"}})}},
        {"warehouse", {.type = "duckdb", .settings = Value::of({{"memory", "256MiB"}})}},
        {"bq", {.type = "bigquery"}}}}};
  SqlService service;
  RecordingAttempt attempt;

  // With another program than tutti-sql, for tests of how it dies.
  explicit SqlWorld(std::filesystem::path program = TUTTI_SQL)
      : service(processes,
                {.program = std::move(program), .connections = table, .idle = milliseconds(400)}) {
    std::filesystem::create_directories(project);
    std::filesystem::create_directories(folder / "scratch");
    attempt.info_to_change() = {.id = {.task = {3}, .attempt = 2},
                                .task = "t",
                                .profile = "local",
                                .project = project,
                                .scratch = folder / "scratch"};
  }
  // From here on `attempt` is the first one of another task.
  void next_task() {
    AttemptId& id = attempt.info_to_change().id;
    id = {.run = id.run, .task = {id.task.value + 1}, .attempt = 1};
  }

  ~SqlWorld() {
    (void)loop.run(processes.close(ctx));
    std::filesystem::remove_all(folder);
  }

  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((project / path).parent_path());
    std::ofstream(project / path, std::ios::binary) << text;
  }

  // Runs `make(ctx)` while the service is served; the programs have ended when it returns.
  template <class F>
  Result<Outcome> with_service(F make) {
    Result<Outcome> result = fail(Code::internal, "it never ran");
    const auto body = [](rt::Scope& scope, SqlWorld& world, F& work,
                         Result<Outcome>& out) -> Task<Unit> {
      CO_OK(co_await scope.spawn(world.service.serve(scope.context())));
      out = co_await rt::guarded(Task<Outcome>(work(world.ctx)));
      scope.cancel(rt::cancelled_error("the test is over"));
      co_return Unit{};
    };
    (void)loop.run(rt::scoped(ctx, {}, body, std::ref(*this), std::ref(make), std::ref(result)));
    return result;
  }

  static std::filesystem::path make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tutti_sql_XXXXXX").string();
    return mkdtemp(name.data());
  }
};

}  // namespace tutti::action
