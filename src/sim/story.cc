// SPDX-License-Identifier: Apache-2.0
#include "sim/story.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/engine.h"
#include "sim/person.h"
#include "sim/sim_action.h"
#include "sim/sim_store.h"
#include "sim/sim_worker.h"
#include "sim/workflows.h"
#include "worker/worker.h"

namespace tutti::sim {
namespace {

constexpr uint64_t owners_max = 80;
constexpr uint64_t steps_max = 400'000;  // handlers of one owner

class NoLogs final : public worker::LogSink {
 public:
  Task<Unit> append(rt::Context& ctx, worker::LogRecord) override { co_return ctx.check(); }
};

// One owner: an engine with its worker and its way to the disk, until it dies or is asked to end.
class Owner {
 public:
  Owner(World& world, Checks& checks, Person& person)
      : world_(world),
        person_(person),
        number_(world.owners++),
        store_(world, checks, number_, [this] { die(); }),
        engine_(world.loop.executor(), {.store = store_},
                {.limits = {.slots = 3, .light_max = 4},
                 .calls_max = 3,
                 .reports_a_batch = 3,
                 .ended_runs_kept = 2,
                 .output_bytes_kept = 60,
                 .pause = seconds(2)}),
        coordinator_(world, checks, engine_),
        actions_(make_actions(world)),
        local_(world.loop.executor(),
               {.coordinator = coordinator_, .logs = logs_, .actions = actions_, .masks = masks_}),
        strange_(world),
        is_strange_(world.draw(About::story, number_, 50) % 2 == 0),
        worker_(checks, is_strange_ ? static_cast<worker::Worker&>(strange_) : local_) {}

  Task<Unit> live(rt::Context& ctx) {
    world_.note({.did = Did::begin, .a = static_cast<int64_t>(number_)});
    life_.emplace(ctx.token());
    rt::Context own = ctx.with_token(life_->token());
    const auto fn = [](rt::Scope& scope, Owner& self) { return self.live_all(scope); };
    co_return co_await rt::scoped(own, {}, fn, std::ref(*this));
  }

  // At once: nothing it does from now on reaches anybody.
  void die() {
    store_.cut();
    coordinator_.cut();
    world_.note({.did = Did::crash});
    ++world_.crashes;
    life_->cancel(rt::cancelled_error("the owner dies"));
  }

 private:
  Task<Unit> live_all(rt::Scope& scope) {
    rt::Context& ctx = scope.context();
    CO_OK(co_await scope.spawn(engine_.run(ctx, worker_)));
    CO_OK(co_await scope.spawn(is_strange_ ? strange_.run(ctx, coordinator_) : local_.run(ctx)));
    CO_OK(co_await scope.spawn(let_in(ctx)));
    CO_OK(co_await scope.spawn(watch_fate(ctx)));
    co_return Unit{};
  }

  Task<Unit> let_in(rt::Context& ctx) {
    CO_OK(co_await engine_.ready(ctx));
    co_return co_await person_.act(ctx, engine_);
  }

  // Dies when its time has come, and ends at the first breach of a rule.
  Task<Unit> watch_fate(rt::Context& ctx) {
    for (;;) {
      CO_OK(co_await rt::delay(ctx, seconds(3)));
      if (!world_.failure.empty()) {
        co_return fail(rt::cancelled_error("a rule was broken"));
      }
      engine_.each_run([this](const run::RunState& state) {
        if (const std::string_view found = contradiction(state); !found.empty()) {
          world_.fail(fmt::format("in memory: {}", found));
        }
      });
      if (world_.faults()) {
        fate();
      }
    }
  }

  void fate() {
    const auto tick = static_cast<uint64_t>(world_.loop.now().us / 3'000'000);
    if (world_.odd(20, About::crash, tick, 0, 0, fmt::format("the owner dies at tick {}", tick))) {
      die();
    } else if (world_.odd(6, About::clock, tick, 0, 0,
                          fmt::format("the clock jumps at tick {}", tick))) {
      const Duration by = seconds(world_.draw_between(-4'000, 4'000, About::clock, tick, 1));
      world_.clock.jump(by);
      world_.note({.did = Did::jump, .a = by.us / 1'000'000});
    }
  }

  World& world_;
  Person& person_;
  uint64_t number_;
  std::optional<rt::CancelSource> life_;
  SimStore store_;
  engine::Engine engine_;
  CheckedCoordinator coordinator_;
  NoLogs logs_;
  worker::SecretSource secrets_;
  worker::Masks masks_{secrets_};
  worker::Actions actions_;
  worker::LocalWorker local_;
  StrangeWorker strange_;
  bool is_strange_;
  CheckedWorker worker_;
};

// False when it got stuck: what it left behind cannot be taken apart.
bool live_once(World& world, Checks& checks, Person& person) {
  auto owner = std::make_unique<Owner>(world, checks, person);
  rt::CancelSource stop;
  rt::Context ctx(world.clock, world.dice, stop.token());
  auto ended = world.loop.run(owner->live(ctx), steps_max);
  if (!ended.has_value() && ended.error().code == Code::internal) {
    world.fail(ended.error().what);
    static_cast<void>(owner.release());
    return false;
  }
  world.loop.drain();
  checks.on_death();
  if (!ended.has_value() && ended.error().code == Code::timed_out) {
    world.fail("not every run ends although nothing fails any more");
  }
  if (!ended.has_value() && ended.error().code == Code::conflict) {
    world.fail("an owner is refused by the store without another one");
  }
  return true;
}

Task<Unit> pass_time(rt::Context& ctx, Duration time) { co_return co_await rt::delay(ctx, time); }

Told told_of(World& world) {
  Told out{.failure = world.failure,
           .hash = world.hash,
           .runs = world.runs.size(),
           .facts = world.facts,
           .crashes = world.crashes,
           .commits = world.commits,
           .time = {world.loop.now().us - 1'000'000'000},
           .oddities = world.oddities};
  for (const SimRun& run : world.runs) {
    out.tasks += run.workflow.tasks.size();
  }
  for (const Event& event : world.trace) {
    out.trace.push_back(to_text(event));
  }
  return out;
}

}  // namespace

Told tell(const Telling& telling) {
  auto world = std::make_unique<World>(telling.seed, telling.salt, telling.calm, telling.trace);
  make_runs(*world);
  Checks checks(*world);
  Person person(*world, checks);
  bool sound = true;
  while (sound && !person.finished() && world->failure.empty()) {
    if (world->owners >= owners_max) {
      world->fail("owner after owner dies");
      break;
    }
    sound = live_once(*world, checks, person);
    if (sound && !person.finished()) {
      rt::Context ctx(world->clock, world->dice);
      const Duration down =
          milliseconds(world->draw_between(1, 20'000, About::crash, world->owners, 1));
      static_cast<void>(world->loop.run(pass_time(ctx, down), steps_max));
    }
  }
  if (world->failure.empty()) {
    checks.at_end();
  }
  Told out = told_of(*world);
  if (!sound) {
    static_cast<void>(world.release());
  }
  return out;
}

namespace {

// Looks for a failing story with fewer oddities. What goes wrong may need a certain order of
// things, which leaving something out disturbs: so each try is told in a few orders.
class Shortener {
 public:
  Shortener(uint64_t seed, Told failed, size_t tries)
      : seed_(seed), tries_(tries), best_(std::move(failed)) {}

  Told shortest() {
    for (size_t chunk = std::max<size_t>(best_.oddities.size() / 2, 1); tries_ > 0;) {
      const bool less = pass(chunk);
      if (chunk == 1 && !less) {
        break;
      }
      chunk = std::max<size_t>(less ? std::min(chunk, best_.oddities.size() / 2) : chunk / 2, 1);
    }
    return tell({.seed = seed_, .salt = best_.salt, .calm = best_.calm, .trace = true});
  }

 private:
  // From the end: later oddities matter less often.
  bool pass(size_t chunk) {
    bool less = false;
    for (size_t end = best_.oddities.size(); end > 0 && tries_ > 0;) {
      const size_t begin = end > chunk ? end - chunk : 0;
      std::set<uint64_t> calm = best_.calm;
      for (size_t i = begin; i < end; ++i) {
        calm.insert(best_.oddities[i].key);
      }
      less = without(calm) || less;
      end = std::min(begin, best_.oddities.size());
    }
    return less;
  }

  bool without(const std::set<uint64_t>& calm) {
    for (uint64_t salt = 0; salt < orders && tries_ > 0; ++salt) {
      --tries_;
      Told told = tell({.seed = seed_, .salt = salt, .calm = calm});
      if (!told.failure.empty() && told.oddities.size() < best_.oddities.size()) {
        best_ = std::move(told);
        best_.salt = salt;
        best_.calm = calm;
        return true;
      }
    }
    return false;
  }

  static constexpr uint64_t orders = 4;
  uint64_t seed_;
  size_t tries_;
  Told best_;
};

}  // namespace

Told shorten(uint64_t seed, const Told& failed, size_t tries) {
  return Shortener(seed, failed, tries).shortest();
}

}  // namespace tutti::sim
