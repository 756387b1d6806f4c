// SPDX-License-Identifier: Apache-2.0
#include "worker/worker.h"

#include <boost/asio/post.hpp>

#include <deque>
#include <mutex>
#include <variant>

#include "base/check.h"
#include "rt/retry.h"
#include "rt/scope.h"
#include "worker/execution.h"

namespace tutti::worker {
namespace {

constexpr size_t attempts_max = 100'000;  // at once; the engine's slots keep it far below

// A worker never gives up on a report: the engine may be waiting for a full disk.
constexpr rt::RetryPolicy report_retry{.attempts_max = 1'000'000'000,
                                       .delay = milliseconds(50),
                                       .backoff = 2.0,
                                       .delay_max = seconds(5)};

}  // namespace

struct StopOrder {
  AttemptId id;
  Stop how;
};

struct LocalWorker::State : std::enable_shared_from_this<LocalWorker::State> {
  State(rt::Executor l, Services s) : loop(std::move(l)), services(std::move(s)) {}

  rt::Executor loop;
  Services services;
  rt::CancelSource all;                            // trips when the worker ends
  std::map<AttemptId, rt::CancelSource> attempts;  // until their report is acknowledged
  std::mutex mutex;
  std::deque<std::variant<std::vector<Assignment>, StopOrder>> orders;  // under `mutex`
  std::vector<Assignment> arrived;
  std::vector<Report> ended;
  rt::Notify start;
  rt::Notify report;

  void take(std::vector<Assignment> assignments) {
    for (Assignment& each : assignments) {
      if (attempts.try_emplace(each.id, all.token()).second) {
        CHECK(attempts.size() <= attempts_max);
        arrived.push_back(std::move(each));
      }
    }
    start.notify();
  }

  void ask_stop(const AttemptId& id, Stop how) {
    const auto at = attempts.find(id);
    if (at == attempts.end()) {
      end({.id = id,
           .end = End::stopped,
           .error = rt::cancelled_error("the worker does not have it")});
      return;
    }
    at->second.cancel(rt::cancelled_error("it was asked to stop"));
    if (how == Stop::now && services.kill) {
      services.kill(id);
    }
  }

  // Orders keep their order, whatever the loop runs first: a stop must not overtake its attempt.
  void order(std::variant<std::vector<Assignment>, StopOrder> what) {
    {
      const std::lock_guard lock(mutex);
      orders.push_back(std::move(what));
    }
    boost::asio::post(loop, [self = shared_from_this()] { self->obey(); });
  }

  void obey() {
    std::deque<std::variant<std::vector<Assignment>, StopOrder>> all_orders;
    {
      const std::lock_guard lock(mutex);
      all_orders.swap(orders);
    }
    for (auto& each : all_orders) {
      if (auto* assignments = std::get_if<std::vector<Assignment>>(&each)) {
        take(std::move(*assignments));
      } else {
        const auto& [id, how] = std::get<StopOrder>(each);
        ask_stop(id, how);
      }
    }
  }

  void end(Report of_attempt) {
    ended.push_back(std::move(of_attempt));
    report.notify();
  }
};

LocalWorker::LocalWorker(rt::Executor loop, Services services)
    : state_(std::make_shared<State>(std::move(loop), std::move(services))) {}

LocalWorker::~LocalWorker() = default;

void LocalWorker::assign(std::vector<Assignment> assignments) {
  state_->order(std::move(assignments));
}

void LocalWorker::stop(AttemptId id, Stop how) { state_->order(StopOrder{id, how}); }

size_t LocalWorker::running() const { return state_->attempts.size(); }

namespace {

template <class State>
Task<Unit> run_one(rt::Context& ctx, State& state, Assignment assignment) {
  const auto at = state.attempts.find(assignment.id);
  CHECK(at != state.attempts.end());
  rt::Context own = ctx.with_token(at->second.token());
  CO_TRY(Report report, co_await execute(own, state.services, std::move(assignment)));
  state.end(std::move(report));
  co_return Unit{};
}

Task<Unit> send(rt::Context& ctx, Coordinator& coordinator, std::vector<Report> reports) {
  auto sent = co_await coordinator.report(ctx, std::move(reports));
  if (!sent.has_value() && sent.error().code != Code::cancelled &&
      sent.error().code != Code::conflict) {
    sent.error().code = Code::unavailable;  // fenced by attempt number: asking again is always safe
  }
  co_return sent;
}

// Reports what has ended, in that order, one batch at a time.
template <class State>
Task<Unit> report_ends(rt::Context& ctx, State& state) {
  while (true) {
    CO_OK(co_await state.report.wait(ctx));
    const std::vector<Report> batch = std::exchange(state.ended, {});
    if (batch.empty()) {
      continue;
    }
    const auto try_once = [&state, &batch](rt::Context& c) {
      return send(c, state.services.coordinator, batch);
    };
    CO_OK(co_await rt::retry(ctx, report_retry, try_once));
    for (const Report& each : batch) {
      state.attempts.erase(each.id);
    }
  }
}

template <class State>
Task<Unit> serve(rt::Scope& scope, std::shared_ptr<State> shared) {
  State& state = *shared;
  const auto link = scope.context().token().on_cancel(
      [shared, token = scope.context().token()] { shared->all.cancel(token.reason().value()); });
  CO_OK(co_await scope.spawn(report_ends(scope.context(), state)));
  while (true) {
    CO_OK(co_await state.start.wait(scope.context()));
    for (Assignment& each : std::exchange(state.arrived, {})) {
      CO_OK(co_await scope.spawn(run_one(scope.context(), state, std::move(each))));
    }
  }
}

}  // namespace

Task<Unit> LocalWorker::run(rt::Context& ctx) {
  auto ended = co_await rt::scoped(ctx, {.children_max = attempts_max + 1}, serve<State>, state_);
  if (!ended.has_value() && ended.error().code == Code::cancelled) {
    // What succeeded while everything was being ended need not be done again.
    std::vector<Report> done = std::exchange(state_->ended, {});
    std::erase_if(done, [](const Report& each) { return each.end != End::succeeded; });
    if (!done.empty()) {
      rt::Context closing = ctx.uncancellable();
      CO_OK(co_await state_->services.coordinator.report(closing, std::move(done)));
    }
  }
  co_return ended;
}

}  // namespace tutti::worker
