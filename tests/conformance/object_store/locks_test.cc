// SPDX-License-Identifier: Apache-2.0
// Locks: versions that cannot be removed before their time, or while they are held.
#include "cloud/locks.h"
#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

// Whole seconds: more no service keeps.
Instant in(StoreWorld& w, Duration time) {
  return {(w.clock->wall() + time).us / 1'000'000 * 1'000'000};
}

Retention retention(StoreWorld& w, RetentionMode mode, Duration time) {
  return {.mode = mode, .until = in(w, time)};
}

bool locks(const StoreWorld& w) {
  return w.keeps_versions && w.store->capabilities().locks && !w.has(Gap::no_locks);
}

Result<Unit> remove(StoreWorld& w, const std::string& key, const std::string& version) {
  return w.run(w.store->remove(w.ctx, w.key_of(key), {.version = version}));
}

Lock lock_of(StoreWorld& w, const std::string& key, const std::string& version) {
  const auto lock = w.run(w.store->lock(w.ctx, w.key_of(key), {.version = version}));
  REQUIRE_OK(lock);
  return *lock;
}

void check_locked(StoreWorld& w, const std::string& key, const std::string& version,
                  std::string_view by) {
  const auto removed = remove(w, key, version);
  REQUIRE_FALSE(removed.has_value());
  CHECK(removed.error().code == Code::denied);
  CHECK(removed.error().what.contains("locked"));
  CHECK(removed.error().what.contains(by));
  CHECK_FALSE(removed.error().remedy.empty());
  CHECK(w.run(w.store->head(w.ctx, w.key_of(key), {.version = version})).has_value());
}

STORE_CASE("stores without locks say so") {
  REQUIRE_OK(w.put("a", "one"));
  const Retention wanted = retention(w, RetentionMode::governance, hours(1));
  if (!w.store->capabilities().locks) {
    CHECK(w.put("b", "two", {.lock = {.retention = wanted}}).error().code == Code::unsupported);
    CHECK(w.put("b", "two", {.lock = {.legal_hold = true}}).error().code == Code::unsupported);
    CHECK(w.run(w.store->lock(w.ctx, w.key_of("a"), {})).error().code == Code::unsupported);
    CHECK(w.run(w.store->set_retention(w.ctx, w.key_of("a"), wanted, {})).error().code ==
          Code::unsupported);
    CHECK(w.run(w.store->set_legal_hold(w.ctx, w.key_of("a"), true, {})).error().code ==
          Code::unsupported);
    CHECK(w.list({}) == "a ");
  } else if (!w.keeps_versions && !w.has(Gap::no_locks)) {
    // The bucket does not allow it.
    CHECK_FALSE(w.put("b", "two", {.lock = {.retention = wanted}}).has_value());
    CHECK_FALSE(w.run(w.store->set_retention(w.ctx, w.key_of("a"), wanted, {})).has_value());
    CHECK(w.list({}) == (w.has(Gap::locked_too_late) ? "a b " : "a "));
  }
}

STORE_CASE("a version under compliance stays until its time") {
  if (!locks(w)) {
    return;
  }
  const Retention wanted = retention(w, RetentionMode::compliance, hours(1));
  const auto put = w.put("a", "one", {.lock = {.retention = wanted}});
  REQUIRE_OK(put);
  CHECK(lock_of(w, "a", put->version) == Lock{.retention = wanted});
  check_locked(w, "a", put->version, "compliance until");
  const auto change = [&](std::optional<Retention> to) {
    return w.run(w.store->set_retention(w.ctx, w.key_of("a"), to,
                                        {.version = put->version, .bypass_governance = true}));
  };
  CHECK(change(retention(w, RetentionMode::compliance, minutes(1))).error().code == Code::denied);
  CHECK(change(retention(w, RetentionMode::governance, hours(2))).error().code == Code::denied);
  CHECK(change(std::nullopt).error().code ==
        (w.has(Gap::retention_stays) ? Code::bad_input : Code::denied));
  const Retention longer = retention(w, RetentionMode::compliance, hours(2));
  REQUIRE_OK(change(longer));
  CHECK(lock_of(w, "a", put->version) == Lock{.retention = longer});
  // The name can mean something else.
  REQUIRE_OK(w.put("a", "two"));
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {})));
  CHECK(w.text("a") == "not_found");
  check_locked(w, "a", put->version, "compliance until");
}

STORE_CASE("a version under governance is let go by who may") {
  if (!locks(w)) {
    return;
  }
  const auto put = w.put("a", "one");
  REQUIRE_OK(put);
  CHECK(lock_of(w, "a", put->version) == Lock{});
  const Retention wanted = retention(w, RetentionMode::governance, hours(1));
  REQUIRE_OK(w.run(w.store->set_retention(w.ctx, w.key_of("a"), wanted, {})));
  CHECK(lock_of(w, "a", {}) == Lock{.retention = wanted});
  check_locked(w, "a", put->version, "governance until");
  const Retention shorter = retention(w, RetentionMode::governance, minutes(10));
  CHECK(w.run(w.store->set_retention(w.ctx, w.key_of("a"), shorter, {})).error().code ==
        Code::denied);
  CHECK_FALSE(w.run(w.store->set_retention(w.ctx, w.key_of("a"), std::nullopt, {})).has_value());
  REQUIRE_OK(
      w.run(w.store->set_retention(w.ctx, w.key_of("a"), shorter, {.bypass_governance = true})));
  CHECK(lock_of(w, "a", {}) == Lock{.retention = shorter});
  const auto cleared = w.run(
      w.store->set_retention(w.ctx, w.key_of("a"), std::nullopt, {.bypass_governance = true}));
  if (w.has(Gap::retention_stays)) {
    CHECK_FALSE(cleared.has_value());
    return;
  }
  REQUIRE_OK(cleared);
  CHECK(lock_of(w, "a", {}) == Lock{});
  REQUIRE_OK(remove(w, "a", put->version));
  CHECK(w.text("a") == "not_found");
}

STORE_CASE("a legal hold has no end until it is taken away") {
  if (!locks(w)) {
    return;
  }
  const auto put = w.put("a", "one", {.lock = {.legal_hold = true}});
  REQUIRE_OK(put);
  CHECK(lock_of(w, "a", put->version) == Lock{.legal_hold = true});
  check_locked(w, "a", put->version, "legal hold");
  REQUIRE_OK(w.run(w.store->set_legal_hold(w.ctx, w.key_of("a"), false, {})));
  CHECK(lock_of(w, "a", {}) == Lock{});
  REQUIRE_OK(w.run(w.store->set_legal_hold(w.ctx, w.key_of("a"), true, {})));
  check_locked(w, "a", put->version, "legal hold");
  REQUIRE_OK(
      w.run(w.store->set_legal_hold(w.ctx, w.key_of("a"), false, {.version = put->version})));
  REQUIRE_OK(remove(w, "a", put->version));
  CHECK(w.text("a") == "not_found");
}

STORE_CASE("uploads and copies can be locked from their first moment") {
  if (!locks(w)) {
    return;
  }
  const Lock lock{.retention = retention(w, RetentionMode::governance, hours(1)),
                  .legal_hold = true};
  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("a"),
                                            {.put = {.lock = lock}, .part_bytes = w.part(1000)}));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "one"))));
  const auto one = w.run((*upload)->commit(w.ctx, {}));
  REQUIRE_OK(one);
  CHECK(lock_of(w, "a", one->version) == lock);
  const auto two =
      w.run(w.store->copy_within(w.ctx, w.key_of("a"), w.key_of("b"), {.put = {.lock = lock}}));
  REQUIRE_OK(two);
  CHECK(lock_of(w, "b", {}) == lock);
  // A copy that says nothing has none.
  REQUIRE_OK(w.run(w.store->copy_within(w.ctx, w.key_of("a"), w.key_of("c"), {})));
  CHECK(lock_of(w, "c", {}) == Lock{});
}

STORE_CASE("a retention in the past is refused") {
  if (!locks(w)) {
    return;
  }
  const Retention past = retention(w, RetentionMode::governance, minutes(-5));
  REQUIRE_OK(w.put("a", "one"));
  CHECK(w.run(w.store->set_retention(w.ctx, w.key_of("a"), past, {})).error().code ==
        Code::bad_input);
  CHECK(lock_of(w, "a", {}) == Lock{});
}

}  // namespace
}  // namespace tutti::cloud
