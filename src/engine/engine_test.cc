// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>

#include "core/spec/freeze.h"
#include "engine/definition.h"
#include "engine/live_run.h"
#include "rt/testing.h"
#include "rt/wait.h"
#include "store/memory.h"
#include "store/sqlite.h"
#include "store/sqlite_vfs.h"

#include "base/doctest.h"

namespace tutti::engine {
namespace {

using control::RunChanges;
using control::RunRef;
using control::RunView;

// Ends attempts as `behave` says (nullopt: never), and reports until the engine has it.
class TestWorker final : public worker::Worker {
 public:
  using Behave = std::function<std::optional<worker::Report>(const worker::Assignment&)>;

  void assign(std::vector<worker::Assignment> assignments) override {
    for (worker::Assignment& each : assignments) {
      if (std::ranges::find(known, each.id) != known.end()) {
        continue;
      }
      known.push_back(each.id);
      seen.push_back(each);
      if (auto report = behave(each)) {
        report->id = each.id;
        ended.push_back(std::move(*report));
      }
    }
    wake.notify();
  }
  void stop(AttemptId id, worker::Stop how) override {
    stops.emplace_back(id, how);
    ended.push_back({.id = id, .end = worker::End::stopped});
    wake.notify();
  }
  Task<Unit> send(rt::Context& ctx, worker::Coordinator& to) {
    for (;;) {
      CO_OK(co_await wake.wait(ctx));
      while (!ended.empty()) {
        std::vector<worker::Report> batch = std::exchange(ended, {});
        auto sent = co_await to.report(ctx, batch);
        if (!sent.has_value()) {
          CO_OK(ctx.check());
          ++refused;
          ended.insert(ended.begin(), batch.begin(), batch.end());
          CO_OK(co_await rt::delay(ctx, milliseconds(1)));
        }
      }
    }
  }

  Behave behave = [](const worker::Assignment&) { return worker::Report{}; };
  std::vector<AttemptId> known;
  std::vector<worker::Assignment> seen;
  std::vector<std::pair<AttemptId, worker::Stop>> stops;
  std::vector<worker::Report> ended;
  int refused = 0;
  rt::Notify wake;
};

// A store that fails chosen commits.
class FaultyStore final : public store::Store {
 public:
  explicit FaultyStore(std::unique_ptr<store::Store> inner) : inner_(std::move(inner)) {}
  Task<store::Claimed> claim(rt::Context& ctx, std::optional<store::Epoch> held) override {
    return inner_->claim(ctx, held);
  }
  Task<Unit> commit(rt::Context& ctx, store::Commit commit) override {
    ++commits;
    if (const auto fault = fail_before.find(commits); fault != fail_before.end()) {
      co_return fail(fault->second, "the disk is full");
    }
    CO_OK(co_await inner_->commit(ctx, std::move(commit)));
    if (lose_reply.contains(commits)) {
      co_return fail(Code::unknown_outcome, "the reply was lost");
    }
    co_return Unit{};
  }
  Task<store::RunImage> load_run(rt::Context& ctx, RunId run) override {
    return inner_->load_run(ctx, run);
  }
  Task<std::vector<store::RunRow>> runs(rt::Context& ctx, store::RunsQuery query) override {
    return inner_->runs(ctx, std::move(query));
  }
  Task<std::vector<store::AttemptRow>> attempts(rt::Context& ctx, RunId run) override {
    return inner_->attempts(ctx, run);
  }
  Task<std::vector<store::OutputRow>> outputs(rt::Context& ctx,
                                              std::vector<store::OutputKey> keys) override {
    return inner_->outputs(ctx, std::move(keys));
  }
  Task<Unit> put_blob(rt::Context& ctx, Digest digest, std::string bytes) override {
    return inner_->put_blob(ctx, digest, std::move(bytes));
  }
  Task<std::string> get_blob(rt::Context& ctx, Digest digest) override {
    if (blob_reads_that_fail > 0) {
      --blob_reads_that_fail;
      co_return fail(Code::unavailable, "the disk is slow");
    }
    co_return co_await inner_->get_blob(ctx, digest);
  }
  Task<Unit> close(rt::Context& ctx) override { return inner_->close(ctx); }

  int commits = 0;
  std::map<int, Code> fail_before;
  std::set<int> lose_reply;
  int blob_reads_that_fail = 0;

 private:
  std::unique_ptr<store::Store> inner_;
};

// An engine with its worker and store, for as long as a test's body runs.
struct House : rt::TestWorld {
  store::MemoryDisk* disk = nullptr;  // if it is one
  FaultyStore store;
  TestWorker worker;
  Engine engine;
  Result<Unit> engine_end = Unit{};

  explicit House(store::MemoryDisk& on) : House(store::make_memory_store(on)) { disk = &on; }
  explicit House(std::unique_ptr<store::Store> on)
      : store(std::move(on)),
        engine(loop.executor(), {.store = store},
               {.limits = {.slots = 4}, .ended_runs_kept = 2, .pause = milliseconds(5)}) {}

  using Body = Task<Unit> (*)(rt::Context&, House&);
  void live(Body body) {
    rt::Context limited = ctx.with_timeout(seconds(20));
    const auto ended = loop.run(rt::scoped(limited, {}, all, std::ref(*this), body));
    if (!ended.has_value()) {
      CHECK_MESSAGE(ended.error().code == Code::cancelled, ended.error().text());
    }
  }

 private:
  static Task<Unit> serve(rt::Context& ctx, House& house) {
    house.engine_end = co_await house.engine.run(ctx, house.worker);
    co_return Unit{};
  }
  static Task<Unit> all(rt::Scope& scope, House& house, Body body) {
    CO_OK(co_await scope.spawn(serve(scope.context(), house)));
    CO_OK(co_await scope.spawn(house.worker.send(scope.context(), house.engine)));
    CO_OK(co_await body(scope.context(), house));
    scope.cancel(rt::cancelled_error("the test is done"));
    co_return Unit{};
  }
};

spec::Workflow chain(uint32_t tasks) {
  spec::Workflow workflow{.file = "chain.yaml", .name = "chain"};
  for (uint32_t i = 0; i < tasks; ++i) {
    spec::Task task{.name = "t" + std::to_string(i), .uses = "noop"};
    if (i > 0) {
      task.needs = {{i - 1}};
    }
    workflow.tasks.push_back(std::move(task));
  }
  return workflow;
}

RunId id_of(uint64_t n) { return make_run_id({1'792'000'000'000'000}, n, n); }

control::StartRun start_of_run(const spec::Workflow& workflow, uint64_t n) {
  return {.id = id_of(n),
          .workflow = spec::freeze(workflow),
          .profile = "local",
          .project = "/shop",
          .date = parse_date("2026-02-28").value()};
}

RunRef ref(uint64_t n) { return {to_text(id_of(n))}; }

// Watches until the run's state is `state`; gives all its tasks.
Task<RunChanges> until(rt::Context& ctx, Engine& engine, uint64_t n, std::string state) {
  uint64_t since = 0;
  for (;;) {
    control::Watch request{.run = ref(n), .since = since, .wait = seconds(5)};
    CO_TRY(RunChanges changes, co_await engine.watch(ctx, std::move(request)));
    if (changes.run.state == state) {
      control::Watch all{.run = ref(n), .outputs = true};
      co_return co_await engine.watch(ctx, std::move(all));
    }
    CO_OK(ctx.check());
    since = changes.revision;
  }
}

std::string states(const RunChanges& changes) {
  std::string out;
  for (const control::TaskView& task : changes.tasks) {
    out += (out.empty() ? "" : " ") + task.state;
  }
  return out;
}

worker::Report failed(std::string what, bool retryable = false) {
  return {.end = worker::End::failed,
          .error = Error{.code = Code::bad_input, .what = std::move(what)},
          .reason = "data",
          .retryable = retryable};
}

TEST_CASE("a chain runs to its end, durably, and its history can be read") {
  store::MemoryDisk disk;
  House house(disk);
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_TRY(const RunView started, co_await h.engine.start(ctx, start_of_run(chain(3), 1)));
    CHECK(started.state == "running");
    CHECK(started.run_no == 1);
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "success"));
    CHECK(states(end) == "success success success");
    CHECK(end.run.succeeded == 3);
    CHECK(end.tasks[1].needs == std::vector<std::string>{"t0"});
    CHECK(end.tasks[1].attempt == 1);
    CO_TRY(const auto attempts, co_await h.engine.attempts(ctx, ref(1)));
    CHECK(attempts.size() == 3);
    CHECK(attempts[2].state == "success");
    CHECK(h.store.commits == 4);  // the start, and one a task
    co_return Unit{};
  });
  CHECK(disk.runs.at(1).state == "success");
  CHECK_FALSE(disk.runs.at(1).live);
  CHECK(house.worker.seen.at(0).run->roots.get_string("ds") == "2026-02-28");
}

TEST_CASE(
    "runs are found by id, its beginning, name, name@date and latest; starting twice is once") {
  store::MemoryDisk disk;
  House house(disk);
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_OK(co_await h.engine.start(ctx, start_of_run(chain(1), 1)));
    CO_TRY(const RunView again, co_await h.engine.start(ctx, start_of_run(chain(1), 1)));
    CHECK(again.run_no == 1);
    CO_OK(co_await h.engine.start(ctx, start_of_run(chain(1), 2)));
    CO_OK(co_await until(ctx, h.engine, 2, "success"));
    for (const std::string& name :
         {to_text(id_of(2)), to_text(id_of(2)).substr(0, 24), std::string("chain"),
          std::string("chain@2026-02-28"), std::string("latest")}) {
      control::Watch request{.run = {name}};
      const auto found = co_await h.engine.watch(ctx, std::move(request));
      INFO(name);
      REQUIRE_OK(found);
      CHECK(found->run.run_no == 2);
    }
    control::Watch strange{.run = {"nobody"}};
    const auto missing = co_await h.engine.watch(ctx, std::move(strange));
    CHECK(missing.error().code == Code::not_found);
    CO_TRY(const auto runs, co_await h.engine.runs(ctx, control::RunsQuery{.workflow = "chain"}));
    CHECK(runs.size() == 2);
    CHECK(runs[0].run_no == 2);
    co_return Unit{};
  });
}

TEST_CASE("a failure is shown with its error; retry of the failed goes on from there") {
  store::MemoryDisk disk;
  House house(disk);
  house.worker.behave = [](const worker::Assignment& a) {
    return a.task == "t1" && a.id.attempt == 1 ? failed("12 rows are bad") : worker::Report{};
  };
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_OK(co_await h.engine.start(ctx, start_of_run(chain(3), 1)));
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "failed"));
    CHECK(states(end) == "success failed upstream_failed");
    CHECK(end.tasks[1].reason == "data");
    CHECK(end.tasks[1].error->what == "12 rows are bad");
    CO_TRY(const RunView retried, co_await h.engine.retry(ctx, ref(1), control::RetryWhat::failed));
    CHECK(retried.state == "running");
    CO_TRY(const RunChanges good, co_await until(ctx, h.engine, 1, "success"));
    CHECK(states(good) == "success success success");
    CHECK_FALSE(good.tasks[1].error.has_value());
    const auto nothing = co_await h.engine.retry(ctx, ref(1), control::RetryWhat::failed);
    CHECK(nothing.error().code == Code::conflict);
    CO_TRY(const auto attempts, co_await h.engine.attempts(ctx, ref(1)));
    CHECK(attempts.size() == 5);  // t2 has one without an attempt: upstream_failed
    co_return Unit{};
  });
  CHECK(house.worker.seen.size() == 4);
}

TEST_CASE("cancel stops what runs, and is refused after the end") {
  store::MemoryDisk disk;
  House house(disk);
  house.worker.behave = [](const worker::Assignment&) { return std::nullopt; };
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_OK(co_await h.engine.start(ctx, start_of_run(chain(2), 1)));
    CO_TRY(const RunView asked, co_await h.engine.cancel(ctx, ref(1), true));
    CHECK(asked.state == "cancelling");
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "cancelled"));
    CHECK(states(end) == "cancelled cancelled");
    REQUIRE(h.worker.stops.size() == 1);
    CHECK(h.worker.stops[0].second == worker::Stop::now);
    CHECK((co_await h.engine.cancel(ctx, ref(1), false)).has_value());
    h.worker.behave = [](const worker::Assignment&) { return worker::Report{}; };
    CO_OK(co_await h.engine.retry(ctx, ref(1), control::RetryWhat::failed));
    CO_OK(co_await until(ctx, h.engine, 1, "success"));
    CHECK((co_await h.engine.cancel(ctx, ref(1), false)).error().code == Code::conflict);
    co_return Unit{};
  });
}

TEST_CASE("an unknown outcome waits for a mark") {
  store::MemoryDisk disk;
  House house(disk);
  house.worker.behave = [](const worker::Assignment& a) {
    return a.task == "t0" ? worker::Report{.end = worker::End::unknown} : worker::Report{};
  };
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_OK(co_await h.engine.start(ctx, start_of_run(chain(2), 1)));
    for (;;) {
      control::Watch request{.run = ref(1)};
      CO_TRY(const RunChanges seen, co_await h.engine.watch(ctx, std::move(request)));
      if (seen.run.attention) {
        CHECK(states(seen) == "deferred waiting");
        break;
      }
      CO_OK(co_await rt::delay(ctx, milliseconds(1)));
    }
    CHECK(h.engine.live_runs() == 1);
    CHECK(h.engine.busy_runs() == 0);
    control::Mark wrong{.run = ref(1), .task = "nobody", .state = "success"};
    CHECK((co_await h.engine.mark(ctx, std::move(wrong))).error().code == Code::not_found);
    control::Mark strange{.run = ref(1), .task = "t0", .state = "great"};
    CHECK((co_await h.engine.mark(ctx, std::move(strange))).error().code == Code::bad_input);
    control::Mark mark{.run = ref(1), .task = "t0", .state = "success"};
    CO_TRY(const RunView marked, co_await h.engine.mark(ctx, std::move(mark)));
    CHECK_FALSE(marked.attention);
    CO_OK(co_await until(ctx, h.engine, 1, "success"));
    co_return Unit{};
  });
  CHECK_FALSE(disk.runs.at(1).attention);
}

spec::Workflow with_condition() {
  spec::Workflow workflow = chain(3);
  workflow.tasks[1].when = spec::Text{.text = "tasks.t0.outputs.rows > 3"};
  workflow.tasks[2].trigger_rule = spec::TriggerRule::none_failed;
  workflow.tasks[2].with = Value::of({{"text", "{{ tasks.t0.outputs.rows }} rows on {{ ds }}"}});
  return workflow;
}

worker::Report with_rows(std::string json) {
  worker::Report report;
  report.output = worker::OutputRef{.json = json, .bytes = static_cast<int64_t>(json.size())};
  return report;
}

TEST_CASE("conditions see outputs, and an attempt gets those its templates name") {
  store::MemoryDisk disk;
  House house(disk);
  house.worker.behave = [](const worker::Assignment& a) {
    return a.task == "t0" ? with_rows(R"({"rows":3})") : worker::Report{};
  };
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_OK(co_await h.engine.start(ctx, start_of_run(with_condition(), 1)));
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "success"));
    CHECK(states(end) == "success skipped success");
    CHECK(end.tasks[1].reason == "condition");
    CHECK(end.tasks[0].output.get_int("rows") == 3);
    co_return Unit{};
  });
  REQUIRE(house.worker.seen.size() == 2);
  CHECK(house.worker.seen[1].tasks["t0"]["outputs"].get_int("rows") == 3);
  CHECK(house.worker.seen[1].tasks["t0"].get_string("state") == "success");
}

TEST_CASE("a condition that cannot be evaluated fails its task with the place in the file") {
  store::MemoryDisk disk;
  House house(disk);
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_OK(co_await h.engine.start(ctx, start_of_run(with_condition(), 1)));
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "failed"));
    CHECK(states(end) == "success failed upstream_failed");
    CHECK(end.tasks[1].error->where.starts_with("chain.yaml"));
    co_return Unit{};
  });
}

TEST_CASE("the next owner loses what ran, starts it again, and reads outputs from the store") {
  store::MemoryDisk disk;
  {
    House house(disk);
    house.worker.behave = [](const worker::Assignment& a) -> std::optional<worker::Report> {
      if (a.task == "t0") {
        return with_rows(R"({"rows":7})");
      }
      return std::nullopt;
    };
    house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
      CO_OK(co_await h.engine.start(ctx, start_of_run(with_condition(), 1)));
      while (h.worker.seen.size() < 2) {
        CO_OK(co_await rt::delay(ctx, milliseconds(1)));
      }
      co_return Unit{};
    });
    CHECK(house.engine_end.error().code == Code::cancelled);
  }
  House next(disk);
  next.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "success"));
    CHECK(states(end) == "success success success");
    CHECK(end.tasks[1].attempt == 2);
    co_return Unit{};
  });
  REQUIRE(next.worker.seen.size() == 2);
  CHECK(next.worker.seen[0].id.attempt == 2);
  CHECK(next.worker.seen[1].tasks["t0"]["outputs"].get_int("rows") == 7);
  const auto row = disk.attempts.at({id_of(1), {1}, 1});
  CHECK(row.reason == "infrastructure");
  CHECK(error_from_json(row.error)->what == "the owner ended while it ran");
}

worker::Report with_blob(store::MemoryDisk& disk, const std::string& json, bool there = true) {
  const Digest digest = sha256(json);
  if (there) {
    disk.blobs[digest] = json;
  }
  worker::Report report;
  report.output = worker::OutputRef{.blob = digest, .bytes = static_cast<int64_t>(json.size())};
  return report;
}

TEST_CASE("an output that cannot be read at once is waited for, never taken as empty") {
  store::MemoryDisk disk;
  House house(disk);
  house.store.blob_reads_that_fail = 2;
  house.worker.behave = [&disk](const worker::Assignment& a) {
    return a.task == "t0" ? with_blob(disk, R"({"rows":7})") : worker::Report{};
  };
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_OK(co_await h.engine.start(ctx, start_of_run(with_condition(), 1)));
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "success"));
    CHECK(states(end) == "success success success");
    co_return Unit{};
  });
  REQUIRE(house.worker.seen.size() == 3);
  CHECK(house.worker.seen[2].tasks["t0"]["outputs"].get_int("rows") == 7);
}

TEST_CASE("an output that can never be read fails those who read it, and nobody else") {
  store::MemoryDisk disk;
  House house(disk);
  house.worker.behave = [&disk](const worker::Assignment& a) {
    return a.task == "t0"   ? with_blob(disk, R"({"rows":7})", false)
           : a.task == "t1" ? with_blob(disk, R"({"rows":8})")
                            : worker::Report{};
  };
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    spec::Workflow workflow = chain(5);
    workflow.tasks[1].needs = {};
    for (uint32_t i = 2; i < 5; ++i) {
      workflow.tasks[i].needs = {{0}, {1}};
    }
    workflow.tasks[2].with = Value::of({{"n", "{{ tasks.t0.outputs.rows }}"}});
    workflow.tasks[3].with = Value::of({{"n", "{{ tasks.t1.outputs.rows }}"}});
    workflow.tasks[4].when = spec::Text{.text = "tasks.t0.outputs.rows > 3"};
    CO_OK(co_await h.engine.start(ctx, start_of_run(workflow, 1)));
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "failed"));
    CHECK(states(end) == "success success failed success failed");
    CHECK(end.tasks[0].error->what.starts_with("its output: the stored bytes"));
    CHECK(end.tasks[1].output.get_int("rows") == 8);
    CHECK(end.tasks[2].reason == "infrastructure");
    CHECK(end.tasks[2].error->what.starts_with("output of t0: "));
    CHECK(end.tasks[4].error->what.starts_with("when: output of t0: "));
    co_return Unit{};
  });
  REQUIRE(house.worker.seen.size() == 3);
  CHECK(house.worker.seen[2].tasks["t1"]["outputs"].get_int("rows") == 8);
}

// A sync that fails once.
struct SyncFault final : store::DiskFaults {
  std::atomic<bool> armed = false;
  int on(store::DiskOp op) override {
    return op == store::DiskOp::sync && armed.exchange(false) ? EIO : 0;
  }
};

TEST_CASE("an owner whose store is not to be trusted ends, and the next one goes on") {
  static SyncFault fault;  // SQLite keeps a pointer to it
  std::string name = "/tmp/tutti-engine-test.XXXXXX";
  const std::filesystem::path folder = mkdtemp(name.data());
  const auto open = [&] {
    static const std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
    auto store = store::open_sqlite_store(
        {.folder = folder / ".tutti", .clock = clock.get(), .faults = &fault});
    REQUIRE_OK(store);
    return std::move(*store);
  };
  {
    House house(open());
    house.worker.behave = [](const worker::Assignment&) { return std::nullopt; };
    house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
      CO_OK(co_await h.engine.ready(ctx));
      CO_OK(co_await h.engine.start(ctx, start_of_run(chain(1), 1)));
      fault.armed = true;
      CHECK_FALSE((co_await h.engine.start(ctx, start_of_run(chain(1), 2))).has_value());
      const auto after = co_await h.engine.cancel(ctx, ref(1), true);
      CHECK(after.error().code == Code::corrupt);
      CHECK(after.error().remedy.find("next tutti command") != std::string::npos);
      co_return Unit{};
    });
    CHECK(house.engine_end.error().code == Code::corrupt);
  }
  House next(open());
  next.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_OK(co_await h.engine.ready(ctx));
    CO_OK(co_await until(ctx, h.engine, 1, "success"));
    co_return Unit{};
  });
  std::filesystem::remove_all(folder);
}

TEST_CASE("an ended run is read from the store to be shown and retried") {
  store::MemoryDisk disk;
  {
    House house(disk);
    house.worker.behave = [](const worker::Assignment& a) {
      return a.task == "t1" ? failed("bad") : worker::Report{};
    };
    house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
      CO_OK(co_await h.engine.start(ctx, start_of_run(chain(2), 1)));
      CO_OK(co_await until(ctx, h.engine, 1, "failed"));
      co_return Unit{};
    });
  }
  House next(disk);
  next.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CHECK(h.engine.live_runs() == 0);
    CO_TRY(const RunChanges shown, co_await until(ctx, h.engine, 1, "failed"));
    CHECK(shown.tasks[1].error->what == "bad");
    CO_OK(co_await h.engine.retry(ctx, ref(1), control::RetryWhat::failed));
    CO_OK(co_await until(ctx, h.engine, 1, "success"));
    co_return Unit{};
  });
}

TEST_CASE("a commit that fails is answered with its error, and nothing of it happens") {
  store::MemoryDisk disk;
  House house(disk);
  house.store.fail_before = {{1, Code::unavailable}, {3, Code::unavailable}};
  house.store.lose_reply = {4};
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    const auto first = co_await h.engine.start(ctx, start_of_run(chain(3), 1));
    CHECK(first.error().code == Code::unavailable);
    CHECK(h.worker.seen.empty());
    CHECK(h.disk->runs.empty());
    CO_OK(co_await rt::delay(ctx, milliseconds(10)));
    CO_OK(co_await h.engine.start(ctx, start_of_run(chain(3), 1)));
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "success"));
    CHECK(states(end) == "success success success");
    CO_TRY(const control::OwnerView owner, co_await h.engine.owner(ctx));
    CHECK(owner.problem.empty());
    co_return Unit{};
  });
  CHECK(house.worker.refused == 2);
  CHECK(house.worker.seen.size() == 3);  // no attempt was handed out twice
}

TEST_CASE("a newer owner ends this one") {
  store::MemoryDisk disk;
  House house(disk);
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    ++h.disk->epoch;
    const auto refused = co_await h.engine.start(ctx, start_of_run(chain(1), 1));
    CHECK(refused.error().code == Code::conflict);
    const auto closed = co_await h.engine.start(ctx, start_of_run(chain(1), 2));
    CHECK(closed.error().code == Code::conflict);
    co_return Unit{};
  });
  CHECK(house.engine_end.error().code == Code::conflict);
}

TEST_CASE("retries wait for their timer") {
  store::MemoryDisk disk;
  House house(disk);
  house.worker.behave = [](const worker::Assignment& a) {
    return a.id.attempt < 3 ? failed("not yet", true) : worker::Report{};
  };
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    spec::Workflow workflow = chain(1);
    workflow.tasks[0].retry = {.attempts = 3, .delay = milliseconds(5)};
    CO_OK(co_await h.engine.start(ctx, start_of_run(workflow, 1)));
    CO_TRY(const RunChanges end, co_await until(ctx, h.engine, 1, "success"));
    CHECK(end.tasks[0].attempt == 3);
    co_return Unit{};
  });
}

TEST_CASE("many runs share the slots, and ended ones leave memory") {
  store::MemoryDisk disk;
  House house(disk);
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    for (uint64_t n = 1; n <= 20; ++n) {
      CO_OK(co_await h.engine.start(ctx, start_of_run(chain(3), n)));
    }
    for (uint64_t n = 1; n <= 20; ++n) {
      CO_OK(co_await until(ctx, h.engine, n, "success"));
    }
    co_return Unit{};
  });
  size_t in_memory = 0;
  house.engine.each_run([&](const run::RunState&) { ++in_memory; });
  CHECK(in_memory <= 4);
}

TEST_CASE("definitions that no run uses are forgotten") {
  Definitions definitions;
  std::vector<std::shared_ptr<const Definition>> kept;
  size_t most = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto made = std::make_shared<Definition>(
        Definition{.frozen = sha256(fmt::format("{}", i)), .version = {}});
    definitions.add(made);
    CHECK(definitions.find(made->frozen) == made);
    if (i % 100 == 0) {
      kept.push_back(made);
    }
    most = std::max(most, definitions.size());
  }
  CHECK(most <= 2 * kept.size() + 16);
  for (const auto& each : kept) {
    CHECK(definitions.find(each->frozen) == each);
  }
  CHECK(definitions.find(sha256("1")) == nullptr);
}

TEST_CASE("a run is found by the day of its logical date, and by what begins its id") {
  store::MemoryDisk disk;
  House house(disk);
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    for (uint64_t n = 1; n <= 2; ++n) {
      control::StartRun now = start_of_run(chain(1), n);
      now.date.reset();
      CO_OK(co_await h.engine.start(ctx, std::move(now)));
      CO_OK(co_await until(ctx, h.engine, n, "success"));
    }
    CO_OK(co_await h.engine.start(ctx, start_of_run(chain(1), 3)));
    CO_TRY(const RunChanges second, co_await h.engine.watch(ctx, {.run = ref(2)}));
    const Date day = date_of(*second.run.logical_date);
    CO_TRY(const RunChanges found,
           co_await h.engine.watch(ctx, {.run = {"chain@" + to_text(day)}}));
    CHECK(found.run.id == id_of(2));  // the newest of that day
    CO_TRY(const auto listed, co_await h.engine.runs(ctx, {.date = day}));
    CHECK(listed.size() == 2);
    CO_TRY(const RunChanges old, co_await h.engine.watch(ctx, {.run = {"chain@2026-02-28"}}));
    CHECK(old.run.id == id_of(3));
    const auto many = co_await h.engine.watch(ctx, {.run = {to_text(id_of(1)).substr(0, 8)}});
    CHECK(many.error().code == Code::bad_input);
    CHECK(many.error().what.find(to_text(id_of(3)) + " (chain for 2026-02-28), ") !=
          std::string::npos);
    CHECK(many.error().what.find(to_text(id_of(1))) != std::string::npos);
    co_return Unit{};
  });
}

TEST_CASE("a task that runs again shows no old error, and what may fail is no failure") {
  store::MemoryDisk disk;
  House house(disk);
  house.worker.behave = [](const worker::Assignment& a) -> std::optional<worker::Report> {
    if (a.task == "t0" && a.id.attempt == 2) {
      return std::nullopt;
    }
    return a.task == "t3" ? worker::Report{} : failed(a.task + " is bad", a.task == "t0");
  };
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    spec::Workflow workflow = chain(4);
    workflow.tasks[0].retry = {.attempts = 3, .delay = {}};
    workflow.tasks[1].needs = {};
    workflow.tasks[1].allow_failure = true;
    workflow.tasks[2].needs = {{0}};
    workflow.tasks[3].needs = {{1}};
    CO_OK(co_await h.engine.start(ctx, start_of_run(workflow, 1)));
    for (;;) {
      CO_TRY(const RunChanges seen, co_await h.engine.watch(ctx, {.run = ref(1)}));
      if (seen.tasks[0].attempt == 2 && seen.tasks[0].state == "running") {
        CHECK_FALSE(seen.tasks[0].error.has_value());
        break;
      }
      CO_OK(co_await rt::delay(ctx, milliseconds(1)));
    }
    worker::Report end = failed("t0 is worse");
    end.id = h.worker.seen.back().id;
    for (const worker::Assignment& each : h.worker.seen) {
      end.id = each.task == "t0" ? each.id : end.id;
    }
    CO_OK(co_await h.engine.report(ctx, {end}));
    CO_TRY(const RunChanges over, co_await until(ctx, h.engine, 1, "failed"));
    CHECK(states(over) == "failed failed upstream_failed success");
    CHECK(over.tasks[0].error->what == "t0 is worse");
    CHECK(over.run.failed == 1);
    CHECK(over.run.succeeded == 1);
    co_return Unit{};
  });
  House next(disk);
  next.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    CO_TRY(const RunChanges read, co_await h.engine.watch(ctx, {.run = ref(1)}));
    CHECK(read.tasks[0].error->what == "t0 is worse");
    co_return Unit{};
  });
}

TEST_CASE("bad requests are refused with a reason") {
  store::MemoryDisk disk;
  House house(disk);
  house.live([](rt::Context& ctx, House& h) -> Task<Unit> {
    control::StartRun strange = start_of_run(chain(1), 1);
    strange.workflow = "no workflow";
    CHECK_FALSE((co_await h.engine.start(ctx, std::move(strange))).has_value());
    control::StartRun params = start_of_run(chain(1), 1);
    params.params = Value::of({{"rows", 1}});
    const auto unknown = co_await h.engine.start(ctx, std::move(params));
    CHECK(unknown.error().code == Code::bad_input);
    CHECK((co_await h.engine.cancel(ctx, ref(9), false)).error().code == Code::not_found);
    co_return Unit{};
  });
}

}  // namespace
}  // namespace tutti::engine
