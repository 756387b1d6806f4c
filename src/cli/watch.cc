// SPDX-License-Identifier: Apache-2.0
#include "cli/watch.h"

#include "cli/live.h"
#include "control/wire.h"

namespace tutti::cli {
namespace {

constexpr Duration poll_live = milliseconds(150);  // so that progress moves
constexpr Duration poll_plain = seconds(20);

// Watches until the run has ended. Ctrl-C cancels the run, a second one ends its attempts at once.
class Watching {
 public:
  Watching(Invocation& call, control::ControlPlane& control, RunId id, bool is_cancel)
      : call_(call),
        control_(control),
        ref_({to_text(id)}),
        watcher_(call.output),
        is_cancel_(is_cancel),
        phase_(is_cancel ? 1 : 0) {}

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
      watcher_.say("cancelling the run; press Ctrl-C again to end its tasks at once", now());
      ctx = call_.environment.context().uncancellable().with_token(call_.environment.interrupted());
    } else {
      watcher_.say("ending its tasks at once", now());
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
  control::ControlPlane& control_;
  control::RunRef ref_;
  RunWatcher watcher_;
  bool is_cancel_;
  uint64_t since_ = 0;
  int phase_;  // how often its end was asked for: by Ctrl-C, or once by `tutti cancel`
};

}  // namespace

Task<int> watch_to_end(Invocation& call, control::ControlPlane& control, RunId id) {
  Watching watching(call, control, id, false);
  co_return co_await watching.watch();
}

Task<int> watch_cancel(Invocation& call, control::ControlPlane& control, RunId id) {
  Watching watching(call, control, id, true);
  co_return co_await watching.watch();
}

}  // namespace tutti::cli
