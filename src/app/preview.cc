// SPDX-License-Identifier: Apache-2.0
#include "app/preview.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/connections.h"
#include "base/address.h"
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

// Outputs of tasks and paths of files are not known, secrets are not shown.
expr::Context context_of(const worker::Assignment& assignment) {
  expr::Context context =
      worker::context_of(assignment, [](std::string_view) { return Result<Value>(Value()); });
  context.redact_secrets();
  for (const char* unknown : {"tasks", "files"}) {
    const std::vector<std::string> path{unknown};
    context.set_unknown(path);
  }
  return context;
}

// A task with what it says now.
struct Rendered {
  action::Action* action = nullptr;
  worker::Assignment assignment;
  Result<worker::RenderedTask> task;
};

Result<std::vector<Rendered>> render_all(const spec::Workflow& workflow,
                                         const worker::Actions& actions,
                                         const std::shared_ptr<const worker::RunContext>& run) {
  std::vector<Rendered> all;
  all.reserve(workflow.tasks.size());
  for (const spec::Task& task : workflow.tasks) {
    const auto action = actions.find(task.uses);
    if (action == actions.end()) {
      return fail(
          Code::internal,
          fmt::format("the action '{}' is in the catalogue but not in the program", task.uses));
    }
    worker::Assignment assignment = assignment_of(task, run);
    auto rendered =
        worker::render_task(assignment, action->second->schema(), context_of(assignment));
    all.push_back({.action = action->second.get(),
                   .assignment = std::move(assignment),
                   .task = std::move(rendered)});
  }
  return all;
}

// The addresses in one value of `with` or `files`.
void add_addresses(std::vector<std::string>& to, const Value& value) {
  if (value.is_string() && is_address(value.as_string())) {
    to.push_back(value.as_string());
  } else if (value.is_list()) {
    for (const Value& each : value.as_list()) {
      add_addresses(to, each);
    }
  } else if (value.is_map()) {
    for (const auto& [name, each] : value.as_map()) {
      add_addresses(to, each);
    }
  }
}

// The objects a task reads and writes, as far as its rendered `with` and `files` say.
struct Places {
  std::vector<std::string> reads;
  std::vector<std::string> writes;
};

Places places_of(const worker::RenderedTask& task) {
  Places places;
  for (const std::string_view name : {"from", "target", "uri"}) {
    add_addresses(places.reads, task.with[name]);
  }
  add_addresses(places.reads, task.files["in"]);
  for (const std::string_view name : {"to", "save"}) {
    add_addresses(places.writes, task.with[name]);
  }
  add_addresses(places.writes, task.files["out"]);
  return places;
}

// May what is written at one address be among what the other one reads?
bool overlap(std::string_view read, std::string_view written) {
  const std::string_view base = read.substr(0, read.find_first_of("*?[{"));
  const bool many = base.size() < read.size() || read.ends_with('/');
  return read == written || (many && written.starts_with(base)) ||
         (written.ends_with('/') && base.starts_with(written));
}

using AllPlaces = std::vector<Places>;  // by task

// "s3://b/x/, which 'extract' writes before" where a task upstream does; empty where none does.
std::string written_before(const spec::Workflow& workflow, const AllPlaces& places, size_t task) {
  if (places[task].reads.empty()) {
    return {};
  }
  std::vector<bool> seen(workflow.tasks.size());
  std::vector<size_t> open{task};
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    for (const TaskNo need : workflow.tasks[at].needs) {
      if (seen[need.value]) {
        continue;
      }
      seen[need.value] = true;
      open.push_back(need.value);
      for (const std::string& read : places[task].reads) {
        if (std::ranges::any_of(places[need.value].writes,
                                [&](const auto& written) { return overlap(read, written); })) {
          return fmt::format("what {} holds then: '{}' writes there before", read,
                             workflow.tasks[need.value].name);
        }
      }
    }
  }
  return {};
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
Task<cli::TaskPreview> preview_task(rt::Context& ctx, const spec::Workflow& workflow, size_t number,
                                    const Rendered& of, const AllPlaces& places,
                                    const worker::SecretSource& secrets) {
  const spec::Task& task = workflow.tasks[number];
  cli::TaskPreview preview{.task = task.name};
  const auto& [action, assignment, rendered] = of;
  if (!rendered) {
    preview.error = rendered.error();
    co_return preview;
  }
  const std::string later = written_before(workflow, places, number);
  const action::AttemptInfo info{.id = assignment.id,
                                 .workflow = workflow.name,
                                 .task = task.name,
                                 .profile = assignment.run->profile,
                                 .project = assignment.run->project,
                                 .env = rendered->env,
                                 .runtime = rendered->runtime,
                                 .files = rendered->files};
  auto planned = co_await rt::guarded(action->plan(ctx, info, rendered->with));
  if (planned && !later.empty()) {
    // Counts of today say nothing about what will be there.
    std::erase_if(planned->steps, [](const auto& step) { return step.objects.has_value(); });
    take_steps(preview, std::move(*planned));
    preview.unknown.push_back(later);
  } else if (planned) {
    take_steps(preview, std::move(*planned));
  } else if (!later.empty() && planned.error().code == Code::not_found) {
    preview.unknown.push_back(later);
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

AllPlaces places_of(const std::vector<Rendered>& all) {
  AllPlaces places;
  for (const Rendered& each : all) {
    places.push_back(each.task ? places_of(*each.task) : Places{});
  }
  return places;
}

}  // namespace

Task<std::vector<cli::TaskPreview>> preview_run(rt::Context& ctx, const worker::Actions& actions,
                                                cli::PreviewRequest request) {
  const spec::RunIdentity identity{
      .profile = request.profile,
      .dates = request.dates,
      .vars = request.project.vars,
      .connections = spec::connection_context(*request.project.find_profile(request.profile))};
  CO_TRY(const Value params, spec::complete_params(request.workflow, identity, request.params));
  auto run = std::make_shared<worker::RunContext>();
  run->workflow = request.workflow.name;
  run->profile = request.profile;
  run->project = request.project_folder;
  run->roots = spec::run_context(request.workflow, identity, params);
  const worker::SecretSource secrets = secret_source(request.project, request.project_folder);
  std::vector<cli::TaskPreview> previews;
  CO_TRY(const std::vector<Rendered> all, render_all(request.workflow, actions, run));
  const AllPlaces places = places_of(all);
  for (size_t number = 0; number < all.size(); ++number) {
    CO_TRY(cli::TaskPreview preview,
           co_await preview_task(ctx, request.workflow, number, all[number], places, secrets));
    previews.push_back(std::move(preview));
  }
  co_return previews;
}

}  // namespace tutti::app
