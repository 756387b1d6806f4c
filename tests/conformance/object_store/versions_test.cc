// SPDX-License-Identifier: Apache-2.0
// Versions: what a bucket keeps of objects that were replaced or removed.
#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

std::string put_version(StoreWorld& w, const std::string& key, const std::string& text) {
  const auto put = w.put(key, text);
  REQUIRE_OK(put);
  CHECK_FALSE(put->version.empty());
  return put->version;
}

STORE_CASE("a listing of versions names each object once where none are kept") {
  REQUIRE_OK(w.put("a", "one"));
  REQUIRE_OK(w.put("b/c", "two"));
  const auto page = w.run(w.store->list(w.ctx, {.prefix = w.key_of(""), .versions = true}));
  if (!w.store->capabilities().versions) {
    CHECK(page.error().code == Code::unsupported);
    CHECK(w.run(w.store->head(w.ctx, w.key_of("a"), {.version = "1"})).error().code ==
          Code::unsupported);
    return;
  }
  if (w.has(Gap::versions_unlisted)) {
    CHECK_FALSE(page.has_value());
    return;
  }
  REQUIRE_OK(page);
  REQUIRE(page->objects.size() == 2);
  CHECK(page->objects[0].key == w.key_of("a"));
  CHECK(page->objects[0].size == 3);
  CHECK(page->objects[0].is_latest);
  CHECK(page->objects[1].key == w.key_of("b/c"));
  CHECK_FALSE(page->objects[1].delete_marker);
}

STORE_CASE("what was replaced is there under its version") {
  if (!w.keeps_versions) {
    return;
  }
  const std::string one = put_version(w, "a", "one");
  const std::string two = put_version(w, "a", "two, longer");
  CHECK(one != two);
  CHECK(w.text("a") == "two, longer");
  CHECK(w.text_of("a", one) == "one");
  CHECK(w.text_of("a", two) == "two, longer");
  CHECK(w.text_of("a", one, Range{.offset = 1, .length = 1}) == "n");
  CHECK(w.text_of("a", one, Range{.offset = 3}).empty());
  const auto old = w.run(w.store->head(w.ctx, w.key_of("a"), {.version = one}));
  REQUIRE_OK(old);
  CHECK(old->size == 3);
  CHECK(old->version == one);
  const auto now = w.run(w.store->head(w.ctx, w.key_of("a")));
  REQUIRE_OK(now);
  CHECK(now->version == two);
  CHECK(now->etag != old->etag);
  CHECK(w.list({}) == "a ");
  CHECK(w.versions({}) == "a=two, longer* a=one ");
  // A condition is on that version.
  CHECK(w.run(w.store->get(w.ctx, w.key_of("a"), {.if_match = now->etag, .version = one}))
            .error()
            .code == Code::conflict);
}

STORE_CASE("a removed object is gone, and its versions are not") {
  if (!w.keeps_versions) {
    return;
  }
  const bool marks = w.store->capabilities().delete_markers;
  const std::string one = put_version(w, "a", "one");
  put_version(w, "a", "two");
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {})));
  CHECK(w.text("a") == "not_found");
  CHECK(w.head_code("a") == Code::not_found);
  CHECK(w.list({}).empty());
  CHECK(w.text_of("a", one) == "one");
  CHECK(w.versions({}) == (marks ? "a=-* a=two a=one " : "a=two a=one "));
  if (w.has(Gap::markers_are_objects)) {
    CHECK(w.put("a", "three", {.only_if_absent = true}).error().code == Code::conflict);
    return;
  }
  // Create-only sees an object that is gone.
  REQUIRE_OK(w.put("a", "three", {.only_if_absent = true}));
  if (!w.has(Gap::markers_last)) {
    CHECK(w.versions({}) == (marks ? "a=three* a=- a=two a=one " : "a=three* a=two a=one "));
  }
}

STORE_CASE("removing a version is for ever, and shows what was before") {
  if (!w.keeps_versions) {
    return;
  }
  const std::string one = put_version(w, "a", "one");
  const std::string two = put_version(w, "a", "two");
  const std::string three = put_version(w, "a", "three");
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.version = two})));
  CHECK(w.text_of("a", two) == "not_found");
  CHECK(w.versions({}) == "a=three* a=one ");
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.version = two})));  // gone: no error
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.version = three})));
  if (w.store->capabilities().delete_markers) {
    CHECK(w.text("a") == "one");
    CHECK(w.versions({}) == "a=one* ");
  } else {
    CHECK(w.text("a") == "not_found");  // nothing becomes the latest by itself
    CHECK(w.versions({}) == "a=one ");
  }
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.version = one})));
  CHECK(w.versions({}).empty());
  CHECK(w.text("a") == "not_found");
}

STORE_CASE("removing a delete marker brings the object back") {
  if (!w.keeps_versions || !w.store->capabilities().delete_markers) {
    return;
  }
  put_version(w, "a", "one");
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {})));
  const auto page = w.run(w.store->list(w.ctx, {.prefix = w.key_of("a"), .versions = true}));
  REQUIRE_OK(page);
  REQUIRE(page->objects.size() == 2);
  const ObjectMeta& marker = page->objects.front();
  CHECK(marker.delete_marker);
  CHECK(marker.is_latest);
  CHECK_FALSE(page->objects.back().is_latest);
  CHECK(w.text_of("a", marker.version) == "not_found");
  CHECK(w.run(w.store->head(w.ctx, w.key_of("a"), {.version = marker.version})).error().code ==
        Code::not_found);
  REQUIRE_OK(w.run(w.store->remove(w.ctx, w.key_of("a"), {.version = marker.version})));
  CHECK(w.text("a") == "one");
}

STORE_CASE("listings of versions go on where they were, within a key too") {
  if (!w.keeps_versions) {
    return;
  }
  for (int i = 0; i < 3; ++i) {
    put_version(w, "a", fmt::format("a{}", i));
    put_version(w, "b/c", fmt::format("c{}", i));
    put_version(w, "b-d", fmt::format("d{}", i));
  }
  put_version(w, "e", "e0");
  const std::string all = "a=a2* a=a1 a=a0 b-d=d2* b-d=d1 b-d=d0 b/c=c2* b/c=c1 b/c=c0 e=e0* ";
  for (const uint32_t limit : {1U, 2U, 3U, 4U, 1000U}) {
    CAPTURE(limit);
    CHECK(w.versions({.limit = limit}) == all);
    CHECK(w.versions({.prefix = {"b"}, .limit = limit}) ==
          "b-d=d2* b-d=d1 b-d=d0 b/c=c2* b/c=c1 b/c=c0 ");
    CHECK(w.versions({.start_after = {"a"}, .limit = limit}) == all.substr(all.find("b-d")));
    const std::string folders = "a=a2* a=a1 a=a0 b-d=d2* b-d=d1 b-d=d0 b/ e=e0* ";
    const std::string shown = w.versions({.delimiter = "/", .limit = limit});
    CHECK((shown == folders || (w.has(Gap::versions_end_early) && folders.starts_with(shown))));
  }
  CHECK(w.versions({.prefix = {"x"}}).empty());
}

STORE_CASE("an upload makes a version, and a version can be copied") {
  if (!w.keeps_versions) {
    return;
  }
  const std::string one = put_version(w, "a", "one");
  auto upload = w.run(w.store->begin_upload(w.ctx, w.key_of("a"), {.part_bytes = w.part(1000)}));
  REQUIRE_OK(upload);
  REQUIRE_OK(w.run((*upload)->part(w.ctx, 1, body_of(w.buffers, "two"))));
  const auto two = w.run((*upload)->commit(w.ctx, {}));
  REQUIRE_OK(two);
  CHECK(w.text_of("a", two->version) == "two");
  CHECK(w.versions({}) == "a=two* a=one ");
  REQUIRE_OK(w.run(w.store->copy_within(w.ctx, w.key_of("a"), w.key_of("b"), {.version = one})));
  CHECK(w.text("b") == "one");
  REQUIRE_OK(w.run(w.store->copy_within(w.ctx, w.key_of("a"), w.key_of("b"), {})));
  CHECK(w.text("b") == "two");
  CHECK(w.versions({.prefix = {"b"}}) == "b=two* b=one ");
}

STORE_CASE("a version that never was is not found") {
  if (!w.store->capabilities().versions) {
    return;
  }
  const auto put = w.put("a", "one");
  REQUIRE_OK(put);
  const std::string other = w.keeps_versions ? put_version(w, "b", "two") : "1234567890123456";
  const auto head = w.run(w.store->head(w.ctx, w.key_of("a"), {.version = other}));
  if (w.has(Gap::no_versions)) {
    CHECK(head.has_value());
    return;
  }
  REQUIRE_FALSE(head.has_value());
  CHECK((head.error().code == Code::not_found || head.error().code == Code::bad_input));
  const std::string text = w.text_of("a", other);
  CHECK((text == "not_found" || text == "bad_input"));
  CHECK(w.text("a") == "one");
}

}  // namespace
}  // namespace tutti::cloud
