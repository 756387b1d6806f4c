// SPDX-License-Identifier: Apache-2.0
#include "sim/person.h"

#include <fmt/format.h>

#include <algorithm>

#include "rt/wait.h"

namespace tutti::sim {
namespace {

constexpr Duration patience = hours(8);  // of virtual time, for everything to end without faults

Task<Unit> until(rt::Context& ctx, BootInstant at) {
  const BootInstant now = ctx.clock().boot();
  if (at > now) {
    co_return co_await rt::delay(ctx, at - now);
  }
  co_return ctx.check();
}

}  // namespace

Person::Person(World& world, Checks& checks) : world_(world), checks_(checks) {
  const BootInstant begin = world.loop.now();
  heal_at_ = begin + seconds(world.draw_between(60, 400, About::person));
  for (size_t run = 0; run < world.runs.size(); ++run) {
    const Duration start = milliseconds(world.draw_between(0, 30'000, About::person, run, 1));
    steps_.push_back({.at = begin + start, .what = Did::start, .run = run});
    constexpr std::array<std::pair<Did, uint32_t>, 6> wishes{{{Did::cancel, 180},
                                                              {Did::cancel, 60},
                                                              {Did::retry, 350},
                                                              {Did::retry, 250},
                                                              {Did::mark, 250},
                                                              {Did::mark, 150}}};
    for (uint64_t n = 0; n < wishes.size(); ++n) {
      constexpr std::array<std::string_view, 3> names{"cancelled", "retried", "marked"};
      const auto [what, permille] = wishes[n];
      if (world.odd(permille, About::person, run, 10 + n, 0,
                    fmt::format("run {} is {}", run, names[n / 2]))) {
        // The second wish of a kind comes for all runs at once: one batch, or one refused commit.
        const uint64_t whose = n % 2 == 0 ? run : world.runs.size();
        const Duration after =
            milliseconds(world.draw_between(500, 200'000, About::person, whose, 20 + n));
        steps_.push_back({.at = begin + after, .what = what, .run = run, .number = n});
      }
    }
  }
}

Task<Unit> Person::act(rt::Context& ctx, control::ControlPlane& control) {
  const auto fn = [](rt::Scope& scope, Person& self, control::ControlPlane& to) {
    return self.act_all(scope, to);
  };
  co_return co_await rt::scoped(ctx, {.children_max = 1'000}, fn, std::ref(*this),
                                std::ref(control));
}

Task<Unit> Person::act_all(rt::Scope& scope, control::ControlPlane& control) {
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (!steps_[i].done) {
      CO_OK(co_await scope.spawn(perform(scope.context(), control, i)));
    }
  }
  co_return co_await scope.spawn(finish(scope.context(), control));
}

Task<Unit> Person::perform(rt::Context& ctx, control::ControlPlane& control, size_t index) {
  CO_OK(co_await until(ctx, steps_[index].at));
  const Step step = steps_[index];
  if (step.what == Did::start) {
    CO_OK(co_await start(ctx, control, step.run));
  } else {
    CO_OK(co_await ask(ctx, control, step));
  }
  steps_[index].done = true;
  co_return Unit{};
}

// Until it is answered: asking twice starts one run.
Task<Unit> Person::start(rt::Context& ctx, control::ControlPlane& control, size_t run) {
  for (;;) {
    world_.note({.did = Did::start, .run = static_cast<int32_t>(run), .a = 0});
    control::StartRun request{.id = world_.runs[run].id,
                              .workflow = world_.runs[run].frozen,
                              .profile = "local",
                              .project = "/sim"};
    const auto started = co_await control.start(ctx, std::move(request));
    CO_OK(ctx.check());
    if (started.has_value()) {
      world_.note({.did = Did::start, .run = static_cast<int32_t>(run), .a = 1});
      world_.runs[run].acknowledged = true;
      checks_.on_answered(Did::start, run, true);
      co_return Unit{};
    }
    world_.note({.did = Did::start, .run = static_cast<int32_t>(run), .a = 2});
    CO_OK(co_await rt::delay(ctx, milliseconds(700)));
  }
}

Task<control::RunView> Person::call(rt::Context& ctx, control::ControlPlane& control, Step step) {
  const auto pick = [&](uint64_t below) {
    return world_.draw(About::person, step.run, step.number, 99) % below;
  };
  if (step.what == Did::cancel) {
    co_return co_await control.cancel(ctx, ref(step.run), pick(2) == 0);
  }
  if (step.what == Did::retry) {
    co_return co_await control.retry(ctx, ref(step.run), control::RetryWhat::failed);
  }
  const spec::Workflow& workflow = world_.runs[step.run].workflow;
  constexpr std::array<std::string_view, 3> states{"success", "failed", "skipped"};
  control::Mark mark{.run = ref(step.run),
                     .task = workflow.tasks[pick(workflow.tasks.size())].name,
                     .state = std::string(states[pick(3)])};
  co_return co_await control.mark(ctx, std::move(mark));
}

Task<Unit> Person::ask(rt::Context& ctx, control::ControlPlane& control, Step step) {
  SimRun& run = world_.runs[step.run];
  const auto at = static_cast<int32_t>(step.run);
  run.touched = true;
  const bool first = run.hands == 0;
  const uint64_t number = ++run.calls;
  ++run.hands;
  world_.note({.did = step.what, .run = at, .a = 0});
  const auto answered = co_await call(ctx, control, step);
  CO_OK(ctx.check());  // the owner died: whether it was done will be seen
  world_.note({.did = step.what, .run = at, .a = answered.has_value() ? 1 : 2});
  if (answered.has_value()) {
    checks_.on_answered(step.what, step.run, first && run.calls == number);
  }
  --run.hands;
  co_return Unit{};
}

Task<Unit> Person::mark(rt::Context& ctx, control::ControlPlane& control, size_t run,
                        std::string task, std::string state) {
  control::Mark request{.run = ref(run), .task = std::move(task), .state = std::move(state)};
  world_.runs[run].touched = true;
  ++world_.runs[run].calls;
  ++world_.runs[run].hands;
  static_cast<void>(co_await control.mark(ctx, std::move(request)));
  CO_OK(ctx.check());
  --world_.runs[run].hands;
  co_return Unit{};
}

void Person::heal() {
  if (world_.healed) {
    return;
  }
  world_.healed = true;
  world_.note({.did = Did::heal});
  for (const auto& waiter : std::exchange(world_.hanging, {})) {
    waiter->complete();
  }
}

Task<Unit> Person::finish(rt::Context& ctx, control::ControlPlane& control) {
  CO_OK(co_await until(ctx, heal_at_));
  heal();
  rt::Context patient = ctx.with_deadline(heal_at_ + patience);
  while (std::ranges::any_of(steps_, [](const Step& step) { return !step.done; })) {
    CO_OK(co_await rt::delay(ctx, seconds(1)));
    CO_OK(patient.check());
  }
  for (size_t run = 0; run < world_.runs.size(); ++run) {
    CO_OK(co_await wait_for_end(patient, control, run));
  }
  finished_ = true;
  co_return fail(rt::cancelled_error("the story is over"));
}

Task<Unit> Person::wait_for_end(rt::Context& ctx, control::ControlPlane& control, size_t run) {
  uint64_t since = 0;
  for (;;) {
    control::Watch request{.run = ref(run), .since = since, .wait = minutes(10)};
    const auto seen = co_await control.watch(ctx, std::move(request));
    if (!seen.has_value()) {
      CO_OK(co_await rt::delay(ctx, seconds(1)));
      CO_OK(ctx.check());
      continue;
    }
    checks_.on_seen(run, *seen);
    since = seen->revision;
    if (seen->run.ended) {
      co_return Unit{};
    }
    for (const control::TaskView& task : seen->tasks) {
      if (task.reason == "unknown_outcome") {
        const bool good = world_.draw(About::person, run, task.no.value, 55) % 2 == 0;
        CO_OK(co_await mark(ctx, control, run, task.name, good ? "success" : "failed"));
        since = 0;
      }
    }
    CO_OK(ctx.check());
  }
}

}  // namespace tutti::sim
