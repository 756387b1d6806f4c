// SPDX-License-Identifier: Apache-2.0
// tutti run, tutti retry: start (again) and watch.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/live.h"
#include "cli/project.h"
#include "control/wire.h"
#include "core/spec/freeze.h"

namespace tutti::cli {
namespace {

constexpr Duration poll_live = milliseconds(150);  // so that progress moves
constexpr Duration poll_plain = seconds(20);

// Watches until the run has ended. Ctrl-C cancels the run, a second one ends its attempts at once.
class Watching {
 public:
  Watching(Invocation& call, control::ControlPlane& control, control::RunRef ref)
      : call_(call), control_(control), ref_(std::move(ref)), watcher_(call.output) {}

  Task<int> watch() {
    rt::Context ctx = call_.environment.context();
    while (!watcher_.ended() && !needs_attention()) {
      const Duration wait = call_.output.live() ? poll_live : poll_plain;
      auto changes = co_await control_.watch(
          ctx, {.run = ref_, .since = since_, .wait = since_ == 0 ? Duration{} : wait});
      if (!changes && changes.error().code == Code::cancelled && phase_ < 2) {
        CO_OK(co_await interrupt(ctx));
        continue;
      }
      CO_TRY(control::RunChanges got, std::move(changes));
      since_ = got.revision;
      watcher_.update(std::move(got), now());
    }
    rt::Context last = ctx.uncancellable();
    CO_TRY(auto full, co_await control_.watch(last, {.run = ref_, .outputs = true}));
    watcher_.update(std::move(full), now());
    co_return finish();
  }

 private:
  Instant now() { return call_.environment.context().clock().wall(); }

  // A run that only waits for `tutti mark` will not end by itself.
  bool needs_attention() const {
    if (!watcher_.run().attention) {
      return false;
    }
    for (const control::TaskView& task : watcher_.tasks()) {
      if (task.state == "running" || task.state == "cancelling" ||
          (task.state == "waiting" && task.reason != "dependency")) {
        return false;
      }
    }
    return true;
  }

  Task<Unit> interrupt(rt::Context& ctx) {
    ++phase_;
    if (phase_ == 1) {
      call_.output.note("\ncancelling the run; press Ctrl-C again to end its tasks at once");
      ctx = call_.environment.context().uncancellable().with_token(call_.environment.interrupted());
    } else {
      call_.output.note("\nending its tasks at once");
      ctx = call_.environment.context().uncancellable();
    }
    rt::Context asking = call_.environment.context().uncancellable();
    CO_OK(co_await control_.cancel(asking, ref_, phase_ == 2));
    co_return Unit{};
  }

  int finish() {
    if (call_.output.json()) {
      ValueList tasks;
      for (const control::TaskView& each : watcher_.tasks()) {
        tasks.push_back(control::encode(each));
      }
      Value value = control::encode(watcher_.run());
      value.edit_map().set("task_runs", Value(std::move(tasks)));
      call_.output.value(value);
    } else {
      watcher_.finish(now());
    }
    if (phase_ > 0) {
      return 130;
    }
    return watcher_.run().state == "success" ? 0 : 1;
  }

  Invocation& call_;
  control::ControlPlane& control_;
  control::RunRef ref_;
  RunWatcher watcher_;
  uint64_t since_ = 0;
  int phase_ = 0;  // number of Ctrl-C
};

// What templates see of the profile: name -> {type, settings}.
Value connections_of(const spec::Project& project, const std::string& profile) {
  ValueMap out;
  for (const spec::Connection& each : project.find_profile(profile)->connections) {
    out.set(each.name, Value::of({{"type", each.type}, {"settings", each.settings}}));
  }
  return Value(std::move(out));
}

Task<int> watch_run(Invocation& call, control::ControlPlane& control, RunId id) {
  Watching watching(call, control, {to_text(id)});
  co_return co_await watching.watch();
}

int print_started(Invocation& call, const control::RunView& view) {
  if (call.output.json()) {
    call.output.value(control::encode(view));
  } else {
    call.output.line(to_text(view.id));
    call.output.note(fmt::format("watch it: tutti show {}", to_text(view.id)));
  }
  return 0;
}

Task<int> start_and_watch(Invocation& call, control::ControlPlane& control,
                          control::StartRun request, bool detach) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(const control::RunView view, co_await control.start(ctx, std::move(request)));
  if (detach) {
    co_return print_started(call, view);
  }
  if (!call.output.json() && !call.output.quiet()) {
    call.output.note(fmt::format("run {} of {}{}", to_text(view.id), view.workflow,
                                 view.logical_date ? " for " + to_text(*view.logical_date) : ""));
  }
  co_return co_await watch_run(call, control, view.id);
}

Task<int> retry_and_watch(Invocation& call, control::ControlPlane& control, RetryArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(const control::RunView view,
         co_await control.retry(ctx, {args.run}, control::RetryWhat::failed));
  if (args.detach) {
    co_return print_started(call, view);
  }
  co_return co_await watch_run(call, control, view.id);
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
      .connections = connections_of(project.project, profile),
      .date = args.input.date};
  TRY(auto control, call.environment.connect(project.folder.string()));
  return call.environment.loop().run(
      start_and_watch(call, *control, std::move(request), args.detach));
}

Result<int> retry(Invocation& call, const RetryArgs& args) {
  TRY(const auto folder, find_project(call.globals));
  TRY(auto control, call.environment.connect(folder.string()));
  return call.environment.loop().run(retry_and_watch(call, *control, args));
}

}  // namespace tutti::cli
