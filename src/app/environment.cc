// SPDX-License-Identifier: Apache-2.0
#include "app/environment.h"

#include <unistd.h>

#include "app/actions.h"
#include "app/catalogue.h"
#include "app/connections.h"
#include "app/manifest_export.h"
#include "app/owner.h"
#include "app/preview.h"
#include "cli/version.h"
#include "cloud/all/all.h"

namespace tutti::app {
namespace {

// Most of them wait for a disk: large files are written past the page cache, in parallel.
constexpr size_t pool_threads = 6;
// Enough to keep a fast network and disks busy, little enough for a small machine.
constexpr cloud::BufferPoolOptions buffer_options{.bytes_max = 16U << 20U,
                                                  .chunk_bytes = 256U << 10U};

}  // namespace

CommandEnvironment::CommandEnvironment(WrapOpeners wrap)
    : wrap_(std::move(wrap)),
      clock_(rt::make_system_clock()),
      random_(rt::make_system_random()),
      signals_([this](int, int count) {
        if (count == 1) {
          first_.cancel(rt::cancelled_error("interrupted"));
        } else if (count == 2) {
          second_.cancel(rt::cancelled_error("interrupted"));
        } else {
          _exit(130);
        }
      }),
      context_(*clock_, *random_, first_.token()),
      http_(loop_.executor(), *clock_),
      no_connections_({}, {}),
      no_processes_(loop_.executor(), {}),
      no_buffers_() {
  actions_.emplace(action_services(
      no_connections_, {}, {.project = {}, .buffers = no_buffers_, .files = loop_.executor()},
      loop_.executor()));
  catalogue_ = make_catalogue(actions_->actions());
}

ActionServices CommandEnvironment::action_services(const cloud::Connections& connections,
                                                   cloud::ConnectionTable table,
                                                   cloud::local::Environment local,
                                                   rt::Executor cpu) {
  return {.http = http_,
          .connections = connections,
          .table = std::move(table),
          .local = std::move(local),
          .processes = no_processes_,
          .cpu = std::move(cpu)};
}

CommandEnvironment::~CommandEnvironment() = default;

rt::Executor CommandEnvironment::cpu() {
  if (pool_ == nullptr) {
    pool_ = std::make_unique<rt::Pool>(pool_threads);
  }
  return pool_->executor();
}

Result<std::unique_ptr<control::ControlPlane>> CommandEnvironment::connect(
    const std::string& project_folder, cli::Errand errand) {
  TRY(auto remote, loop_.run(connect_or_start_owner(
                       context_, {.project = project_folder,
                                  .version = std::string(cli::version_text),
                                  .settings = settings_digest(read_project(project_folder)),
                                  .starts = errand == cli::Errand::start})));
  return std::unique_ptr<control::ControlPlane>(std::move(remote));
}

Result<std::unique_ptr<cloud::Connections>> CommandEnvironment::connections(
    const spec::Project& project, const std::string& project_folder) {
  if (buffers_ == nullptr) {
    buffers_ = std::make_unique<cloud::BufferPool>(buffer_options);
  }
  cloud::Openers openers = cloud::all_openers(
      {.local = {.project = project_folder, .buffers = *buffers_, .files = cpu()},
       .http = http_,
       .secret = [source = secret_source(project, project_folder)](std::string_view name) {
         return source.read(name);
       }});
  return std::make_unique<cloud::Connections>(
      connection_table(project), wrap_ ? wrap_(std::move(openers)) : std::move(openers));
}

Result<std::string> CommandEnvironment::secret(const spec::Project& project,
                                               const std::string& project_folder,
                                               std::string_view name) {
  return secret_source(project, project_folder).read(name);
}

Task<std::vector<cli::TaskPreview>> CommandEnvironment::preview(rt::Context& ctx,
                                                                cli::PreviewRequest request) {
  CO_TRY(const auto project_connections, connections(request.project, request.project_folder));
  const ActionSet actions(action_services(
      *project_connections, connection_table(request.project),
      {.project = request.project_folder, .buffers = *buffers_, .files = cpu()}, cpu()));
  co_return co_await preview_run(ctx, actions.actions(), request);
}

Task<int64_t> CommandEnvironment::export_manifest(rt::Context& ctx, std::filesystem::path manifest,
                                                  std::filesystem::path parquet) {
  co_return co_await app::export_manifest(ctx, loop_.executor(), std::move(manifest),
                                          std::move(parquet));
}

}  // namespace tutti::app
