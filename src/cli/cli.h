// SPDX-License-Identifier: Apache-2.0
// The command line: parses, runs one command, returns its exit status (docs/cli.md).
//
// `app` hands in what the commands need of the layers they may not see.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/control.h"
#include "core/spec/catalogue.h"
#include "core/spec/run_context.h"
#include "core/spec/spec.h"
#include "rt/context.h"
#include "rt/loop.h"

namespace tutti::cloud {
class Connections;
}

namespace tutti::cli {

// What one task of a workflow would do; action::Preview with names.
struct TaskPreview {
  std::string task;
  struct Step {
    std::string what;
    std::optional<int64_t> objects = std::nullopt;
    std::optional<int64_t> bytes = std::nullopt;
    std::string detail = {};
  };
  std::vector<Step> steps = {};
  std::vector<std::string> unknown = {};
  std::optional<Error> error =
      std::nullopt;  // the preview itself failed: a missing source, no connection
};

struct PreviewRequest {
  const spec::Workflow& workflow;
  const spec::Project& project;
  std::string project_folder;
  std::string profile;
  Value params;
  spec::RunDates dates;
};

// What a command wants of the owner. `start`: tasks begin, so the owner must have the settings that
// tutti.yaml has now.
enum class Errand : uint8_t { look, start };

class Environment {
 public:
  virtual ~Environment() = default;
  virtual rt::Loop& loop() = 0;
  virtual rt::Executor cpu() = 0;             // a pool's: digests and blocking file calls
  virtual rt::Context& context() = 0;         // cancelled by the first Ctrl-C
  virtual rt::CancelToken interrupted() = 0;  // tripped by the second
  virtual const spec::Catalogue& catalogue() = 0;
  virtual Result<std::unique_ptr<control::ControlPlane>> connect(const std::string& project_folder,
                                                                 Errand errand) = 0;
  virtual Result<std::unique_ptr<cloud::Connections>> connections(
      const spec::Project& project, const std::string& project_folder) = 0;
  // The value of a secret that the project declares; it is never printed. Errors name the secret.
  virtual Result<std::string> secret(const spec::Project& project,
                                     const std::string& project_folder, std::string_view name) = 0;
  virtual Task<std::vector<TaskPreview>> preview(rt::Context& ctx, PreviewRequest request) = 0;
  // Writes the manifest's lines as rows of a Parquet file, and says how many. Errors name the
  // manifest's line.
  virtual Task<int64_t> export_manifest(rt::Context& ctx, std::filesystem::path manifest,
                                        std::filesystem::path parquet) = 0;
};

int run_command_line(int argc, const char* const* argv, Environment& environment);

}  // namespace tutti::cli
