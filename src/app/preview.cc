// SPDX-License-Identifier: Apache-2.0
#include "app/preview.h"

#include <fmt/format.h>

#include "app/connections.h"
#include "core/spec/run_context.h"
#include "worker/render.h"

namespace tutti::app {
namespace {

worker::Assignment assignment_of(const spec::Task& task,
                                 std::shared_ptr<const worker::RunContext> run) {
  return {.id = {.run = {}, .task = {}, .attempt = 1},
          .run = std::move(run),
          .task = task.name,
          .action = task.uses,
          .with = task.with,
          .env = task.env,
          .files = Value::of({{"in", task.files_in}, {"out", task.files_out}}),
          .timeout = task.timeout};
}

// Outputs of tasks are not known, secrets are not shown.
expr::Context context_of(const spec::Workflow& workflow, const worker::Assignment& assignment) {
  expr::Context context =
      worker::context_of(assignment, [](std::string_view) { return Result<Value>(Value()); });
  context.redact_secrets();
  for (const spec::Task& each : workflow.tasks) {
    const std::vector<std::string> path{"tasks", each.name};
    context.set_unknown(path);
  }
  return context;
}

void take_steps(cli::TaskPreview& into, action::Preview from) {
  for (action::Preview::Step& step : from.steps) {
    into.steps.push_back({.what = std::move(step.what),
                          .objects = step.objects,
                          .bytes = step.bytes,
                          .detail = std::move(step.detail)});
  }
  into.unknown.insert(into.unknown.end(), from.unknown.begin(), from.unknown.end());
}

// A secret that a task names is looked for, and its value dropped.
std::optional<Error> missing_secret(const worker::SecretSource& secrets,
                                    const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (auto found = secrets.read(name); !found) {
      return std::move(found).error();
    }
  }
  return std::nullopt;
}

// An error that only says that upstream tasks have not run yet.
bool may_come(const spec::Task& task, const worker::RenderedTask& rendered, const Error& error) {
  return rendered.unknown || (!task.needs.empty() && error.code == Code::not_found);
}

// tidy: allow coroutine, the caller keeps them until the preview is there
Task<cli::TaskPreview> preview_task(rt::Context& ctx, action::Action& action,
                                    const spec::Workflow& workflow, const spec::Task& task,
                                    std::shared_ptr<const worker::RunContext> run,
                                    const worker::SecretSource& secrets) {
  cli::TaskPreview preview{.task = task.name};
  const worker::Assignment assignment = assignment_of(task, run);
  auto rendered =
      worker::render_task(assignment, action.schema(), context_of(workflow, assignment));
  if (!rendered) {
    preview.error = std::move(rendered).error();
    co_return preview;
  }
  const action::AttemptInfo info{.id = assignment.id,
                                 .workflow = workflow.name,
                                 .task = task.name,
                                 .profile = run->profile,
                                 .project = run->project,
                                 .env = rendered->env,
                                 .runtime = rendered->runtime,
                                 .files = rendered->files};
  auto planned = co_await rt::guarded(action.plan(ctx, info, rendered->with));
  if (planned) {
    take_steps(preview, std::move(*planned));
  } else if (may_come(task, *rendered, planned.error())) {
    preview.unknown.push_back(rendered->unknown ? "its inputs depend on outputs of tasks before it"
                                                : fmt::format("{} (a task before it may write it)",
                                                              planned.error().what));
  } else {
    preview.error = std::move(planned).error();
  }
  if (!preview.error) {
    preview.error = missing_secret(secrets, rendered->secrets);
  }
  co_return preview;
}

}  // namespace

Task<std::vector<cli::TaskPreview>> preview_run(rt::Context& ctx, const worker::Actions& actions,
                                                cli::PreviewRequest request) {
  const spec::RunIdentity identity{
      .profile = request.profile,
      .dates = spec::dates_of_manual_run(request.date, ctx.clock().wall()),
      .vars = request.project.vars};
  CO_TRY(const Value params, spec::complete_params(request.workflow, identity, request.params));
  auto run = std::make_shared<worker::RunContext>();
  run->workflow = request.workflow.name;
  run->profile = request.profile;
  run->project = request.project_folder;
  run->roots = spec::run_context(request.workflow, identity, params);
  const worker::SecretSource secrets = secret_source(request.project, request.project_folder);
  std::vector<cli::TaskPreview> previews;
  for (const spec::Task& task : request.workflow.tasks) {
    const auto action = actions.find(task.uses);
    if (action == actions.end()) {
      co_return fail(
          Code::internal,
          fmt::format("the action '{}' is in the catalogue but not in the program", task.uses));
    }
    CO_TRY(cli::TaskPreview preview,
           co_await preview_task(ctx, *action->second, request.workflow, task, run, secrets));
    previews.push_back(std::move(preview));
  }
  co_return previews;
}

}  // namespace tutti::app
