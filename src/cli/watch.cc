// SPDX-License-Identifier: Apache-2.0
#include "cli/watch.h"

#include <fmt/format.h>

#include "cli/live.h"
#include "control/wire.h"

namespace tutti::cli {
namespace {

constexpr Duration poll_live = milliseconds(150);  // so that progress moves
constexpr Duration poll_plain = seconds(20);

// Watches until the run has ended. Ctrl-C cancels the run, a second one ends its attempts at once.
class Watching {
 public:
  Watching(Invocation& call, RunId id, bool is_cancel)
      : call_(call),
        ref_({to_text(id)}),
        watcher_(call.output),
        is_cancel_(is_cancel),
        phase_(is_cancel ? 1 : 0) {}

  // To be called again with the next owner when it fails because its owner is gone.
  Task<int> watch(control::ControlPlane& control) {
    rt::Context ctx = context();
    if (std::exchange(began_, true) && phase_ > 0) {  // the owner may have gone before it heard
      rt::Context asking = call_.environment.context().uncancellable();
      (void)co_await control.cancel(asking, ref_, phase_ == 2);
    }
    while (!watcher_.ended() && !needs_attention()) {
      const Duration wait = call_.output.live() ? poll_live : poll_plain;
      auto changes = co_await control.watch(
          ctx, {.run = ref_, .since = since_, .wait = since_ == 0 ? Duration{} : wait});
      if (!changes && !ctx.check().has_value() && phase_ < 2) {
        CO_OK(co_await interrupt(control));
        ctx = context();
        continue;
      }
      CO_TRY(control::RunChanges got, std::move(changes));
      since_ = got.revision;
      watcher_.update(std::move(got), now());
    }
    rt::Context last = ctx.uncancellable();
    CO_TRY(auto full, co_await control.watch(last, {.run = ref_, .outputs = true}));
    watcher_.update(std::move(full), now());
    co_return finish();
  }

  void say(const std::string& text) { watcher_.say(text, now()); }

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

  // Of the watch: cancelled by the next Ctrl-C that means something.
  rt::Context context() {
    rt::Context all = call_.environment.context();
    return phase_ == (is_cancel_ ? 1 : 0) ? all
           : phase_ == 1 ? all.uncancellable().with_token(call_.environment.interrupted())
                         : all.uncancellable();
  }

  Task<Unit> interrupt(control::ControlPlane& control) {
    ++phase_;
    say(phase_ == 1 ? "cancelling the run; press Ctrl-C again to end its tasks at once"
                    : "ending its tasks at once");
    rt::Context asking = call_.environment.context().uncancellable();
    CO_OK(co_await control.cancel(asking, ref_, phase_ == 2));
    co_return Unit{};
  }

  int finish() {
    if (call_.output.json()) {
      ValueList tasks;
      for (const control::TaskView& each : watcher_.tasks()) {
        tasks.push_back(control::readable(each));
      }
      Value value = control::readable(watcher_.run());
      value.edit_map().set("task_runs", Value(std::move(tasks)));
      call_.output.value(value);
    } else {
      watcher_.finish(now());
    }
    if (phase_ > (is_cancel_ ? 1 : 0)) {
      return 130;
    }
    return watcher_.run().state == (is_cancel_ ? "cancelled" : "success") ? 0 : 1;
  }

  Invocation& call_;
  control::RunRef ref_;
  RunWatcher watcher_;
  bool is_cancel_;
  bool began_ = false;
  uint64_t since_ = 0;
  int phase_;  // how often its end was asked for: by Ctrl-C, or once by `tutti cancel`
};

constexpr int owners_max = 5;  // tried one after the other

// How the owner's end shows in the middle of a call. The run goes on with the next owner.
bool is_owner_gone(Invocation& call, const Error& error) {
  return error.code == Code::unavailable || error.code == Code::unknown_outcome ||
         (error.code == Code::cancelled && call.environment.context().check().has_value());
}

Error not_followed(Error error, const RunId& run) {
  error.remedy =
      fmt::format("the run goes on with the next command: `tutti show {}`", to_text(run));
  return error;
}

}  // namespace

Result<int> watch_to_end(Invocation& call, Plane control, const std::string& folder, RunId id) {
  Watching watching(call, id, false);
  for (int owners = 1;; ++owners) {
    auto status = call.environment.loop().run(watching.watch(*control));
    if (status.has_value() || !is_owner_gone(call, status.error())) {
      return status;
    }
    if (owners == owners_max) {
      return fail(not_followed(std::move(status).error(), id));
    }
    watching.say("the project's owner went away; the run goes on with a new one");
    auto next = call.environment.connect(folder, Errand::look);
    if (!next.has_value()) {
      return fail(not_followed(std::move(next).error(), id));
    }
    control = std::move(*next);
  }
}

Task<int> watch_cancel(Invocation& call, control::ControlPlane& control, RunId id) {
  Watching watching(call, id, true);
  co_return co_await watching.watch(control);
}

}  // namespace tutti::cli
