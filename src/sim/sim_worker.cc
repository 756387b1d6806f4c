// SPDX-License-Identifier: Apache-2.0
#include "sim/sim_worker.h"

#include <fmt/format.h>

#include <algorithm>

namespace tutti::sim {

using worker::End;

void CheckedWorker::assign(std::vector<worker::Assignment> assignments) {
  for (const worker::Assignment& each : assignments) {
    checks_.on_assign(each);
  }
  inner_.assign(std::move(assignments));
}

void CheckedWorker::stop(AttemptId id, worker::Stop how) {
  checks_.on_stop(id);
  inner_.stop(id, how);
}

Task<Unit> CheckedCoordinator::report(rt::Context& ctx, std::vector<worker::Report> reports) {
  if (!alive_) {
    co_return fail(rt::cancelled_error("the owner is dead"));
  }
  for (const worker::Report& each : reports) {
    SimAttempt& attempt = world_.attempt(each.id);
    attempt.reported.insert(each.end);
    attempt.alive = false;
    world_.note({.did = Did::report,
                 .run = static_cast<int32_t>(world_.run_index(each.id.run)),
                 .task = static_cast<int32_t>(each.id.task.value),
                 .attempt = each.id.attempt,
                 .a = static_cast<int64_t>(each.end)});
  }
  auto answered = co_await inner_.report(ctx, reports);
  if (!alive_ || !answered.has_value()) {
    co_return answered;
  }
  std::vector<worker::Report> again;
  for (const worker::Report& each : reports) {
    checks_.on_report_answered(each);
    const uint64_t run = world_.run_index(each.id.run);
    if (world_.faults() && world_.odd(60, About::replay, run, each.id.task.value, each.id.attempt,
                                      fmt::format("run {} task {} attempt {} is reported again",
                                                  run, each.id.task.value, each.id.attempt))) {
      (each.id.task.value % 2 == 0 ? again : old_).push_back(each);
    }
  }
  if (!old_.empty() && world_.dice.chance(200)) {
    again.insert(again.end(), old_.begin(), old_.end());
    old_.clear();
  }
  if (!again.empty()) {
    for (worker::Report& each : again) {  // and not what it was the first time
      each.end = each.end == End::succeeded ? End::failed : End::succeeded;
    }
    static_cast<void>(co_await inner_.report(ctx, std::move(again)));
  }
  co_return Unit{};
}

Task<Unit> CheckedCoordinator::put_blob(rt::Context& ctx, Digest digest, std::string bytes) {
  return inner_.put_blob(ctx, digest, std::move(bytes));
}

Task<std::string> CheckedCoordinator::get_blob(rt::Context& ctx, Digest digest) {
  return inner_.get_blob(ctx, digest);
}

void CheckedCoordinator::progress(worker::ProgressReport progress) {
  if (alive_) {
    inner_.progress(progress);
  }
}

Value output_of(const AttemptId& id, const Behaviour& behaviour) {
  Value out = Value::of({{"rows", static_cast<int64_t>(id.task.value % 4)}});
  if (behaviour.big_output) {
    out.edit_map().set("text", std::string(worker::inline_output_bytes_max + 100, 'x'));
  }
  return out;
}

std::vector<std::string> choice_of(World& world, const AttemptId& id) {
  const size_t run = world.run_index(id.run);
  std::vector<std::string> out;
  if (world.odd(40, About::behaviour, run, id.task.value, 80'000, "a branch chooses a stranger")) {
    out.emplace_back("stranger");
  }
  for (const TaskNo dependant : world.runs[run].plan->dependants(id.task)) {
    if (world.draw(About::behaviour, run, id.task.value, 77 + dependant.value) % 2 == 0) {
      out.push_back(world.runs[run].workflow.task(dependant).name);
    }
  }
  return out;
}

void StrangeWorker::assign(std::vector<worker::Assignment> assignments) {
  for (worker::Assignment& each : assignments) {
    if (known_.insert(each.id).second) {
      begin(std::move(each));
    }
  }
}

void StrangeWorker::begin(worker::Assignment assignment) {
  const AttemptId id = assignment.id;
  world_.attempt(id).alive = true;
  const Behaviour behaviour = world_.behave(id);
  running_[id] = {.assignment = std::move(assignment), .behaviour = behaviour, .timer = nullptr};
  // One that hangs is looked at again and again until the faults end.
  end_after(id, behaviour.does == Does::hang ? seconds(30) : behaviour.time);
}

void StrangeWorker::end_after(const AttemptId& id, Duration time) {
  running_[id].timer =
      world_.clock.arm(executor_, world_.loop.now() + time, [this, id] { end(id); });
}

void StrangeWorker::end(const AttemptId& id) {
  const auto at = running_.find(id);
  if (at == running_.end()) {
    return;
  }
  if (at->second.behaviour.does == Does::hang && !at->second.stopping && world_.faults()) {
    return end_after(id, seconds(30));
  }
  worker::Report report = report_of(at->second);
  running_.erase(at);
  world_.attempt(id).alive = false;
  ended_.push_back(std::move(report));
  wake_.notify();
}

worker::Report StrangeWorker::report_of(const Running& running) {
  const AttemptId& id = running.assignment.id;
  worker::Report report{.id = id};
  const auto failed = [&](bool retryable) {
    report.end = End::failed;
    report.error = Error{.code = Code::bad_input, .what = "it failed"};
    if (id.attempt % 3 == 1 && id.task.value % 4 == 1) {
      report.error->retry_after = seconds(30);
    }
    report.reason = id.task.value % 2 == 0 ? "data" : "code";
    report.retryable = retryable;
    return report;
  };
  if (running.stopping && world_.draw(About::stop_answer, id.task.value, id.attempt) % 4 != 0) {
    report.end = End::stopped;
    return report;
  }
  switch (running.behaviour.does) {
    case Does::fail:
      return failed(true);
    case Does::fail_for_good:
      return failed(false);
    case Does::not_known:
      report.end = End::unknown;
      return report;
    case Does::lost:
      report.end = End::lost;
      return report;
    case Does::stop:
      report.end = End::stopped;
      return report;
    default:
      break;
  }
  if (running.assignment.action == "sim.branch") {
    report.chosen = choice_of(world_, id);
  }
  const std::string json = to_json(output_of(id, running.behaviour));
  report.output = worker::OutputRef{.json = json, .bytes = static_cast<int64_t>(json.size())};
  return report;
}

void StrangeWorker::stop(AttemptId id, worker::Stop how) {
  const auto at = running_.find(id);
  if (at == running_.end()) {
    if (!known_.contains(id)) {
      ended_.push_back({.id = id, .end = End::stopped});
      wake_.notify();
    }
    return;  // else its end is being reported
  }
  at->second.stopping = true;
  const bool deaf = at->second.behaviour.deaf && how == worker::Stop::graceful && world_.faults();
  end_after(id, deaf ? seconds(40) : milliseconds(world_.dice.between(0, 300)));
}

Task<Unit> StrangeWorker::run(rt::Context& ctx, worker::Coordinator& to) {
  for (;;) {
    CO_OK(co_await wake_.wait(ctx));
    while (!ended_.empty()) {
      std::vector<worker::Report> batch = std::exchange(ended_, {});
      for (worker::Report& each : batch) {
        if (each.output && each.output->json.size() > worker::inline_output_bytes_max) {
          const Digest digest = sha256(each.output->json);
          while (!(co_await to.put_blob(ctx, digest, each.output->json)).has_value()) {
            CO_OK(ctx.check());
            CO_OK(co_await rt::delay(ctx, milliseconds(100)));
          }
          each.output->blob = digest;
          each.output->json.clear();
        }
      }
      while (!(co_await to.report(ctx, batch)).has_value()) {
        CO_OK(ctx.check());
        CO_OK(co_await rt::delay(ctx, milliseconds(200)));
      }
      for (const worker::Report& each : batch) {
        known_.erase(each.id);
      }
    }
  }
}

}  // namespace tutti::sim
