// SPDX-License-Identifier: Apache-2.0
#include "cloud/body.h"
#include "cloud/connections.h"
#include "rt/loop.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

struct World {
  std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::CancelSource cancel;
  rt::Context ctx{*clock, *random, cancel.token()};
  rt::Loop loop;
};

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
