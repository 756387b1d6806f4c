// SPDX-License-Identifier: Apache-2.0
// tutti run, tutti retry: start (again) and watch.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/project.h"
#include "cli/watch.h"
#include "control/wire.h"
#include "core/spec/freeze.h"
#include "core/spec/run_context.h"

namespace tutti::cli {
namespace {

int print_started(Invocation& call, const control::RunView& view) {
  if (call.output.json()) {
    call.output.value(control::readable(view));
  } else {
    call.output.line(to_text(view.id));
    call.output.note(fmt::format("watch it: tutti show {}", to_text(view.id)));
  }
  return 0;
}

// Asking twice with the same id starts one run: so the next owner is asked when one went away.
Result<control::RunView> start_run(Invocation& call, Plane& control,
                                   const control::StartRun& request) {
  rt::Loop& loop = call.environment.loop();
  auto started = loop.run(control->start(call.environment.context(), request));
  if (!started.has_value() && started.error().code == Code::unknown_outcome) {
    TRY(control, call.environment.connect(request.project, Errand::start));
    started = loop.run(control->start(call.environment.context(), request));
  }
  return started;
}

}  // namespace

Result<int> run(Invocation& call, const RunArgs& args) {
  TRY(LoadedProject project, load_good_project(call.globals));
  TRY(const std::string profile, profile_of(call.globals, project.project));
  TRY(const WorkflowFile file, find_workflow(project, args.input.workflow));
  const spec::Catalogue& catalogue = call.environment.catalogue();
  TRY(LoadedWorkflow loaded, load_workflow(project, file, catalogue, profile));
  if (const auto status = refuse(call.output, loaded.report)) {
    return *status;
  }
  TRY(Value params, params_of(loaded.workflow, args.input));
  TRY(auto files, pin_named_files(project, loaded.workflow, catalogue));
  rt::Context& ctx = call.environment.context();
  control::StartRun request{
      .id = make_run_id(ctx.clock().wall(), ctx.random().next(), ctx.random().next()),
      .workflow = spec::freeze(loaded.workflow),
      .files = std::move(files),
      .profile = profile,
      .project = project.folder.string(),
      .params = std::move(params),
      .vars = project.project.vars,
      .connections = spec::connection_context(*project.project.find_profile(profile)),
      .date = args.input.date};
  TRY(Plane control, call.environment.connect(request.project, Errand::start));
  TRY(const control::RunView view, start_run(call, control, request));
  if (args.detach) {
    return print_started(call, view);
  }
  if (!call.output.json() && !call.output.quiet()) {
    call.output.note(fmt::format("run {} of {}{}", to_text(view.id), view.workflow,
                                 view.logical_date ? " for " + to_text(*view.logical_date) : ""));
  }
  return watch_to_end(call, std::move(control), request.project, view.id);
}

Result<int> retry(Invocation& call, const RetryArgs& args) {
  TRY(const auto folder, find_project(call.globals));
  TRY(Plane control, call.environment.connect(folder.string(), Errand::start));
  TRY(const control::RunView view,
      call.environment.loop().run(
          control->retry(call.environment.context(), {args.run}, control::RetryWhat::failed)));
  if (args.detach) {
    return print_started(call, view);
  }
  return watch_to_end(call, std::move(control), folder.string(), view.id);
}

}  // namespace tutti::cli
