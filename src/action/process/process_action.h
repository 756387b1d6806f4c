// SPDX-License-Identifier: Apache-2.0
// process: runs a program or a bash script on the worker's machine.
//
// It starts in an empty folder of its own (or in `cwd`, meant from the project's folder), with a
// cleared environment: what rt::default_environment() lets through, the task's `env`, TUTTI_OUTPUT,
// TUTTI_PROJECT and TUTTI_ATTEMPT. Its output goes to the log; what it writes as JSON object into
// the file $TUTTI_OUTPUT becomes the task's outputs. Cancelled or timed out it gets SIGTERM, ten
// seconds later SIGKILL, with everything it started.
#pragma once

#include "action/api/action.h"
#include "action/files/file_staging.h"
#include "rt/process.h"

namespace tutti::action {

class ProcessAction final : public Action {
 public:
  ProcessAction(rt::Processes& processes, FileStaging& staging);
  const Schema& schema() const override { return schema_; }
  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override;
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override;

 private:
  Task<Outcome> call(rt::Context& ctx, Attempt& attempt, Value with, StagedFiles staged);

  rt::Processes& processes_;
  FileStaging& staging_;
  Schema schema_;
};

// Shared with other actions that run programs: the outputs a program left in its $TUTTI_OUTPUT
// file; an empty map when there is none.
Result<ValueMap> read_output_file(const std::filesystem::path& path);

}  // namespace tutti::action
