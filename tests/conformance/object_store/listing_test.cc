// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

void fill(StoreWorld& w, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    REQUIRE_OK(w.put(key, "x"));
  }
}

STORE_CASE("an empty store has an empty listing") {
  CHECK(w.list({}).empty());
  CHECK(w.list({.prefix = {"a/b"}}).empty());
  CHECK(w.list({.prefix = {"a/b/"}, .delimiter = "/"}).empty());
}

STORE_CASE("a listing is in the order of the keys' bytes") {
  fill(w, {"a0", "a/b", "a-b", "a.b/c", "b", "a/b-c", "a/\u00fc", "a/z", "B"});
  CHECK(w.list({}) == "B a-b a.b/c a/b a/b-c a/z a/\u00fc a0 b ");
  for (const uint32_t limit : {1U, 2U, 4U, 9U, 1000U}) {
    CHECK(w.list({.limit = limit}) == "B a-b a.b/c a/b a/b-c a/z a/\u00fc a0 b ");
  }
}

STORE_CASE("a prefix is bytes, not a folder") {
  fill(w, {"a0", "a/b", "a/bc/d", "a/c", "ab/c", "b"});
  CHECK(w.list({.prefix = {"a"}}) == "a/b a/bc/d a/c a0 ab/c ");
  CHECK(w.list({.prefix = {"a/"}}) == "a/b a/bc/d a/c ");
  CHECK(w.list({.prefix = {"a/b"}}) == "a/b a/bc/d ");
  CHECK(w.list({.prefix = {"a/b/"}}).empty());
  CHECK(w.list({.prefix = {"a/bc/"}}) == "a/bc/d ");
  CHECK(w.list({.prefix = {"x"}}).empty());
  CHECK(w.list({.prefix = {"b/c/"}}).empty());
}

STORE_CASE("start_after is a place in the order, not an object") {
  fill(w, {"a", "c/d", "c/f", "e"});
  CHECK(w.list({.start_after = {"a"}}) == "c/d c/f e ");
  CHECK(w.list({.start_after = {"b"}}) == "c/d c/f e ");
  CHECK(w.list({.start_after = {"c/d"}}) == "c/f e ");
  CHECK(w.list({.start_after = {"c/"}}) == "c/d c/f e ");
  CHECK(w.list({.start_after = {"c0"}}) == "e ");
  CHECK(w.list({.start_after = {"e"}}).empty());
  CHECK(w.list({.prefix = {"c/"}, .start_after = {"c/e"}}) == "c/f ");
  CHECK(w.list({.prefix = {"c/"}, .start_after = {"a"}}) == "c/d c/f ");
}

STORE_CASE("a delimiter gives what is directly below") {
  fill(w, {"a/1", "a/b/2", "a/b/3", "a/c/4", "a/d", "a0", "e"});
  for (const uint32_t limit : {1U, 2U, 1000U}) {
    if (limit < 1000 && w.has(Gap::circles)) {
      CHECK(w.list({.delimiter = "/", .limit = limit}).contains("does not go on"));
      continue;
    }
    CHECK(w.list({.delimiter = "/", .limit = limit}) == "a/ a0 e ");
    CHECK(w.list({.prefix = {"a/"}, .delimiter = "/", .limit = limit}) == "a/1 a/b/ a/c/ a/d ");
    CHECK(w.list({.prefix = {"a"}, .delimiter = "/", .limit = limit}) == "a/ a0 ");
    CHECK(w.list({.prefix = {"a/b"}, .delimiter = "/", .limit = limit}) == "a/b/ ");
  }
  CHECK(w.list({.delimiter = "b"}) ==
        (w.has(Gap::one_delimiter) ? "a/ a0 e " : "a/1 a/b a/c/4 a/d a0 e "));
}

STORE_CASE("listings know size, etag and time") {
  const auto put = w.put("d/a", "12345");
  REQUIRE_OK(put);
  const auto page = w.run(w.store->list(w.ctx, {.prefix = w.key_of("d/")}));
  REQUIRE_OK(page);
  REQUIRE(page->objects.size() == 1);
  CHECK(page->objects[0].size == 5);
  CHECK(page->objects[0].etag == put->etag);
  const auto head = w.run(w.store->head(w.ctx, w.key_of("d/a")));
  REQUIRE_OK(head);
  // Some listings know the time more exactly than a header tells it.
  CHECK(page->objects[0].modified - head->modified < seconds(1));
  CHECK(head->modified - page->objects[0].modified < seconds(1));
}

STORE_CASE("a listing goes on while objects come and go") {
  for (int i = 10; i < 40; ++i) {
    REQUIRE_OK(w.put(fmt::format("d/{}/x", i), "x"));
  }
  ListOptions options{.prefix = w.key_of("d/"), .limit = 7};
  std::vector<std::string> seen;
  while (true) {
    auto page = w.run(w.store->list(w.ctx, options));
    if (w.has(Gap::lost_place) && !seen.empty()) {
      CHECK(page.error().code == Code::unsupported);
      return;
    }
    REQUIRE_OK(page);
    for (const ObjectMeta& each : page->objects) {
      seen.push_back(each.key.text.substr(w.base.size()));
      REQUIRE_OK(w.run(w.store->remove(w.ctx, each.key, {})));
    }
    REQUIRE_OK(w.put("d/00/before", "x"));
    if (page->next.empty()) {
      break;
    }
    options.cursor = page->next;
  }
  CHECK(seen.size() == 30);
  CHECK(std::ranges::is_sorted(seen));
  CHECK(w.list({}) == "d/00/before ");
}

STORE_CASE("two listings at once do not disturb each other") {
  for (int i = 10; i < 30; ++i) {
    REQUIRE_OK(w.put(fmt::format("k{}", i), "x"));
  }
  Listing one(*w.store, {.prefix = w.key_of("k"), .limit = 3});
  Listing two(*w.store, {.prefix = w.key_of("k"), .limit = 3});
  for (int i = 10; i < 30; ++i) {
    const Key expected = w.key_of(fmt::format("k{}", i));
    CHECK(w.run(one.next(w.ctx)).value()->key == expected);
    CHECK(w.run(two.next(w.ctx)).value()->key == expected);
  }
  CHECK_FALSE(w.run(one.next(w.ctx)).value().has_value());
  CHECK_FALSE(w.run(one.next(w.ctx)).value().has_value());
}

}  // namespace
}  // namespace tutti::cloud
