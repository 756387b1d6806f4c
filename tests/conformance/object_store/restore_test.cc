// SPDX-License-Identifier: Apache-2.0
// Archived objects: read once they were restored.
#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

STORE_CASE("only what is archived is restored") {
  REQUIRE_OK(w.put("a", "one"));
  const bool archives = w.store->capabilities().archives;
  CHECK(w.run(w.store->restore(w.ctx, w.key_of("a"), {})).error().code ==
        (archives ? Code::conflict : Code::unsupported));
  CHECK(w.run(w.store->head(w.ctx, w.key_of("a")))->archived == Archived::no);
  CHECK(w.text("a") == "one");
  if (archives) {
    CHECK(w.run(w.store->restore(w.ctx, w.key_of("b"), {})).error().code == Code::not_found);
    CHECK(w.run(w.store->restore(w.ctx, w.key_of("a"), {.tier = "soon"})).error().code ==
          Code::bad_input);
  }
}

// The model of a store with an archive, whose restores take `time`.
struct Archive : StoreWorld {
  explicit Archive(Duration time) {
    store = memory::make_store(buffers, "memory://", {.archive = time});
  }
  Archived state() { return run(store->head(ctx, {"a"}))->archived; }
};

TEST_CASE("an archived object cannot be read before it was restored") {
  Archive w(hours(5));
  REQUIRE_OK(w.put("a", "cold", {.storage_class = "archive"}));
  CHECK(w.state() == Archived::yes);
  CHECK(w.text("a") == "denied");
  const auto got = w.run(w.store->get(w.ctx, {"a"}, {}));
  CHECK(got.error().remedy.contains("tutti restore"));
  CHECK(w.run(w.store->copy_within(w.ctx, {"a"}, {"b"}, {})).error().code == Code::denied);
  REQUIRE_OK(w.run(w.store->restore(w.ctx, {"a"}, {})));
  CHECK(w.state() == Archived::restoring);
  CHECK(w.text("a") == "denied");
  REQUIRE_OK(w.run(w.store->restore(w.ctx, {"a"}, {})));  // asked for again
  CHECK(w.state() == Archived::restoring);
}

TEST_CASE("a restored object can be read for the days that were asked for") {
  Archive w(Duration{});
  REQUIRE_OK(w.put("a", "cold", {.storage_class = "archive"}));
  REQUIRE_OK(w.run(w.store->restore(w.ctx, {"a"}, {.days = 3})));
  const auto meta = w.run(w.store->head(w.ctx, {"a"}));
  REQUIRE_OK(meta);
  CHECK(meta->archived == Archived::restored);
  REQUIRE(meta->restored_until.has_value());
  const Duration left = *meta->restored_until - w.clock->wall();
  CHECK((left > days(3) - minutes(5) && left <= days(3)));
  CHECK(w.text("a") == "cold");
}

}  // namespace
}  // namespace tutti::cloud
