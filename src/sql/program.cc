// SPDX-License-Identifier: Apache-2.0
#include "sql/program.h"

#include <csignal>
#include <cstdio>

#include <fmt/format.h>

#include "action/protocol/peer.h"
#include "cloud/all/all.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "sql/load.h"
#include "sql/manifest_export.h"
#include "sql/query.h"

namespace tutti::sql {
namespace {

using action::Done;
using action::Failed;
using action::Outcome;

std::vector<std::string> texts(const Value& list) {
  std::vector<std::string> out;
  if (list.is_list()) {
    for (const Value& each : list.as_list()) {
      if (each.is_string()) {
        out.push_back(each.as_string());
      }
    }
  }
  return out;
}

std::vector<LoadFile> load_files(const Value& list) {
  std::vector<LoadFile> files;
  for (const Value& each : list.is_list() ? list.as_list() : ValueList{}) {
    files.push_back({.address = std::string(each.get_string("address")),
                     .object = std::string(each.get_string("object")),
                     .bytes = each.get_int("bytes"),
                     .proof = std::string(each.get_string("proof"))});
  }
  return files;
}

Result<Load> load_of(const Value& with) {
  Load load{.files = load_files(with["files"]),
            .schema = std::string(with.get_string("schema", "main")),
            .table = std::string(with.get_string("table")),
            .key = texts(with["key"]),
            .manifest = std::string(with.get_string("manifest"))};
  const auto mode = load_mode_from_name(with.get_string("mode"));
  const auto format = load_format_from_name(with.get_string("format"));
  if (!mode || !format || load.table.empty() || load.files.empty() || load.manifest.empty()) {
    return fail(Code::bad_input, "a load without files, table, format, mode or manifest");
  }
  load.mode = *mode;
  load.format = *format;
  return load;
}

Outcome outcome_of(const Failure& failure) {
  return Failed{.error = failure.error, .reason = failure.reason, .retryable = failure.retryable};
}

Result<Query> query_of(const Value& with) {
  Query query{.text = std::string(with.get_string("text")),
              .label = std::string(with.get_string("label", "query")),
              .params = with["params"].is_map() ? with["params"] : Value(ValueMap{}),
              .rows_max = with.get_int("rows_max", 1000)};
  if (!with["attempt"].is_null()) {
    TRY(query.attempt, parse_attempt_id(with.get_string("attempt")));
  }
  return query;
}

// What blocks: one run, from a thread of the pool.
Outcome work(Connection& connection, const Value& with, const std::string& memory,
             const std::function<bool()>& stopped) {
  const std::string_view op = with.get_string("op");
  if (op == "query") {
    const Result<Query> query = query_of(with);
    if (!query.has_value()) {
      return Failed{.error = query.error(), .retryable = false};
    }
    auto answer = run_query(connection, *query, memory, stopped);
    return answer.has_value() ? Outcome(Done{.output = answer->to_value()})
                              : outcome_of(answer.error());
  }
  if (op == "load") {
    const Result<Load> load = load_of(with);
    if (!load.has_value()) {
      return Failed{.error = load.error(), .retryable = false};
    }
    auto loaded = run_load(connection, *load, memory, stopped);
    return loaded.has_value() ? Outcome(Done{.output = loaded->to_value()})
                              : outcome_of(loaded.error());
  }
  if (op == "export") {
    auto rows = run_export(
        connection,
        {.from = std::string(with.get_string("from")), .to = std::string(with.get_string("to"))},
        memory);
    return rows.has_value() ? Outcome(Done{.output = Value::of({{"rows", *rows}})})
                            : outcome_of(rows.error());
  }
  return Failed{.error = {.code = Code::unsupported,
                          .what = fmt::format("tutti-sql has no operation \"{}\"", op)},
                .retryable = false};
}

Result<std::string> secret_in(const Value& secrets, std::string_view name) {
  const Value& value = secrets[name];
  return value.is_string() ? Result<std::string>(value.as_string())
                           : fail(Code::not_found, fmt::format("no secret '{}'", name),
                                  "declare it under `secrets` of tutti.yaml");
}

class SqlProgram final : public action::Program {
 public:
  explicit SqlProgram(std::function<void()> before_reply) : before_reply_(std::move(before_reply)) {
    loop_.start("objects");
  }

  action::Hello hello() const override {
    return {.name = "tutti-sql", .version = duckdb_library_version()};
  }

  Task<Unit> start(rt::Context& ctx, Value setup) override {
    statements_ = std::make_unique<StatementTable>(ctx);
    cloud::ConnectionTable table = table_of(setup);
    std::set<std::string> names = names_of(table);
    connections_ = std::make_unique<cloud::Connections>(
        std::move(table),
        cloud::all_openers({.local = {.project = std::string(setup.get_string("project")),
                                      .buffers = buffers_,
                                      .files = files_.executor()},
                            .http = http_,
                            .secret = [secrets = setup["secrets"]](std::string_view name) {
                              return secret_in(secrets, name);
                            }}));
    objects_ = std::make_unique<Objects>(*connections_, loop_.executor(), buffers_);
    DatabaseOptions options{
        .path = std::string(setup.get_string("database")),
        .temp = std::string(setup.get_string("temp")),
        .memory_bytes = static_cast<uint64_t>(setup.get_int("memory_bytes")),
        .threads = static_cast<uint32_t>(setup.get_int("threads", 2)),
        .temp_bytes_max = static_cast<uint64_t>(setup.get_int("temp_bytes_max"))};
    CO_TRY(database_,
           Database::open(std::move(options), *objects_, *statements_, std::move(names)));
    co_return Unit{};
  }

  Task<Outcome> run(rt::Context& ctx, action::ProgramRun&, Value, Value with) override {
    const bool alone = with.get_string("op") == "load";
    if (alone) {
      CO_OK(co_await loading_.acquire(ctx));
    }
    Result<Outcome> outcome = co_await run_now(ctx, std::move(with));
    if (alone) {
      loading_.release();
    }
    co_return outcome;
  }

  Task<action::Preview> plan(rt::Context&, Value, Value) override {
    co_return fail(Code::unsupported, "tutti-sql plans nothing: the actions do");
  }

 private:
  static cloud::ConnectionTable table_of(const Value& setup) {
    cloud::ConnectionTable table;
    if (!setup["profiles"].is_map()) {
      return table;
    }
    for (const auto& [profile, connections] : setup["profiles"].as_map()) {
      auto& known = table[profile];
      if (connections.is_map()) {
        for (const auto& [name, config] : connections.as_map()) {
          known[name] = {.type = std::string(config.get_string("type")),
                         .settings = config["settings"],
                         .sandbox = config.get_bool("sandbox")};
        }
      }
    }
    return table;
  }

  // Of all profiles: a statement is held to its own when it opens something.
  static std::set<std::string> names_of(const cloud::ConnectionTable& table) {
    std::set<std::string> names = {"file", "s3", "gs", "az"};
    for (const Alias& each : aliases) {
      names.emplace(each.scheme);
    }
    for (const auto& [profile, connections] : table) {
      for (const auto& [name, config] : connections) {
        names.insert(name);
      }
    }
    return names;
  }

  struct Job {
    std::mutex mutex;
    Connection* connection = nullptr;  // while it may be interrupted
    std::optional<Outcome> outcome;
    std::shared_ptr<rt::Waiter> ended = rt::Waiter::make();

    void interrupt() {
      const std::lock_guard lock(mutex);
      if (connection != nullptr) {
        connection->interrupt();
      }
    }
    void set(Connection* now) {
      const std::lock_guard lock(mutex);
      connection = now;
    }
  };

  Task<Outcome> run_now(rt::Context& ctx, Value with) {
    auto job = std::make_shared<Job>();
    boost::asio::post(pool_.executor(), [this, job, ctx, with = std::move(with)] {
      carry_out(*job, ctx, with);
      job->ended->complete();
    });
    Result<Unit> waited = co_await job->ended->wait(ctx);
    // An interrupt that comes just before a statement begins is forgotten by it: say it again.
    rt::Context patient = ctx.uncancellable();
    while (!waited.has_value() && !over(*job)) {
      job->interrupt();
      (void)co_await rt::delay(patient, milliseconds(20));
    }
    co_return std::move(*job->outcome);
  }

  static bool over(Job& job) {
    const std::lock_guard lock(job.mutex);
    return job.outcome.has_value();
  }

  void carry_out(Job& job, const rt::Context& ctx, const Value& with) {
    const auto stopped = [&ctx] { return !ctx.check().has_value(); };
    Outcome outcome = Failed{.error = {.code = Code::cancelled, .what = "it was stopped"}};
    if (!stopped()) {
      Connection connection(
          *database_, std::make_shared<StatementIo>(ctx, std::string(with.get_string("profile")),
                                                    with.get_string("op") != "query"));
      job.set(&connection);
      outcome = work(connection, with, bytes_text(database_->memory_bytes()), stopped);
      job.set(nullptr);
      if (before_reply_) {
        before_reply_();
      }
    }
    const std::lock_guard lock(job.mutex);
    job.outcome = std::move(outcome);
  }

  std::function<void()> before_reply_;
  // In the order in which they must be left: the database before what it reads through.
  cloud::BufferPool buffers_;
  rt::Pool files_{2};
  std::unique_ptr<rt::Clock> clock_ = rt::make_system_clock();
  rt::Loop loop_;
  net::HttpClient http_{loop_.executor(), *clock_};
  rt::Semaphore loading_{1};
  std::unique_ptr<cloud::Connections> connections_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<StatementTable> statements_;
  std::unique_ptr<Database> database_;
  rt::Pool pool_{statements_max};
};

}  // namespace

std::unique_ptr<action::Program> make_program(std::function<void()> before_reply) {
  return std::make_unique<SqlProgram>(std::move(before_reply));
}

int serve_host(action::Program& program) {
  (void)std::signal(SIGPIPE, SIG_IGN);
  // Whoever wants it to end closes the stream: then what runs is interrupted and the file closed.
  (void)std::signal(SIGTERM, SIG_IGN);
  (void)std::signal(SIGINT, SIG_IGN);
  const auto clock = rt::make_system_clock();
  const auto random = rt::make_system_random();
  rt::Context ctx(*clock, *random);
  rt::Loop loop;
  const std::unique_ptr<action::Peer> peer = action::make_fd_peer(loop.executor(), 3, 4);
  const Result<Unit> served = loop.run(action::serve(ctx, *peer, program));
  if (!served.has_value()) {
    fmt::print(stderr, "tutti-sql: {}\n", served.error().text());
    return 1;
  }
  return 0;
}

}  // namespace tutti::sql
