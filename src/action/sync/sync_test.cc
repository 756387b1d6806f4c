// SPDX-License-Identifier: Apache-2.0
#include "action/objects/test_world.h"
#include "action/sync/sync_action.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

using objects::error_text;
using objects::output;

struct World : objects::TestWorld {
  World() : TestWorld("sync_test") {
    write("s3://raw/d/a", "1");
    write("s3://raw/d/b", "22");
    write("gs://mirror/d/b", "old");
    write("gs://mirror/d/c", "extra");
  }
  Value with(ValueMap more) {
    more.set("from", "s3://raw/d/");
    more.set("to", "gs://mirror/d/");
    return Value(std::move(more));
  }
  std::unique_ptr<Action> action = make_sync(services);
};

TEST_CASE("a prefix becomes equal to another one, and what was there is kept elsewhere") {
  World w;
  ValueMap inputs;
  inputs.set("delete", true);
  inputs.set("backup", "az://kept/1/");
  const auto preview = w.loop.run(w.action->plan(w.ctx, w.attempt.info(), w.with(inputs)));
  REQUIRE_OK(preview);
  CHECK(preview->steps[0].what == "copy 2 objects to gs://mirror/d/");
  CHECK(preview->steps[1].what == "remove 1 object of gs://mirror/d/");
  CHECK(w.exists("gs://mirror/d/c"));

  ValueMap later;
  later.set("backup", "az://kept/{{ tasks.first.outputs.name }}/");
  const auto unknown = w.loop.run(w.action->plan(w.ctx, w.attempt.info(), w.with(later)));
  REQUIRE_OK(unknown);
  CHECK(unknown->unknown.size() == 1);

  const Value done = output(w.run(*w.action, w.with(inputs)));
  CHECK(done["copied"] == Value(2));
  CHECK(done["removed"] == Value(1));
  CHECK(done["backed_up"] == Value(2));
  CHECK(done["manifest"]["objects"] == Value(2));
  CHECK(w.read("gs://mirror/d/b") == "22");
  CHECK_FALSE(w.exists("gs://mirror/d/c"));
  CHECK(w.read("az://kept/1/b") == "old");
  CHECK(w.read("az://kept/1/c") == "extra");
  CHECK(w.attempt.logged.contains("copied 2 objects"));
  CHECK(output(w.run(*w.action, w.with(inputs)))["same"] == Value(2));
}

TEST_CASE("a sync that would remove too much, or begins with nothing, changes nothing") {
  World w;
  ValueMap inputs;
  inputs.set("delete", true);
  inputs.set("max_delete", 0);
  CHECK(error_text(w.run(*w.action, w.with(inputs))).contains("would be removed"));
  CHECK(w.exists("gs://mirror/d/c"));
  const Value nothing = Value::of({{"from", "s3://raw/none/"}, {"to", "gs://mirror/d/"}});
  CHECK(error_text(w.run(*w.action, nothing)).contains("there is no object"));
  CHECK(error_text(w.run(*w.action, w.with([] {
          ValueMap odd;
          odd.set("same", "etag");
          return odd;
        }())))
            .contains("same: 'etag' is not known"));
}

TEST_CASE("what a filter leaves out is neither copied nor removed") {
  World w;
  ValueMap inputs;
  inputs.set("exclude", Value(ValueList{"b", "c"}));
  inputs.set("delete", true);
  const Value done = output(w.run(*w.action, w.with(inputs)));
  CHECK(done["copied"] == Value(1));
  CHECK(done["removed"] == Value(0));
  CHECK(w.read("gs://mirror/d/a") == "1");
  CHECK(w.read("gs://mirror/d/b") == "old");
  CHECK(w.exists("gs://mirror/d/c"));
}

TEST_CASE("the manifest of a sync may lie in the destination, and stays") {
  World w;
  ValueMap inputs;
  inputs.set("delete", true);
  inputs.set("manifest", "gs://mirror/d/synced.jsonl");
  for (int i = 0; i < 2; ++i) {
    CHECK(error_text(w.run(*w.action, w.with(inputs))) == "it succeeded");
    CHECK(w.exists("gs://mirror/d/synced.jsonl"));
    CHECK_FALSE(w.exists("gs://mirror/d/c"));
  }
}

TEST_CASE("where an object could not be copied, the others are, and nothing is removed") {
  World w;
  w.write("az://kept/1/b", "something else");
  ValueMap inputs;
  inputs.set("delete", true);
  inputs.set("backup", "az://kept/1/");
  const Outcome outcome = w.run(*w.action, w.with(inputs));
  const auto* failed = std::get_if<Failed>(&outcome);
  REQUIRE(failed != nullptr);
  CHECK(failed->error.text().contains("1 of 2 objects failed, among them s3://raw/d/b: "));
  CHECK(failed->output["copied"] == Value(1));
  CHECK(failed->output["failed"] == Value(1));
  CHECK(failed->output["manifest"]["objects"] == Value(2));
  CHECK(w.read("gs://mirror/d/a") == "1");
  CHECK(w.read("gs://mirror/d/b") == "old");
  CHECK(w.exists("gs://mirror/d/c"));
  CHECK(w.attempt.logged.contains("1 object failed:\n  s3://raw/d/b: "));
  CHECK(w.attempt.logged.contains("nothing was removed, as not everything was copied"));
  inputs.set("max_failures", 0);
  CHECK(error_text(w.run(*w.action, w.with(inputs))).contains("copying s3://raw/d/b"));
}

}  // namespace
}  // namespace tutti::action
