// SPDX-License-Identifier: Apache-2.0
#include "action/del/del.h"
#include "action/objects/test_world.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

using objects::error_text;
using objects::output;

struct World : objects::TestWorld {
  World() : TestWorld("del_test") {
    write("s3://logs/d/b.csv", "22");
    write("s3://logs/d/a.csv", "1");
    write("s3://logs/d/e/c.txt", "333");
    write("s3://logs/x.txt", "4444");
  }
  std::unique_ptr<Action> action = make_delete(services);
};

TEST_CASE("an object, a glob and a prefix are removed, and nothing else") {
  World w;
  CHECK(output(w.run(*w.action, Value::of({{"target", "s3://logs/d/a.csv"}})))["count"] ==
        Value(1));
  CHECK_FALSE(w.exists("s3://logs/d/a.csv"));
  const Value glob = output(w.run(*w.action, Value::of({{"target", "s3://logs/**/*.txt"}})));
  CHECK(glob["count"] == Value(2));
  CHECK(glob["bytes"] == Value(7));
  CHECK(w.exists("s3://logs/d/b.csv"));
  CHECK(output(w.run(*w.action, Value::of({{"target", "s3://logs/d/"}})))["count"] == Value(1));
  CHECK_FALSE(w.exists("s3://logs/d"));
  CHECK(output(w.run(*w.action, Value::of({{"target", "s3://logs/d/"}})))["count"] == Value(0));
}

TEST_CASE("a name that looks like a pattern is a name where there is such an object") {
  World w;
  for (const char* name : {"x*.txt", "xkeep.txt", "s[1].csv", "s1.csv", "s[.csv", "{a}.csv"}) {
    w.write(fmt::format("s3://odd/{}", name), "1");
  }
  const auto remove = [&](Value target) {
    return output(w.run(*w.action, Value::of({{"target", std::move(target)}})))["count"];
  };
  CHECK(remove("s3://odd/x*.txt") == Value(1));
  CHECK(w.exists("s3://odd/xkeep.txt"));
  // An object out of a list is that object, also when it is gone by now.
  CHECK(remove(Value::of({{"uri", "s3://odd/x*.txt"}, {"size", 1}})) == Value(0));
  CHECK(w.exists("s3://odd/xkeep.txt"));
  CHECK(remove("s3://odd/s[1].csv") == Value(1));
  CHECK(remove("s3://odd/s[.csv") == Value(1));
  CHECK(remove(R"(s3://odd/\{a\}.csv)") == Value(1));
  CHECK(w.exists("s3://odd/s1.csv"));
  CHECK(remove("s3://odd/x*.txt") == Value(1));  // nothing of that name: a pattern
  CHECK_FALSE(w.exists("s3://odd/xkeep.txt"));
}

TEST_CASE("max refuses before anything is removed") {
  World w;
  const Outcome refused = w.run(*w.action, Value::of({{"target", "s3://logs/"}, {"max", 3}}));
  CHECK(error_text(refused) ==
        "s3://logs/: more than 3 objects would be removed; none was. narrow `target`, or raise "
        "`max`");
  CHECK(w.exists("s3://logs/d/a.csv"));
  CHECK(output(w.run(*w.action, Value::of({{"target", "s3://logs/"}, {"max", 4}})))["count"] ==
        Value(4));
}

TEST_CASE("plan counts without removing") {
  World w;
  const auto preview =
      w.loop.run(w.action->plan(w.ctx, w.attempt.info(), Value::of({{"target", "s3://logs/d/"}})));
  REQUIRE_OK(preview);
  CHECK(preview->steps[0].what == "remove 3 objects of s3://logs/d/");
  CHECK(w.exists("s3://logs/d/a.csv"));
}

}  // namespace
}  // namespace tutti::action
