// SPDX-License-Identifier: Apache-2.0
// ./dev bench engine: what a task costs through ControlPlane, engine, worker and read model, with
// the database on disk. A task is a no-op (or /bin/true) attempt; durable means fdatasync before
// the next one of a chain begins and before anybody hears of it.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string_view>

#include <fmt/format.h>

#include "action/noop/noop.h"
#include "action/process/process_action.h"
#include "app/catalogue.h"
#include "bench/figure.h"
#include "bench/limits.h"
#include "core/spec/freeze.h"
#include "core/spec/parse.h"
#include "engine/engine.h"
#include "rt/file.h"
#include "rt/loop.h"
#include "rt/process_helper.h"
#include "store/sqlite.h"
#include "worker/worker.h"

extern char** environ;

namespace tutti {
namespace {

namespace fs = std::filesystem;

template <class T>
T must(Result<T> result) {
  if (!result.has_value()) {
    fmt::print(stderr, "{}\n", result.error().text());
    std::exit(1);
  }
  return std::move(*result);
}

struct NoLogs final : worker::LogSink {
  Task<Unit> append(rt::Context&, worker::LogRecord) override { co_return Unit{}; }
};

// An owner without its process: everything but the socket.
class Owner {
 public:
  Owner() : processes_(loop_.executor(), {.lock = folder_ / "processes.lock"}) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    store_ = must(store::open_sqlite_store({.folder = folder_, .clock = clock_.get()}));
    add(std::make_unique<action::NoopAction>());
    add(std::make_unique<action::ProcessAction>(processes_, staging_));
    catalogue_ = app::make_catalogue(actions_);
    loop_.start("owner");
    engine_ = std::make_unique<engine::Engine>(loop_.executor(), engine::Services{.store = *store_},
                                               engine::Settings{});
    worker_ = std::make_unique<worker::LocalWorker>(
        loop_.executor(),
        worker::Services{
            .coordinator = *engine_, .logs = logs_, .actions = actions_, .masks = masks_});
    served_ = start(rt::scoped(serving_, {}, serve, this));
    must(on_loop(engine_->ready(ctx_)));
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  ~Owner() {
    end_.cancel(rt::cancelled_error("measured"));
    (void)served_.get();  // it ends cancelled
    must(on_loop(processes_.close(ctx_)));
    must(on_loop(store_->close(ctx_)));
    loop_.stop();
    fs::remove_all(folder_);
  }

  // Milliseconds from the request to the durable end of the run.
  double run_ms(const std::string& frozen) { return must(on_loop(measured(*this, frozen))); }
  const spec::Catalogue& catalogue() const { return catalogue_; }

 private:
  void add(std::unique_ptr<action::Action> action) {
    std::string name = action->schema().name;
    actions_.emplace(std::move(name), std::move(action));
  }

  // Starts a task on the owner's loop; get() waits for its end.
  template <class T>
  std::future<Result<T>> start(Task<T> task) {
    auto done = std::make_shared<std::promise<Result<T>>>();
    boost::asio::co_spawn(
        loop_.executor(), rt::guarded(std::move(task)),
        [done](std::exception_ptr, Result<T> result) { done->set_value(std::move(result)); });
    return done->get_future();
  }
  template <class T>
  Result<T> on_loop(Task<T> task) {
    return start(std::move(task)).get();
  }

  static Task<Unit> serve(rt::Scope& scope, Owner* self) {
    CO_OK(co_await scope.spawn(self->engine_->run(scope.context(), *self->worker_)));
    co_return co_await self->worker_->run(scope.context());
  }

  static Task<double> measured(Owner& self, std::string frozen) {
    const BootInstant started = self.clock_->boot();
    control::StartRun request{
        .id = make_run_id(self.clock_->wall(), self.random_->next(), self.random_->next()),
        .workflow = std::move(frozen),
        .profile = "local",
        .project = fs::current_path().string()};
    const RunId id = request.id;
    CO_OK(co_await self.engine_->start(self.ctx_, std::move(request)));
    control::RunChanges changes;
    while (!changes.run.ended) {
      CO_TRY(changes, co_await self.engine_->watch(
                          self.ctx_,
                          {.run = {to_text(id)}, .since = changes.revision, .wait = seconds(60)}));
    }
    if (changes.run.state != "success") {
      co_return fail(Code::internal, fmt::format("the run ended {}", changes.run.state));
    }
    co_return (self.clock_->boot() - started).seconds() * 1000;
  }

  fs::path folder_ = fs::absolute("bench_engine.tmp");
  std::unique_ptr<rt::Clock> clock_ = rt::make_system_clock();
  std::unique_ptr<rt::Random> random_ = rt::make_system_random();
  rt::Context ctx_{*clock_, *random_};
  rt::Loop loop_;
  rt::Processes processes_;
  cloud::BufferPool buffers_;
  cloud::Connections connections_{{}, {}};
  action::FileStaging staging_{connections_,
                               {.project = folder_, .buffers = buffers_, .files = loop_.executor()},
                               loop_.executor()};
  std::unique_ptr<store::SqliteStore> store_;
  NoLogs logs_;
  worker::SecretSource secrets_;
  worker::Masks masks_{secrets_};
  worker::Actions actions_;
  spec::Catalogue catalogue_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<worker::LocalWorker> worker_;
  rt::CancelSource end_;
  rt::Context serving_{*clock_, *random_, end_.token()};
  std::future<Result<Unit>> served_;
};

std::string frozen(const spec::Catalogue& catalogue, std::string text) {
  auto parsed = spec::parse_workflow({.file = "bench.yaml", .text = std::move(text)},
                                     spec::default_project("bench"), catalogue);
  if (parsed.report.has_errors()) {
    fmt::print(stderr, "{}", spec::to_text(parsed.report));
    std::exit(1);
  }
  return spec::freeze(parsed.workflow);
}

std::string chain(int tasks, std::string_view task) {
  std::string text = "workflow: chain\ntasks:\n";
  for (int i = 0; i < tasks; ++i) {
    text += i == 0 ? fmt::format("  t0: {{{}}}\n", task)
                   : fmt::format("  t{}: {{needs: t{}, {}}}\n", i, i - 1, task);
  }
  return text;
}

// Layers of 100; each task needs three of the layer before.
std::string graph(int tasks) {
  std::string text = "workflow: graph\ntasks:\n";
  for (int i = 0; i < tasks; ++i) {
    const int layer = i / 100;
    text += layer == 0 ? fmt::format("  t{}: {{uses: noop}}\n", i)
                       : fmt::format("  t{}: {{needs: [t{}, t{}, t{}], uses: noop}}\n", i,
                                     (layer - 1) * 100 + i % 100, (layer - 1) * 100 + (i + 7) % 100,
                                     (layer - 1) * 100 + (i + 31) % 100);
  }
  return text;
}

double command_ms(const fs::path& folder, std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& each : arguments) {
    argv.push_back(each.data());
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  int status = -1;
  const double ms = bench::time_ms([&] {
    pid_t pid = 0;
    if (posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ) == 0) {
      waitpid(pid, &status, 0);
    }
  });
  posix_spawn_file_actions_destroy(&actions);
  if (status != 0) {
    fmt::print(stderr, "{} failed in {}\n", arguments[0], folder.string());
    std::exit(1);
  }
  return ms;
}

void measure_command(bench::Report& report, const fs::path& program) {
  const fs::path folder = fs::absolute("bench_cli.tmp");
  fs::remove_all(folder);
  fs::create_directories(folder / "workflows");
  must(rt::write_file(folder / "tutti.yaml", "project: bench\n"));
  must(rt::write_file(folder / "workflows/one.yaml",
                      "workflow: one\ntasks: {only: {uses: noop}}\n"));
  const std::string tutti = program.string();
  const auto run = [&] { return command_ms(folder, {tutti, "run", "one"}); };
  run();
  const auto v = bench::interleaved(report.options().repeats * 4,
                                    {run, [] { return bench::spawn_true_ms(1); }});
  report.add({.name = "cli.one_task",
              .unit = "ms",
              .ours = v[0],
              .peers = {{"Dagu (published run of numbers.md)", {55}}, {"Dagster", {2900}}},
              .limit = bench::Series{"start and wait for /bin/true", v[1]},
              .target = "<= 40",
              .note = "tutti run of one no-op task as a whole process; the owner is there"});
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  using namespace tutti;
  if (argc == 4 && std::string_view(argv[1]) == "process-helper") {
    return rt::run_process_helper(argv[2], argv[3]);
  }
  bench::Report report(argc, argv);
  const int repeats = report.options().repeats;
  {
    Owner owner;
    const std::string noops = frozen(owner.catalogue(), chain(40, "uses: noop"));
    owner.run_ms(noops);
    std::vector<double> syncs;
    const auto v = bench::interleaved(
        repeats, {[&] {
                    const uint64_t before = store::sync_count();
                    const double ms = owner.run_ms(noops);
                    syncs.push_back(static_cast<double>(store::sync_count() - before));
                    return ms;
                  },
                  [] { return bench::overwrite_synced_ms(".", 40); },
                  [] { return bench::append_synced_ms(".", 40); }});
    report.add({.name = "engine.chain40",
                .unit = "ms",
                .ours = v[0],
                .peers = {{"append 4 KiB + fdatasync, 40 times", v[2]}},
                .limit = bench::Series{"40 x preallocated 4 KiB overwrite + fdatasync", v[1]},
                .target = "<= 3 x limit",
                .note = "40 no-op tasks in a chain, each durable before the next"});
    report.add({.name = "engine.chain40.syncs",
                .unit = "calls",
                .ours = syncs,
                .note = "fdatasync calls of one run"});

    const std::string trues =
        frozen(owner.catalogue(), chain(40, "uses: process, with: {argv: [/bin/true]}"));
    owner.run_ms(trues);
    const auto p = bench::interleaved(
        repeats, {[&] { return owner.run_ms(trues); }, [] { return bench::spawn_true_ms(40); }});
    report.add({.name = "engine.process40",
                .unit = "ms",
                .ours = p[0],
                .limit = bench::Series{"start and wait for /bin/true, 40 times", p[1]},
                .note = "40 x /bin/true in a chain, each durable before the next"});

    const int tasks = 10'000;
    const std::string wide = frozen(owner.catalogue(), graph(tasks));
    owner.run_ms(wide);
    std::vector<double> rates;
    syncs.clear();
    for (int i = 0; i < repeats; ++i) {
      const uint64_t before = store::sync_count();
      rates.push_back(tasks / owner.run_ms(wide) * 1000);
      syncs.push_back(static_cast<double>(store::sync_count() - before));
    }
    report.add({.name = "engine.graph10k",
                .unit = "tasks/s",
                .ours = rates,
                .target = ">= 20,000",
                .note = "10,000 no-op tasks, layers of 100, three needs each"});
    report.add({.name = "engine.graph10k.syncs",
                .unit = "calls",
                .ours = syncs,
                .note = "fdatasync calls of one run"});
  }
  measure_command(report, fs::canonical("/proc/self/exe").parent_path().parent_path() / "tutti");
  return report.finish();
}
