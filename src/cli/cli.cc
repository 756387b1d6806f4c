// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <fmt/format.h>

#include "cli/actions_page.h"
#include "cli/commands.h"
#include "cli/others.h"
#include "cli/version.h"
#include "core/spec/describe.h"

namespace tutti::cli {
namespace {

struct Runner {
  Invocation& call;

  Result<int> operator()(const InitArgs& args) { return init(call, args); }
  Result<int> operator()(const ValidateArgs& args) { return validate(call, args); }
  Result<int> operator()(const PlanArgs& args) { return plan(call, args); }
  Result<int> operator()(const RunArgs& args) { return run(call, args); }
  Result<int> operator()(const RunsArgs& args) { return runs(call, args); }
  Result<int> operator()(const ShowArgs& args) { return show(call, args); }
  Result<int> operator()(const LogsArgs& args) { return logs(call, args); }
  Result<int> operator()(const GraphArgs& args) { return graph(call, args); }
  Result<int> operator()(const RetryArgs& args) { return retry(call, args); }
  Result<int> operator()(const CancelArgs& args) { return cancel(call, args); }
  Result<int> operator()(const MarkArgs& args) { return mark(call, args); }
  Result<int> operator()(const LsArgs& args) { return ls(call, args); }
  Result<int> operator()(const CatArgs& args) { return cat(call, args); }
  Result<int> operator()(const CpArgs& args) { return cp(call, args); }
  Result<int> operator()(const MvArgs& args) { return mv(call, args); }
  Result<int> operator()(const SyncArgs& args) { return sync(call, args); }
  Result<int> operator()(const RmArgs& args) { return rm(call, args); }
  Result<int> operator()(const ShowLockArgs& args) { return lock(call, args); }
  Result<int> operator()(const RestoreArgs& args) { return restore(call, args); }
  Result<int> operator()(const DuArgs& args) { return du(call, args); }
  Result<int> operator()(const MbArgs& args) { return mb(call, args); }
  Result<int> operator()(const RbArgs& args) { return rb(call, args); }
  Result<int> operator()(const PresignArgs& args) { return presign(call, args); }
  Result<int> operator()(const VerifyArgs& args) { return verify(call, args); }
  Result<int> operator()(const ManifestArgs& args) { return manifest(call, args); }
  Result<int> operator()(const ConnectionsArgs& args) { return connections(call, args); }
  Result<int> operator()(const DoctorArgs& args) { return doctor(call, args); }
  Result<int> operator()(const ConfigArgs& args) { return config(call, args); }
  Result<int> operator()(const VersionArgs&) {
    if (call.output.json()) {
      call.output.value(Value::of({{"version", version_text}}));
    } else {
      call.output.line(fmt::format("tutti {}", version_text));
    }
    return 0;
  }
  Result<int> operator()(const ReferenceArgs& args) {
    const spec::Catalogue& catalogue = call.environment.catalogue();
    if (args.page == "workflow-schema") {
      call.output.text(to_json(spec::workflow_schema(catalogue), {.indent = 2}) + "\n");
    } else if (args.page == "actions") {
      call.output.text(actions_markdown(catalogue));
    } else {
      call.output.text(args.page == "others" ? others_markdown() : reference_markdown());
    }
    return 0;
  }
};

}  // namespace

int run_command_line(int argc, const char* const* argv, Environment& environment) {
  auto parsed = parse_arguments(argc, argv);
  if (!parsed) {
    FILE* stream = parsed.error().exit_status == 0 ? stdout : stderr;
    std::fwrite(parsed.error().text.data(), 1, parsed.error().text.size(), stream);
    return parsed.error().exit_status;
  }
  Output output(parsed->globals);
  Invocation call{parsed->globals, environment, output};
  auto result = std::visit(Runner{call}, parsed->command);
  if (!result) {
    output.error(result.error());
    return exit_status(result.error().code);
  }
  if (const auto broken = output.broken()) {
    output.error(*broken);
    return exit_status(broken->code);
  }
  return *result;
}

}  // namespace tutti::cli
