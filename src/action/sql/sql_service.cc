// SPDX-License-Identifier: Apache-2.0
#include "action/sql/sql_service.h"

#include <unistd.h>

#include <algorithm>
#include <deque>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "action/api/output_log.h"
#include "action/protocol/launch.h"
#include "base/closest.h"
#include "base/digest.h"
#include "base/size.h"
#include "rt/scope.h"

namespace tutti::action {
namespace {

constexpr Duration end_grace = seconds(5);      // for a program that was told to end
constexpr Duration cancel_grace = seconds(10);  // for a statement that was told to

// What tutti-sql needs to ask for objects as this process would: where credentials are, as the
// clouds' own tools look for them, and the services that give them.
rt::Environment engine_environment() {
  constexpr std::string_view beginnings[] = {"AWS_", "AZURE_",    "GOOGLE_", "CLOUDSDK_",
                                             "GCE_", "IDENTITY_", "MSI_",    "NO_GCE_"};
  rt::Environment out = rt::default_environment();
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view text = *each;
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (equals != std::string_view::npos &&
        std::ranges::any_of(beginnings, [&](auto begin) { return name.starts_with(begin); })) {
      rt::set_variable(out, name, std::string(text.substr(equals + 1)));
    }
  }
  return out;
}

// Set once; any number wait for it.
class Event {
 public:
  Task<Unit> wait(rt::Context& ctx) {
    if (!set_) {
      auto waiter = rt::Waiter::make();
      waiting_.push_back(waiter);
      CO_OK(co_await waiter->wait(ctx));
    }
    co_return Unit{};
  }
  void set() {
    set_ = true;
    for (const auto& waiter : std::exchange(waiting_, {})) {
      waiter->complete();
    }
  }
  bool is_set() const { return set_; }

 private:
  bool set_ = false;
  std::vector<std::shared_ptr<rt::Waiter>> waiting_;
};

class WordsOnly final : public rt::OutputSink {
 public:
  Task<Unit> write(rt::Context&, rt::OutputKind, std::string bytes) override {
    words_.add(bytes);
    co_return Unit{};
  }
  std::string line() const { return words_.line(); }

 private:
  LastWords words_;
};

Value table_value(const cloud::ConnectionTable& table) {
  ValueMap profiles;
  for (const auto& [profile, connections] : table) {
    ValueMap named;
    for (const auto& [name, config] : connections) {
      named.set(name, ValueMap{{"type", config.type},
                               {"settings", config.settings},
                               {"sandbox", config.sandbox}});
    }
    profiles.set(profile, std::move(named));
  }
  return profiles;
}

// The secrets that connections name, wherever they do: {secret: NAME}, {customer_key: NAME}. One
// that cannot be read is left out, and missed where it is used.
void collect_secrets(const Value& settings, const SqlServiceOptions& options, ValueMap& into) {
  if (!settings.is_map()) {
    return;
  }
  for (const auto& [name, value] : settings.as_map()) {
    collect_secrets(value, options, into);
    if (value.is_string() && (name == "secret" || name == "customer_key")) {
      if (auto secret = options.secret(value.as_string()); secret.has_value()) {
        into.set(value.as_string(), std::move(*secret));
      }
    }
  }
}

Value secrets_of(const SqlServiceOptions& options) {
  ValueMap secrets;
  if (options.secret) {
    for (const auto& [profile, connections] : options.connections) {
      for (const auto& [name, config] : connections) {
        collect_secrets(config.settings, options, secrets);
      }
    }
  }
  return secrets;
}

Value list_of(const std::vector<std::string>& texts) {
  return ValueList(texts.begin(), texts.end());
}

}  // namespace

// One program and its database.
struct SqlService::Host {
  std::string key;  // the database's path
  std::filesystem::path project;
  Value setup;
  Event ready;  // answers, or has failed
  Event gone;   // its process is dead
  std::optional<Error> error;
  std::unique_ptr<rt::Process> process;
  std::unique_ptr<Client> client;
  WordsOnly words;
  std::string end;  // how the process ended
  size_t open = 0;  // requests
  BootInstant used = {};
  bool ending = false;  // takes no more requests
};

class SqlService::State {
 public:
  State(rt::Processes& processes, SqlServiceOptions options)
      : processes_(processes), options_(std::move(options)) {}

  const SqlServiceOptions& options() const { return options_; }
  const std::map<std::string, std::shared_ptr<Host>>& hosts() const { return hosts_; }

  static Task<Unit> serve(rt::Scope& scope, State& state) {
    while (true) {
      while (!state.wanted_.empty()) {
        std::shared_ptr<Host> host = std::move(state.wanted_.front());
        state.wanted_.pop_front();
        CO_OK(co_await scope.spawn(state.live(scope.context(), std::move(host))));
      }
      CO_OK(co_await state.asked_.wait(scope.context()));
    }
  }

  Task<Outcome> call(rt::Context& ctx, SqlTarget target, SqlConnection connection, Value with) {
    CO_TRY(const std::shared_ptr<Host> host, co_await join(ctx, std::move(target), connection));
    NoEvents nobody;
    Result<Outcome> outcome = co_await host->client->run(ctx, nobody, ValueMap{}, std::move(with),
                                                         {.grace = cancel_grace});
    --host->open;
    host->used = ctx.clock().boot();
    if (host->client->wedged()) {
      host->ending = true;
      host->process->signal(9);
    }
    if (!outcome.has_value() && outcome.error().provider_code == "lost") {
      rt::Context patient = ctx.uncancellable();
      CO_OK(co_await host->gone.wait(patient));
      co_return lost(*host);
    }
    co_return outcome;
  }

 private:
  static Outcome lost(const Host& host) {
    const std::string words = host.words.line();
    return Failed{
        .error = {.code = Code::unavailable,
                  .what = fmt::format("the SQL engine was lost: tutti-sql ended ({}){}{}", host.end,
                                      words.empty() ? "" : ": ", words),
                  .where = host.key,
                  .remedy = "what was committed is kept, an unfinished transaction is undone; run "
                            "the task again"},
        .reason = FailReason::infrastructure,
        .retryable = true};
  }

  // The running program of this database, or a new one.
  Task<std::shared_ptr<Host>> join(rt::Context& ctx, SqlTarget target, SqlConnection connection) {
    const std::string key = connection.database.string();
    while (true) {
      CO_OK(ctx.check());
      std::shared_ptr<Host>& place = hosts_[key];
      if (place == nullptr) {
        place = make_host(target, connection);
        wanted_.push_back(place);
        asked_.notify();
      }
      const std::shared_ptr<Host> host = place;
      if (host->ending || (host->client != nullptr && host->client->ended())) {
        CO_OK(co_await host->gone.wait(ctx));
        continue;
      }
      ++host->open;
      Result<Unit> ready = co_await host->ready.wait(ctx);
      if (ready.has_value() && !host->error && !host->ending) {
        co_return host;
      }
      --host->open;
      CO_OK(ready);
      if (host->error) {
        co_return fail(*host->error);
      }
    }
  }

  std::shared_ptr<Host> make_host(const SqlTarget& target, const SqlConnection& connection) {
    auto host = std::make_shared<Host>();
    host->key = connection.database.string();
    host->project = target.project;
    host->setup = ValueMap{
        {"database", connection.database.string()},
        {"temp", temp_folder(target, connection).string()},
        {"project", target.project.string()},
        {"memory_bytes", connection.memory_bytes},
        {"threads", connection.threads},
        {"profiles", table_value(options_.connections)},
        {"secrets", secrets_of(options_)},
    };
    return host;
  }

  // Of this database alone: tutti-sql empties it when it starts.
  static std::filesystem::path temp_folder(const SqlTarget& target,
                                           const SqlConnection& connection) {
    constexpr size_t name_digits = 16;
    return target.project / ".tutti" / "sql" /
           hex(sha256(connection.database.string())).substr(0, name_digits);
  }

  // The whole life of a program. What goes wrong is the requests' business, not the service's.
  Task<Unit> live(rt::Context& ctx, std::shared_ptr<Host> host) {
    Result<Unit> started = co_await start(ctx, *host);
    if (!started.has_value()) {
      host->error = started.error();
    }
    host->used = ctx.clock().boot();
    host->ready.set();
    if (started.has_value()) {
      (void)co_await rt::scoped(ctx, {.children_max = 2}, attend, std::ref(*host), options_.idle);
    }
    host->ending = true;
    if (host->client != nullptr) {
      host->client->close();
    }
    if (host->process != nullptr) {
      rt::Context last = ctx.uncancellable();
      Result<rt::Exit> exit = co_await host->process->stop(last, end_grace);
      host->end = exit.has_value() ? rt::to_text(*exit) : exit.error().what;
    }
    hosts_.erase(host->key);
    host->gone.set();
    co_return Unit{};
  }

  Task<Unit> start(rt::Context& ctx, Host& host) {
    rt::ProcessSpec spec{
        .argv = {options_.program.string()}, .env = engine_environment(), .cwd = host.project};
    Result<Launched> launched = co_await launch(ctx, processes_, std::move(spec), "tutti-sql");
    if (!launched.has_value()) {
      co_return fail(with_context(launched.error(), "the SQL engine cannot be started"));
    }
    host.process = std::move(launched->process);
    host.client = std::move(launched->client);
    CO_OK(co_await host.client->greet(ctx, host.setup));
    co_return Unit{};
  }

  static Task<Unit> attend(rt::Scope& scope, Host& host, Duration idle) {
    CO_OK(co_await scope.spawn(host.process->pump(scope.context(), host.words)));
    CO_OK(co_await scope.spawn(retire(scope.context(), host, idle)));
    Result<Unit> pumped = co_await host.client->pump(scope.context());
    scope.cancel(rt::cancelled_error("the program has ended"));
    co_return pumped;
  }

  static Task<Unit> retire(rt::Context& ctx, Host& host, Duration idle) {
    while (host.open > 0 || ctx.clock().boot() < host.used + idle) {
      const Duration rest = host.used + idle - ctx.clock().boot();
      CO_OK(co_await rt::delay(ctx, std::max(rest, milliseconds(100))));
    }
    host.ending = true;
    co_return co_await host.client->bye(ctx);
  }

  rt::Processes& processes_;
  SqlServiceOptions options_;
  std::map<std::string, std::shared_ptr<Host>> hosts_;
  std::deque<std::shared_ptr<Host>> wanted_;
  rt::Notify asked_;
};

SqlService::SqlService(rt::Processes& processes, SqlServiceOptions options)
    : state_(std::make_unique<State>(processes, std::move(options))) {}

SqlService::~SqlService() = default;

Task<Unit> SqlService::serve(rt::Context& ctx) {
  constexpr size_t databases_max = 64;
  Result<Unit> served =
      co_await rt::scoped(ctx, {.children_max = databases_max}, State::serve, std::ref(*state_));
  co_return ctx.check().has_value() ? served : Result<Unit>(Unit{});  // it only ends when told to
}

Task<Outcome> SqlService::query(rt::Context& ctx, SqlTarget target, SqlQuery query) {
  CO_TRY(SqlConnection connection, describe(target));
  Value with = ValueMap{{"op", "query"},
                        {"profile", target.profile},
                        {"text", std::move(query.text)},
                        {"label", std::move(query.label)},
                        {"params", std::move(query.params)},
                        {"rows_max", query.rows_max}};
  if (query.attempt) {
    with.edit_map().set("attempt", to_text(*query.attempt));
  }
  co_return co_await state_->call(ctx, std::move(target), std::move(connection), std::move(with));
}

Task<Outcome> SqlService::load(rt::Context& ctx, SqlTarget target, SqlLoad load) {
  CO_TRY(SqlConnection connection, describe(target));
  ValueList files;
  for (const SqlFile& file : load.files) {
    files.push_back(Value::of({{"address", file.address},
                               {"object", file.object},
                               {"bytes", file.bytes},
                               {"proof", file.proof}}));
  }
  Value with = ValueMap{{"op", "load"},
                        {"profile", target.profile},
                        {"files", std::move(files)},
                        {"schema", std::move(load.schema)},
                        {"table", std::move(load.table)},
                        {"format", std::move(load.format)},
                        {"mode", std::move(load.mode)},
                        {"key", list_of(load.key)},
                        {"manifest", std::move(load.manifest)}};
  co_return co_await state_->call(ctx, std::move(target), std::move(connection), std::move(with));
}

Result<SqlConnection> SqlService::describe(const SqlTarget& target) const {
  const cloud::ConnectionTable& table = state_->options().connections;
  const auto profile = table.find(target.profile);
  if (profile == table.end()) {
    return fail(Code::not_found, fmt::format("no profile '{}'", target.profile),
                "add it to tutti.yaml");
  }
  const auto found = profile->second.find(target.connection);
  if (found == profile->second.end()) {
    std::vector<std::string> names;
    for (const auto& [name, config] : profile->second) {
      names.push_back(name);
    }
    std::string remedy = did_you_mean(target.connection, std::span<const std::string>(names));
    return fail(
        Code::not_found,
        fmt::format("no connection in profile '{}' named '{}'", target.profile, target.connection),
        remedy.empty() ? "add it to tutti.yaml" : std::move(remedy));
  }
  const cloud::ConnectionConfig& config = found->second;
  if (config.type != "duckdb") {
    const bool later = config.type != "local" && config.type != "file" && config.type != "http";
    return fail(
        later ? Code::unsupported : Code::bad_input,
        fmt::format("connection '{}' is of type {}, which {}", target.connection, config.type,
                    later ? "comes in a later version" : "runs no SQL"),
        later ? fmt::format("let DuckDB stand in for it: {}: {{type: duckdb}}", target.connection)
              : "give the name of a connection of type duckdb");
  }
  const std::string path(config.settings.get_string("path"));
  if (path == ":memory:") {
    return fail(Code::bad_input,
                fmt::format("connection '{}' keeps its database in memory, where no other task "
                            "would find it",
                            target.connection),
                "give `path` a file, or leave it out: clouds/NAME.duckdb");
  }
  SqlConnection connection{.engine = "duckdb", .threads = config.settings.get_int("threads", 2)};
  const std::string shown = path.empty() ? "clouds/" + target.connection + ".duckdb" : path;
  connection.database = (target.project / shown).lexically_normal();
  connection.shown = "DuckDB, " + shown;
  if (const Value& memory = config.settings["memory"]; memory.is_int()) {
    connection.memory_bytes = memory.as_int();
  } else if (memory.is_string()) {
    TRY(connection.memory_bytes, parse_size(memory.as_string()));
  }
  return connection;
}

size_t SqlService::programs() const { return state_->hosts().size(); }

std::vector<int> SqlService::pids() const {
  std::vector<int> pids;
  for (const auto& [key, host] : state_->hosts()) {
    if (host->process != nullptr) {
      pids.push_back(host->process->pid());
    }
  }
  return pids;
}

}  // namespace tutti::action
