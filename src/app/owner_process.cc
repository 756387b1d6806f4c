// SPDX-License-Identifier: Apache-2.0
#include "app/owner_process.h"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include <fmt/format.h>

#include "app/actions.h"
#include "app/connections.h"
#include "app/log_sink.h"
#include "app/owner.h"
#include "app/scratch.h"
#include "app/settings.h"
#include "cli/version.h"
#include "cloud/all/all.h"
#include "engine/engine.h"
#include "rt/loop.h"
#include "rt/signals.h"
#include "store/log_files.h"
#include "store/sqlite.h"
#include "worker/worker.h"

namespace tutti::app {
namespace fs = std::filesystem;
namespace {

constexpr Duration idle_before_end = seconds(2);
constexpr size_t pool_threads = 2;
constexpr size_t buffer_bytes = 64u << 20;
constexpr uint32_t slots_min =
    8;  // most tasks wait for somebody else, so more than there are cores

// Everything the owner is made of, in the order of construction; destroyed in reverse.
class OwnerProcess {
 public:
  OwnerProcess(fs::path project_folder, OwnerLock lock)
      : paths_(project_folder),
        lock_(std::move(lock)),
        project_(read_project(project_folder)),
        project_folder_(std::move(project_folder)),
        buffers_({.bytes_max = buffer_bytes}),
        local_{.project = project_folder_, .buffers = buffers_, .files = pool_.executor()},
        secrets_(secret_source(project_, project_folder_)),
        connections_(
            connection_table(project_),
            cloud::all_openers(
                {.local = local_,
                 .http = http_,
                 .secret = [this](std::string_view name) { return secrets_.read(name); }})),
        masks_(secrets_),
        processes_(loop_.executor(), {.lock = paths_.processes}) {}

  Result<Unit> open() {
    TRY_OK(lock_.identify({.pid = getpid(), .version = std::string(cli::version_text)}));
    TRY(store_, store::open_sqlite_store({.folder = paths_.folder, .clock = clock_.get()}));
    logs_ = store::open_log_files({.folder = paths_.logs, .clock = clock_.get()});
    clear_scratch(paths_.scratch);
    sink_ = std::make_unique<StoreLogSink>(*logs_);
    actions_ = std::make_unique<ActionSet>(
        ActionServices{.http = http_,
                       .connections = connections_,
                       .table = connection_table(project_),
                       .local = local_,
                       .processes = processes_,
                       .cpu = pool_.executor(),
                       .secret = [this](std::string_view name) { return masks_.secret(name); }});
    engine::Settings settings;
    settings.limits.slots = std::max(slots_min, 4 * std::thread::hardware_concurrency());
    settings.owner = {
        .pid = getpid(), .version = std::string(cli::version_text), .started = clock_->wall()};
    engine_ = std::make_unique<engine::Engine>(
        loop_.executor(), engine::Services{.store = *store_, .logs = logs_.get()},
        std::move(settings));
    worker_ = std::make_unique<worker::LocalWorker>(
        loop_.executor(),
        worker::Services{.coordinator = *engine_,
                         .logs = *sink_,
                         .actions = actions_->actions(),
                         .masks = masks_,
                         .scratch = make_scratch(paths_.scratch),
                         .file_paths =
                             [this](const std::string& profile, const Value& files,
                                    const std::filesystem::path& scratch) {
                               return actions_->file_paths(profile, files, scratch);
                             },
                         .kill = [this](const AttemptId& id) { processes_.kill(to_text(id)); }});
    return Unit{};
  }

  Result<Unit> run(Ready& ready) {
    const rt::Signals signals(
        [this](int, int) { stop_.cancel(rt::cancelled_error("the owner was asked to end")); });
    return loop_.run(live(*this, ready));
  }

 private:
  // Runs until idle or asked to stop, then closes everything in the reverse of its order.
  static Task<Unit> live(OwnerProcess& self, Ready& ready) {
    rt::Context ctx(*self.clock_, *self.random_);
    Result<Unit> served = co_await self.processes_.open(ctx);  // the old processes are dead now
    if (served.has_value()) {
      served = co_await rt::scoped(ctx, {}, serve, &self, &ready);
    }
    const auto closed = co_await self.processes_.close(ctx);
    const auto logs_closed = co_await self.logs_->close(ctx);
    const auto store_closed = co_await self.store_->close(ctx);
    CO_OK(served);
    CO_OK(closed);
    CO_OK(logs_closed);
    co_return store_closed;
  }

  static Task<Unit> serve(rt::Scope& scope, OwnerProcess* self, Ready* ready) {
    rt::CancelSource engine_end(scope.context().token());
    rt::CancelSource worker_end(scope.context().token());
    rt::CancelSource serve_end(scope.context().token());
    const auto asked = self->stop_.token().on_cancel(
        [&serve_end, token = self->stop_.token()] { serve_end.cancel(token.reason().value()); });
    rt::Context engine_ctx = scope.context().with_token(engine_end.token());
    rt::Context worker_ctx = scope.context().with_token(worker_end.token());
    rt::Context serve_ctx = scope.context().with_token(serve_end.token());
    const auto worker_ended = rt::Waiter::make();
    CO_OK(co_await scope.spawn(run_engine(engine_ctx, *self)));
    CO_OK(co_await scope.spawn(run_worker(worker_ctx, *self, worker_ended)));
    CO_OK(co_await scope.spawn(run_actions(engine_ctx, *self)));
    const auto ready_to_serve = co_await self->engine_->ready(serve_ctx);
    if (!ready_to_serve.has_value()) {
      engine_end.cancel(rt::cancelled_error("the owner ends"));
      worker_end.cancel(rt::cancelled_error("the owner ends"));
      co_return ready_to_serve;
    }
    const auto served =
        co_await serve_owner(serve_ctx, *self->engine_, self->project_folder_, *ready,
                             {.version = std::string(cli::version_text),
                              .settings = settings_digest(self->project_),
                              .idle = idle_before_end});
    // Attempts end first, while the engine still takes their reports.
    self->engine_->hold();
    worker_end.cancel(rt::cancelled_error("the owner ends"));
    co_await worker_ended->wait_uncancelled();
    engine_end.cancel(rt::cancelled_error("the owner ends"));
    co_return served.has_value() || served.error().code == Code::cancelled ? Result<Unit>(Unit{})
                                                                           : served;
  }

  static Task<Unit> run_engine(rt::Context& ctx, OwnerProcess& self) {
    const auto ended = co_await self.engine_->run(ctx, *self.worker_);
    co_return ended.has_value() || ended.error().code == Code::cancelled ? Result<Unit>(Unit{})
                                                                         : ended;
  }

  static Task<Unit> run_actions(rt::Context& ctx, OwnerProcess& self) {
    const auto ended = co_await self.actions_->serve(ctx);
    co_return ended.has_value() || ended.error().code == Code::cancelled ? Result<Unit>(Unit{})
                                                                         : ended;
  }

  static Task<Unit> run_worker(rt::Context& ctx, OwnerProcess& self,
                               std::shared_ptr<rt::Waiter> ended_signal) {
    const auto ended = co_await self.worker_->run(ctx);
    ended_signal->complete();
    co_return ended.has_value() || ended.error().code == Code::cancelled ? Result<Unit>(Unit{})
                                                                         : ended;
  }

  StatePaths paths_;
  OwnerLock lock_;
  std::unique_ptr<rt::Clock> clock_ = rt::make_system_clock();
  std::unique_ptr<rt::Random> random_ = rt::make_system_random();
  rt::CancelSource stop_;
  spec::Project project_;
  fs::path project_folder_;
  rt::Loop loop_;
  rt::Pool pool_{pool_threads};
  cloud::BufferPool buffers_;
  cloud::local::Environment local_;
  net::HttpClient http_{loop_.executor(), *clock_};
  worker::SecretSource secrets_;
  cloud::Connections connections_;
  worker::Masks masks_;
  rt::Processes processes_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Logs> logs_;
  std::unique_ptr<StoreLogSink> sink_;
  std::unique_ptr<ActionSet> actions_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<worker::LocalWorker> worker_;
};

Result<Unit> own(const OwnerArguments& arguments, Ready& ready) {
  TRY(OwnerLock lock, OwnerLock::inherit(arguments.lock_fd));
  OwnerProcess owner(arguments.project, std::move(lock));
  TRY_OK(owner.open());
  return owner.run(ready);
}

}  // namespace

int run_owner_process(const std::vector<std::string>& arguments) {
  umask(077);
  const auto parsed = parse_owner_arguments(arguments);
  if (!parsed) {
    fmt::print(stderr, "{}\n", parsed.error().text());
    return exit_status(parsed.error().code);
  }
  Ready ready(parsed->ready_fd);
  const auto ended = own(*parsed, ready);
  if (!ended) {
    ready.failed(ended.error());
    fmt::print(stderr, "owner ends: {}\n", ended.error().text());
    return exit_status(ended.error().code);
  }
  return 0;
}

}  // namespace tutti::app
