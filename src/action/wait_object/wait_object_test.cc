// SPDX-License-Identifier: Apache-2.0
#include "action/wait_object/wait_object.h"
#include "action/objects/test_world.h"
#include "cloud/body.h"
#include "rt/wait.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

using objects::error_text;
using objects::output;

struct World : objects::TestWorld {
  World() : TestWorld("wait_test") {}
  std::unique_ptr<Action> action = make_wait_object(services);
};

TEST_CASE("what is there already is not waited for") {
  World w;
  w.write("s3://in/a.csv", "1");
  const Value found =
      output(w.run(*w.action, Value::of({{"uri", "s3://in/*.csv"}, {"poll", "1h"}})));
  CHECK(found["objects"].as_list().at(0)["uri"] == Value("s3://in/a.csv"));
}

TEST_CASE("a name that looks like a pattern is that name") {
  World w;
  w.write("s3://in/x*.txt", "1");
  w.write("s3://in/xkeep.txt", "1");
  for (const Value& uri : {Value("s3://in/x*.txt"), Value::of({{"uri", "s3://in/x*.txt"}})}) {
    const Value found = output(w.run(*w.action, Value::of({{"uri", uri}, {"poll", "1h"}})));
    CHECK(found["objects"].as_list().size() == 1);
  }
}

Task<Unit> write_later(rt::Context& ctx, World& w) {
  for (const char* name : {"s3://in/a.csv", "s3://in/note.txt", "s3://in/b.csv"}) {
    CO_OK(co_await rt::delay(ctx, milliseconds(150)));
    w.write(name, "x");
  }
  co_return Unit{};
}

Task<Unit> wait_for_two(rt::Scope& scope, World& w, Outcome* outcome) {
  CO_OK(co_await scope.spawn(write_later(scope.context(), w)));
  CO_TRY(*outcome, co_await w.action->run(
                       scope.context(), w.attempt,
                       Value::of({{"uri", "s3://in/*.csv"}, {"count", 2}, {"poll", "100ms"}})));
  co_return Unit{};
}

TEST_CASE("it ends when as many are there as asked") {
  World w;
  Outcome outcome;
  REQUIRE_OK(w.loop.run(rt::scoped(w.ctx, {}, wait_for_two, std::ref(w), &outcome)));
  CHECK(output(outcome)["objects"].as_list().size() == 2);
  CHECK(w.attempt.logged == "waiting: 0 of 2 there\nwaiting: 1 of 2 there\n");
}

TEST_CASE("the task's time-out ends it, and so does a wrong address at once") {
  World w;
  rt::Context soon = w.ctx.with_timeout(milliseconds(20));
  auto outcome = w.loop.run(w.action->run(soon, w.attempt, Value::of({{"uri", "s3://in/x"}})));
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == Code::timed_out);
  CHECK(error_text(w.run(*w.action, Value::of({{"uri", "sb://in/x"}}))).find("did you mean") !=
        std::string::npos);
  CHECK(error_text(w.run(*w.action, Value::of({{"uri", "s3://in/x"}, {"poll", "1ms"}})))
            .find("at least 100ms") != std::string::npos);
}

TEST_CASE("plan says what is missing") {
  World w;
  const auto preview = w.loop.run(
      w.action->plan(w.ctx, w.attempt.info(), Value::of({{"uri", "s3://in/"}, {"count", 3}})));
  REQUIRE_OK(preview);
  CHECK(preview->steps[0].what == "wait for 3 objects at s3://in/; 0 there now");
}

}  // namespace
}  // namespace tutti::action
