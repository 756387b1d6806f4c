// SPDX-License-Identifier: Apache-2.0
// What the commands are given: this process's loop, clock and interrupts, and the doors to the
// layers they may not see.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "app/actions.h"
#include "cli/cli.h"
#include "cloud/buffer.h"
#include "cloud/connections.h"
#include "net/http.h"
#include "rt/loop.h"
#include "rt/process.h"
#include "rt/signals.h"
#include "worker/worker.h"

namespace tutti::app {

// Stores around the stores of a command; for tests.
using WrapOpeners = std::function<cloud::Openers(cloud::Openers)>;

class CommandEnvironment final : public cli::Environment {
 public:
  explicit CommandEnvironment(WrapOpeners wrap = {});
  ~CommandEnvironment() override;

  rt::Loop& loop() override { return loop_; }
  rt::Executor cpu() override;
  rt::Context& context() override { return context_; }
  rt::CancelToken interrupted() override { return second_.token(); }
  const spec::Catalogue& catalogue() override { return catalogue_; }
  Result<std::unique_ptr<control::ControlPlane>> connect(const std::string& project_folder,
                                                         cli::Errand errand) override;
  Result<std::unique_ptr<cloud::Connections>> connections(
      const spec::Project& project, const std::string& project_folder) override;
  Result<std::string> secret(const spec::Project& project, const std::string& project_folder,
                             std::string_view name) override;
  Task<std::vector<cli::TaskPreview>> preview(rt::Context& ctx,
                                              cli::PreviewRequest request) override;
  Task<int64_t> export_manifest(rt::Context& ctx, std::filesystem::path manifest,
                                std::filesystem::path parquet) override;

 private:
  ActionServices action_services(const cloud::Connections& connections,
                                 cloud::ConnectionTable table, cloud::local::Environment local,
                                 rt::Executor cpu);

  WrapOpeners wrap_;
  std::unique_ptr<rt::Clock> clock_;
  std::unique_ptr<rt::Random> random_;
  rt::CancelSource first_;   // the first Ctrl-C
  rt::CancelSource second_;  // the second
  rt::Signals signals_;
  rt::Context context_;
  rt::Loop loop_;
  net::HttpClient http_;
  std::unique_ptr<rt::Pool> pool_;              // when first asked for
  std::unique_ptr<cloud::BufferPool> buffers_;  // likewise
  // The actions of commands only describe themselves and plan; they run in the owner.
  cloud::Connections no_connections_;
  rt::Processes no_processes_;
  cloud::BufferPool no_buffers_;
  std::optional<ActionSet> actions_;
  spec::Catalogue catalogue_;
};

}  // namespace tutti::app
