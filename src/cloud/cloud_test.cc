// SPDX-License-Identifier: Apache-2.0
#include "cloud/body.h"
#include "cloud/connections.h"
#include "cloud/locks.h"
#include "cloud/versions.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

using World = rt::TestWorld;

Task<Unit> take_three(rt::Scope& scope, BufferPool& pool, size_t* most) {
  for (int i = 0; i < 3; ++i) {
    auto hold = [](rt::Context& ctx, BufferPool& from, size_t* peak) -> Task<Unit> {
      CO_TRY(Buffer buffer, co_await from.take(ctx));
      *peak = std::max(*peak, from.in_use());
      const Chunk chunk(std::move(buffer), 3);
      co_return co_await rt::delay(ctx, milliseconds(2));
    };
    CO_OK(co_await scope.spawn(hold(scope.context(), pool, most)));
  }
  co_return Unit{};
}

// The pages of a service that lists the versions of a key from the oldest on. A token is a page's
// number.
struct Pages {
  std::vector<std::string> pages;
  int fetched = 0;

  Task<Page> fetch(std::string token) {
    ++fetched;
    const size_t at = token.empty() ? 0 : std::stoul(token);
    Page page;
    for (const char c : pages[at]) {
      page.objects.push_back({.key = {std::string(1, c)}, .etag = "e"});
    }
    // The n-th version of a key, whichever page it is on.
    for (size_t i = 0; i < page.objects.size(); ++i) {
      const char key = pages[at][i];
      int64_t before = std::ranges::count(pages[at].substr(0, i), key);
      for (size_t each = 0; each < at; ++each) {
        before += std::ranges::count(pages[each], key);
      }
      page.objects[i].version = std::to_string(before + 1);
    }
    page.next = at + 1 < pages.size() ? std::to_string(at + 1) : "";
    co_return page;
  }
};

TEST_CASE("all versions of a key come on one page, the newest first") {
  World w;
  const auto listed = [&](std::vector<std::string> cut) {
    Pages pages{.pages = std::move(cut)};
    std::string out;
    std::string cursor;
    do {
      auto page = w.loop.run(newest_first(
          w.ctx, [&](rt::Context&, std::string token) { return pages.fetch(std::move(token)); },
          cursor));
      REQUIRE_OK(page);
      out += "|";
      for (const ObjectMeta& each : page->objects) {
        out += each.key.text + each.version + " ";
      }
      cursor = page->next;
      REQUIRE(pages.fetched < 50);
    } while (!cursor.empty());
    return out;
  };
  CHECK(listed({""}) == "|");
  CHECK(listed({"aab"}) == "|a2 a1 b1 ");
  CHECK(listed({"aab", "c"}) == "|a2 a1 b1 |c1 ");
  CHECK(listed({"aa", "ab", "bc"}) == "|a3 a2 a1 |b2 b1 |c1 ");
  CHECK(listed({"a", "a", "a", "a"}) == "|a4 a3 a2 a1 ");
  CHECK(listed({"a", "a", "", "ab"}) == "|a3 a2 a1 |b1 ");
  CHECK(listed({"", "", "ab"}) == "|a1 b1 ");
}

TEST_CASE("a lock says until when, by what, and what to do") {
  const Instant now = parse_instant("2026-02-28T10:00:00Z").value();
  const Lock compliance{.retention =
                            Retention{.mode = RetentionMode::compliance, .until = now + days(1)}};
  CHECK(is_locked(compliance, now));
  CHECK_FALSE(is_locked(compliance, now + days(1)));
  CHECK(is_locked({.legal_hold = true}, now + days(1)));
  const Error error = locked_error(compliance, now);
  CHECK(error.code == Code::denied);
  CHECK(error.what == "this version is locked: compliance until 2026-03-01 10:00:00 UTC");
  CHECK(error.remedy.contains("nobody"));
  CHECK(locked_error({.legal_hold = true}, now).remedy.contains("--legal-hold off"));

  const Retention shorter{.mode = RetentionMode::compliance, .until = now + hours(1)};
  const Retention longer{.mode = RetentionMode::compliance, .until = now + days(2)};
  const Retention weaker{.mode = RetentionMode::governance, .until = now + days(2)};
  CHECK(check_retention(compliance, longer, false, now).has_value());
  CHECK(check_retention(compliance, shorter, true, now).error().code == Code::denied);
  CHECK(check_retention(compliance, weaker, true, now).error().code == Code::denied);
  CHECK(check_retention(compliance, std::nullopt, true, now).error().code == Code::denied);
  CHECK(check_retention(compliance, std::nullopt, false, now + days(2)).has_value());
  const Lock governance{.retention =
                            Retention{.mode = RetentionMode::governance, .until = now + days(1)}};
  CHECK(check_retention(governance, std::nullopt, false, now).error().code == Code::denied);
  CHECK(check_retention(governance, std::nullopt, true, now).has_value());
  CHECK(check_retention(governance, longer, false, now).has_value());
  CHECK(check_retention({}, Retention{.until = now}, false, now).error().code == Code::bad_input);
}

TEST_CASE("a pool lends no more than its budget and gets everything back") {
  World w;
  BufferPool pool({.bytes_max = 32, .chunk_bytes = 16});
  size_t most = 0;
  REQUIRE_OK(w.loop.run(rt::scoped(w.ctx, {}, take_three, std::ref(pool), &most)));
  CHECK(most == 2);
  CHECK(pool.in_use() == 0);
}

TEST_CASE("a cancelled wait for a buffer takes nothing from the budget") {
  World w;
  BufferPool pool({.bytes_max = 16, .chunk_bytes = 16});
  auto held = w.loop.run(pool.take(w.ctx));
  REQUIRE_OK(held);
  rt::Context soon = w.ctx.with_timeout(milliseconds(3));
  CHECK(w.loop.run(pool.take(soon)).error().code == Code::timed_out);
  held = Buffer();
  CHECK(pool.in_use() == 0);
  REQUIRE_OK(w.loop.run(pool.take(w.ctx)));
}

TEST_CASE("slices share the bytes and keep them alive") {
  World w;
  BufferPool pool({.bytes_max = 16, .chunk_bytes = 16});
  Chunk slice;
  {
    auto buffer = w.loop.run(pool.take(w.ctx));
    REQUIRE_OK(buffer);
    std::copy_n("0123456789", 10, reinterpret_cast<char*>(buffer->space().data()));
    const Chunk chunk(std::move(*buffer), 10);
    slice = chunk.slice(3, 4);
  }
  CHECK(slice.text() == "3456");
  CHECK(pool.in_use() == 1);
  slice = Chunk();
  CHECK(pool.in_use() == 0);
}

TEST_CASE("a text body can be opened at any place, again and again") {
  World w;
  BufferPool pool({.bytes_max = 4, .chunk_bytes = 4});
  const Body body = body_of(pool, "hello world");
  CHECK(body.size == 11);
  for (const auto& [offset, text] : {std::pair(0, "hello world"), {6, "world"}, {11, ""}}) {
    auto source = w.loop.run(body.open(w.ctx, static_cast<uint64_t>(offset)));
    REQUIRE_OK(source);
    CHECK(w.loop.run(read_all(w.ctx, **source, 100)).value() == text);
  }
}

Connections connections() {
  ConnectionTable table;
  table["prod"]["landing"] = {.type = "sftp"};
  table["prod"]["warehouse"] = {.type = "duckdb"};
  table["local"]["landing"] = {.type = "local"};
  Openers openers;
  openers["local"].open = [](std::string_view name, const ConnectionConfig&,
                             std::string_view rest) {
    return Result<Located>(Located{.store = nullptr,
                                   .key = Key{std::string(rest)},
                                   .ref = {.provider = "local"},
                                   .base = std::string(name) + "://"});
  };
  return {std::move(table), std::move(openers)};
}

TEST_CASE("an address finds its connection in the profile") {
  const auto located = connections().open("local", "landing://raw/a.json");
  REQUIRE_OK(located);
  CHECK(located->key.text == "raw/a.json");
  CHECK(address_of(*located, {"x/y"}) == "landing://x/y");
  CHECK(ref_of(*located, {"x/y"}) == ObjectRef{.provider = "local", .key = "x/y"});
}

TEST_CASE("an address that cannot be opened says why and what to do") {
  struct Row {
    std::string profile, address;
    Code code;
    std::string says;
  };
  const Row rows[] = {
      {"local", "ladning://a", Code::not_found, "did you mean 'landing'?"},
      {"lokal", "landing://a", Code::not_found, "did you mean 'local'?"},
      {"prod", "landing://a", Code::unsupported, "comes in a later version"},
      {"prod", "landing://a", Code::unsupported,
       "connections: {landing: {type: local, buckets: clouds/landing}}"},
      {"prod", "warehouse://a", Code::bad_input, "holds no objects"},
      {"prod", "no address", Code::bad_input, "is not an address"},
  };
  for (const Row& row : rows) {
    const auto located = connections().open(row.profile, std::string_view(row.address));
    CAPTURE(row.address);
    REQUIRE_FALSE(located.has_value());
    CHECK(located.error().code == row.code);
    CHECK_MESSAGE(located.error().text().find(row.says) != std::string::npos,
                  located.error().text());
  }
}

}  // namespace
}  // namespace tutti::cloud
