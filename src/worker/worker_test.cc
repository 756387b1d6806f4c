// SPDX-License-Identifier: Apache-2.0
#include "worker/worker.h"

#include <cstdlib>

#include "rt/scope.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::worker {
namespace {

struct FakeEngine final : Coordinator {
  std::vector<Report> reports;
  std::map<std::string, std::string> blobs;
  std::vector<std::string> order;  // "blob" and "report", as they came
  bool refuse_blobs = false;
  int refuse = 0;  // this many reports are refused first
  rt::Notify got;

  Task<Unit> report(rt::Context&, std::vector<Report> batch) override {
    if (refuse > 0) {
      --refuse;
      co_return fail(Code::internal, "the disk is full");
    }
    order.push_back("report");
    reports.insert(reports.end(), batch.begin(), batch.end());
    got.notify();
    co_return Unit{};
  }
  Task<Unit> put_blob(rt::Context&, Digest digest, std::string bytes) override {
    order.push_back("blob");
    if (refuse_blobs) {
      co_return fail(Code::unavailable, "the disk is full");
    }
    blobs[to_text(digest)] = std::move(bytes);
    co_return Unit{};
  }
  Task<std::string> get_blob(rt::Context&, Digest digest) override {
    co_return blobs.at(to_text(digest));
  }
  void progress(ProgressReport) override {}
};

struct FakeLogs final : LogSink {
  std::string text;
  Task<Unit> append(rt::Context&, LogRecord record) override {
    text += record.bytes;
    co_return Unit{};
  }
};

// Does what `with.do` says.
class TestAction final : public action::Action {
 public:
  const action::Schema& schema() const override { return schema_; }
  Task<action::Preview> plan(rt::Context&, const action::AttemptInfo&, Value) override {
    co_return action::Preview{};
  }
  Task<action::Outcome> run(rt::Context& ctx, action::Attempt& attempt, Value with) override {
    const std::string what(with.get_string("do"));
    if (what == "wait") {
      CO_OK(co_await rt::delay(ctx, hours(1)));
    }
    if (what == "fail") {
      co_return action::Failed{.error = {.code = Code::internal, .what = "it broke"},
                               .retryable = false};
    }
    if (what == "throw") {
      throw std::runtime_error("library trouble");
    }
    if (what == "print secret") {
      CO_OK(co_await attempt.log(ctx, action::Stream::out, "it is s3cr3t-"));
      CO_OK(co_await attempt.log(ctx, action::Stream::out, "value\n"));
      co_return action::Done{.output = Value::of({{"seen", attempt.info().env.at(0).second}})};
    }
    if (what == "evaluate") {
      CO_TRY(Value seen,
             attempt.evaluate("status == 200 and params.n == 3", ValueMap{{"status", 200}}));
      co_return action::Done{.output = Value::of({{"seen", std::move(seen)}})};
    }
    if (what == "scratch") {
      co_return action::Done{
          .output = Value::of({{"n", with["n"]},
                               {"env", attempt.info().env.at(0).second},
                               {"there", std::filesystem::exists(attempt.info().scratch)}})};
    }
    if (what == "large") {
      co_return action::Done{.output = Value::of({{"text", std::string(100'000, 'x')}})};
    }
    co_return action::Done{.output = Value::of({{"with", std::move(with)}})};
  }

 private:
  action::Schema schema_{.name = "test",
                         .params = {{.name = "do"},
                                    {.name = "n"},
                                    {.name = "stdin", .secret_ok = true},
                                    {.name = "raw", .raw = true},
                                    {.name = "method", .fallback = "GET"}},
                         .takes_files = true,
                         .write_param = "method",
                         .safe_values = {"GET"},
                         .key_param = "key"};
};

struct World : rt::TestWorld {
  SecretSource secrets{Value::of({{"token", Value::of({{"env", "TUTTI_WORKER_TEST_TOKEN"}})}}),
                       "/"};
  Masks masks{secrets};
  FakeEngine engine;
  FakeLogs logs;
  Actions actions;
  std::unique_ptr<LocalWorker> worker;
  std::shared_ptr<RunContext> run = std::make_shared<RunContext>();
  AttemptNo next = 1;
  std::filesystem::path folder = std::filesystem::temp_directory_path();
  std::filesystem::path removed;

  World() {
    setenv("TUTTI_WORKER_TEST_TOKEN", "s3cr3t-value", 1);
    actions.emplace("test", std::make_unique<TestAction>());
    worker = std::make_unique<LocalWorker>(
        loop.executor(),
        Services{.coordinator = engine,
                 .logs = logs,
                 .actions = actions,
                 .masks = masks,
                 .scratch = {.make = [this](const AttemptId&) -> Result<std::filesystem::path> {
                               return folder;
                             },
                             .remove = [this](const std::filesystem::path& at) { removed = at; }},
                 .file_paths = [](const std::string&, const Value& files,
                                  const std::filesystem::path& scratch) -> Result<Value> {
                   ValueMap paths;
                   if (files["in"].is_map()) {
                     for (const auto& [name, address] : files["in"].as_map()) {
                       paths.set(name, (scratch / address.as_string().substr(5)).string());
                     }
                   }
                   return Value(std::move(paths));
                 }});
    run->roots = Value::of({{"params", Value::of({{"n", 3}})}});
  }

  Assignment assignment(Value with) {
    return {.id = {.run = {}, .task = {0}, .attempt = next++},
            .run = run,
            .task = "t",
            .action = "test",
            .with = std::move(with)};
  }

  // Runs the worker until `count` reports have come.
  std::vector<Report> reports(size_t count) {
    auto serve = [](World& w, size_t wanted) -> Task<Unit> {
      struct Steps {
        static Task<Unit> both(rt::Scope& scope, World* world, size_t n) {
          CO_OK(co_await scope.spawn(world->worker->run(scope.context())));
          while (world->engine.reports.size() < n) {
            CO_OK(co_await world->engine.got.wait(scope.context()));
          }
          scope.cancel(rt::cancelled_error("the test is done"));
          co_return Unit{};
        }
      };
      auto result = co_await rt::scoped(w.ctx, {}, Steps::both, &w, wanted);
      co_return result.has_value() || result.error().code == Code::cancelled ? Result<Unit>(Unit{})
                                                                             : result;
    };
    REQUIRE_OK(loop.run(serve(*this, count)));
    return engine.reports;
  }
  Report one(Value with) {
    worker->assign({assignment(std::move(with))});
    return reports(1).at(0);
  }
};

TEST_CASE("templates are rendered with their types, just before the start") {
  World w;
  const Report report = w.one(Value::of(
      {{"n", "{{ params.n }}"}, {"do", "n is {{ params.n }}"}, {"raw", "{{ left alone"}}));
  REQUIRE(report.end == End::succeeded);
  const Value output = *parse_json(report.output->json);
  CHECK(output["with"]["n"] == Value(3));
  CHECK(output["with"]["do"] == Value("n is 3"));
  CHECK(output["with"]["raw"] == Value("{{ left alone"));
}

TEST_CASE("templates of a task name its files by the paths they will have") {
  World w;
  Assignment assignment =
      w.assignment(Value::of({{"do", "scratch"}, {"n", "cat {{ files.raw }}"}}));
  assignment.env = Value::of({{"RAW", "{{ files['raw'] }}"}});
  assignment.files = Value::of({{"in", Value::of({{"raw", "s3://day-{{ params.n }}.csv"}})}});
  w.worker->assign({std::move(assignment)});
  const Report report = w.reports(1).at(0);
  REQUIRE(report.end == End::succeeded);
  const Value output = *parse_json(report.output->json);
  CHECK(output["n"] == Value("cat " + (w.folder / "day-3.csv").string()));
  CHECK(output["env"] == Value((w.folder / "day-3.csv").string()));
  CHECK(output["there"] == Value(true));
  CHECK(w.removed == w.folder);
  const Report typo = World().one(Value::of({{"n", "{{ files.typo }}"}}));
  REQUIRE(typo.error);
  CHECK(typo.error->where.starts_with("with.n"));
}

TEST_CASE("a template that fails says which key") {
  World w;
  const Report report = w.one(Value::of({{"n", "{{ params.typo }}"}}));
  CHECK(report.end == End::failed);
  CHECK_FALSE(report.retryable);
  CHECK(report.error->where.starts_with("with.n"));
}

TEST_CASE("a secret is masked in logs split over two writes, in outputs and in errors") {
  World w;
  Assignment assignment = w.assignment(Value::of({{"do", "print secret"}}));
  assignment.env = Value::of({{"TOKEN", "{{ secrets.token }}"}});
  w.worker->assign({std::move(assignment)});
  const Report report = w.reports(1).at(0);
  CHECK(report.end == End::succeeded);
  CHECK(report.output->json.find("s3cr3t") == std::string::npos);
  CHECK(w.logs.text.find("s3cr3t") == std::string::npos);
  CHECK(w.logs.text.find("‹secret:token›") != std::string::npos);
}

TEST_CASE("a secret where the schema allows none is refused before the start") {
  World w;
  const Report report = w.one(Value::of({{"do", "{{ secrets.token }}"}}));
  CHECK(report.end == End::failed);
  CHECK(report.error->remedy == "pass it by env or stdin");
}

TEST_CASE("failures keep their kind") {
  World w;
  CHECK(w.one(Value::of({{"do", "fail"}})).error->what == "it broke");
  World w2;
  const Report thrown = w2.one(Value::of({{"do", "throw"}}));
  CHECK(thrown.end == End::failed);
  CHECK(thrown.reason == "infrastructure");
  World w3;
  w3.actions.clear();
  CHECK(w3.one(Value::of({})).error->what.find("no action 'test'") != std::string::npos);
}

TEST_CASE("a large output is a blob, durable before the report") {
  World w;
  const Report report = w.one(Value::of({{"do", "large"}}));
  REQUIRE(report.output->blob.has_value());
  CHECK(report.output->json.empty());
  CHECK(w.engine.order == std::vector<std::string>{"blob", "report"});
}

TEST_CASE("an output that cannot be stored fails the attempt, but does not repeat a write") {
  const auto report = [](ValueMap with) {
    World w;
    w.engine.refuse_blobs = true;
    with.set("do", "large");
    return w.one(Value(std::move(with)));
  };
  CHECK(report({}).end == End::failed);
  CHECK(report({}).retryable);
  CHECK(report({{"method", "GET"}}).end == End::failed);
  const Report written = report({{"method", "POST"}});
  CHECK(written.end == End::unknown);
  CHECK(written.error->what ==
        "it was carried out, but its output could not be stored: the disk is full");
  CHECK(report({{"method", "POST"}, {"key", "k"}}).end == End::failed);
}

TEST_CASE("stop ends an attempt; an unknown or doubled one is harmless") {
  World w;
  Assignment assignment = w.assignment(Value::of({{"do", "wait"}}));
  const AttemptId id = assignment.id;
  w.worker->assign({assignment});
  w.worker->assign({assignment});
  w.worker->stop(id, Stop::graceful);
  const auto reports = w.reports(1);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].end == End::stopped);
  w.worker->stop({.run = {}, .task = {9}, .attempt = 9}, Stop::now);
  CHECK(w.reports(2).at(1).end == End::stopped);
}

TEST_CASE("a time-out is told as such") {
  World w;
  Assignment assignment = w.assignment(Value::of({{"do", "wait"}}));
  assignment.timeout = milliseconds(5);
  w.worker->assign({std::move(assignment)});
  const Report report = w.reports(1).at(0);
  CHECK(report.end == End::failed);
  CHECK(report.reason == "timeout");
  CHECK(report.error->what == "it took longer than its timeout of 5ms");
}

TEST_CASE("a report is kept until the engine has it") {
  World w;
  w.engine.refuse = 2;
  CHECK(w.one(Value::of({{"do", "x"}})).end == End::succeeded);
  CHECK(w.worker->running() == 0);
}

TEST_CASE("an action can evaluate in the task's context") {
  World w;
  const Report report = w.one(Value::of({{"do", "evaluate"}}));
  CHECK(report.output->json == R"({"seen":true})");
}

}  // namespace
}  // namespace tutti::worker
