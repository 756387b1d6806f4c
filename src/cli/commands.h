// SPDX-License-Identifier: Apache-2.0
// The commands, one function each; each returns the exit status or the error to print.
#pragma once

#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/output.h"

namespace tutti::cli {

struct Invocation {
  const Globals& globals;
  Environment& environment;
  Output& output;
};

Result<int> init(Invocation& call, const InitArgs& args);
Result<int> validate(Invocation& call, const ValidateArgs& args);
Result<int> plan(Invocation& call, const PlanArgs& args);
Result<int> graph(Invocation& call, const GraphArgs& args);
Result<int> run(Invocation& call, const RunArgs& args);
Result<int> retry(Invocation& call, const RetryArgs& args);
Result<int> runs(Invocation& call, const RunsArgs& args);
Result<int> show(Invocation& call, const ShowArgs& args);
Result<int> logs(Invocation& call, const LogsArgs& args);
Result<int> cancel(Invocation& call, const CancelArgs& args);
Result<int> mark(Invocation& call, const MarkArgs& args);
Result<int> ls(Invocation& call, const LsArgs& args);
Result<int> cat(Invocation& call, const CatArgs& args);
Result<int> cp(Invocation& call, const CpArgs& args);
Result<int> mv(Invocation& call, const MvArgs& args);
Result<int> sync(Invocation& call, const SyncArgs& args);
Result<int> rm(Invocation& call, const RmArgs& args);
Result<int> lock(Invocation& call, const ShowLockArgs& args);
Result<int> restore(Invocation& call, const RestoreArgs& args);
Result<int> du(Invocation& call, const DuArgs& args);
Result<int> mb(Invocation& call, const MbArgs& args);
Result<int> rb(Invocation& call, const RbArgs& args);
Result<int> presign(Invocation& call, const PresignArgs& args);
Result<int> verify(Invocation& call, const VerifyArgs& args);
Result<int> manifest(Invocation& call, const ManifestArgs& args);
Result<int> connections(Invocation& call, const ConnectionsArgs& args);
Result<int> doctor(Invocation& call, const DoctorArgs& args);
Result<int> config(Invocation& call, const ConfigArgs& args);

}  // namespace tutti::cli
