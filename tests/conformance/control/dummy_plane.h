// SPDX-License-Identifier: Apache-2.0
// A ControlPlane without an engine, that remembers what it was asked: for the tests of what lies
// between a client and the plane.
#pragma once

#include <string>
#include <vector>

#include "control/control.h"
#include "rt/wait.h"

namespace tutti::control {

class DummyPlane final : public ControlPlane {
 public:
  std::vector<RunView> started;
  std::vector<std::string> asked;
  uint64_t live_runs = 0;
  int waiting = 0;    // long polls under way
  int cancelled = 0;  // long polls that were cancelled

  Task<RunView> start(rt::Context&, StartRun request) override {
    asked.push_back("start " + request.workflow);
    for (const RunView& run : started) {
      if (run.id == request.id) {
        co_return run;
      }
    }
    started.push_back({.id = request.id,
                       .run_no = static_cast<int64_t>(started.size()) + 1,
                       .workflow = request.workflow,
                       .state = "running"});
    co_return started.back();
  }
  Task<std::vector<RunView>> runs(rt::Context&, RunsQuery query) override {
    if (query.workflow == "huge") {  // larger than a frame
      co_return std::vector<RunView>(3, RunView{.workflow = std::string(50u << 20, 'x')});
    }
    co_return started;
  }
  // Waits as long as it is asked to.
  Task<RunChanges> watch(rt::Context& ctx, Watch request) override {
    ++waiting;
    auto waited = co_await rt::delay(ctx, request.wait);
    --waiting;
    if (!waited.has_value()) {
      ++cancelled;
      co_return fail(std::move(waited).error());
    }
    co_return RunChanges{.revision = request.since + 1, .run = {.workflow = request.run.text}};
  }
  Task<std::vector<AttemptView>> attempts(rt::Context&, RunRef run) override {
    co_return std::vector<AttemptView>{{.task_name = run.text}};
  }
  Task<LogPage> logs(rt::Context&, LogQuery query) override {
    co_return LogPage{.lines = {{.task = "t", .text = "bad \xff bytes"}}, .cursor = query.cursor};
  }
  Task<RunView> cancel(rt::Context&, RunRef run, bool now) override {
    asked.push_back("cancel " + run.text + (now ? " now" : ""));
    co_return RunView{.state = "cancelling"};
  }
  Task<RunView> retry(rt::Context&, RunRef run, RetryWhat) override {
    asked.push_back("retry " + run.text);
    co_return RunView{.state = "running"};
  }
  Task<RunView> mark(rt::Context&, Mark request) override {
    co_return fail(Error{.code = Code::bad_input,
                         .what = "no task " + request.task,
                         .where = "here",
                         .remedy = "look"});
  }
  Task<OwnerView> owner(rt::Context&) override {
    co_return OwnerView{.live_runs = live_runs, .busy_runs = live_runs};
  }
};

}  // namespace tutti::control
