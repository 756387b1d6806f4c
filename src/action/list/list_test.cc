// SPDX-License-Identifier: Apache-2.0
#include "action/list/list.h"
#include "action/objects/test_world.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

using objects::error_text;
using objects::output;

struct World : objects::TestWorld {
  World() : TestWorld("list_test") {
    write("s3://logs/d/b.csv", "22");
    write("s3://logs/d/a.csv", "1");
    write("s3://logs/d/e/c.csv", "333");
    write("s3://logs/x.txt", "4444");
  }
  std::unique_ptr<Action> action = make_list(services);
};

TEST_CASE("a prefix and a glob are listed in the order of the keys") {
  World w;
  const Value all = output(w.run(*w.action, Value::of({{"from", "s3://logs/d/"}})));
  CHECK(all["count"] == Value(3));
  CHECK(all["bytes"] == Value(6));
  const Value& first = all["objects"].as_list()[0];
  CHECK(first["uri"] == Value("s3://logs/d/a.csv"));
  CHECK(first["key"] == Value("d/a.csv"));
  CHECK(first["size"] == Value(1));
  CHECK_FALSE(first.get_string("etag").empty());
  CHECK(parse_instant(first.get_string("modified")).has_value());
  const Value some = output(w.run(*w.action, Value::of({{"from", "s3://logs/d/*.csv"}})));
  CHECK(some["count"] == Value(2));
  CHECK(w.attempt.logged.find("listed 2 objects (3 B)") != std::string::npos);
}

TEST_CASE("nothing is an empty list, too much is a failure") {
  World w;
  CHECK(output(w.run(*w.action, Value::of({{"from", "s3://logs/none/"}})))["count"] == Value(0));
  CHECK(output(w.run(*w.action, Value::of({{"from", "gs://new-bucket/"}})))["count"] == Value(0));
  const Outcome cut = w.run(*w.action, Value::of({{"from", "s3://logs/"}, {"limit", 3}}));
  CHECK(error_text(cut) ==
        "s3://logs/: there are more than 3 objects. narrow the prefix or glob, or raise `limit`");
  CHECK(error_text(w.run(*w.action, Value::of({{"from", "s3://logs/"}, {"limit", 0}})))
            .find("`limit` is not a whole number") != std::string::npos);
}

TEST_CASE("a name that looks like a pattern is that name") {
  World w;
  w.write("s3://odd/s[1].csv", "1");
  w.write("s3://odd/s1.csv", "22");
  const Value one = output(w.run(*w.action, Value::of({{"from", "s3://odd/s[1].csv"}})));
  CHECK(one["bytes"] == Value(1));
  CHECK(one["objects"].as_list().at(0)["uri"] == Value("s3://odd/s[1].csv"));
}

TEST_CASE("plan counts them") {
  World w;
  const auto preview =
      w.loop.run(w.action->plan(w.ctx, w.attempt.info(), Value::of({{"from", "s3://logs/d/"}})));
  REQUIRE_OK(preview);
  CHECK(preview->steps[0].what == "list 3 objects of s3://logs/d/");
}

}  // namespace
}  // namespace tutti::action
