// SPDX-License-Identifier: Apache-2.0
#include "cloud/http/pace.h"

#include <algorithm>

#include "rt/scope.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::http {
namespace {

struct World : rt::TestWorld {
  Pace pace;
  BootInstant now = BootInstant{} + seconds(100);

  void enter(int times) {
    for (int i = 0; i < times; ++i) {
      REQUIRE_OK(loop.run(pace.enter(ctx)));
    }
  }
  // As many replies, all of this kind, at one moment.
  void leave(int times, Pace::Reply reply) {
    for (int i = 0; i < times; ++i) {
      pace.leave(reply, now);
    }
  }
};

TEST_CASE("a complaint halves what is under way, once for all that were") {
  World w;
  w.enter(64);
  w.leave(64, Pace::Reply::throttled);
  CHECK(w.pace.limit() == 32);
  w.now = w.now + seconds(2);
  w.enter(20);
  w.leave(20, Pace::Reply::throttled);
  CHECK(w.pace.limit() == 10);  // of those that were, not of those that might have been
  for (int i = 0; i < 10; ++i) {
    w.now = w.now + seconds(2);
    w.enter(1);
    w.leave(1, Pace::Reply::throttled);
  }
  CHECK(w.pace.limit() == 1);  // never none
}

TEST_CASE("replies without a complaint raise it by one in a round, a broken connection does not") {
  World w;
  w.enter(8);
  w.leave(8, Pace::Reply::throttled);
  CHECK(w.pace.limit() == 4);
  w.enter(4);
  w.leave(4, Pace::Reply::none);
  CHECK(w.pace.limit() == 4);
  for (int i = 0; i < 5; ++i) {
    w.enter(1);
    w.leave(1, Pace::Reply::good);
  }
  CHECK(w.pace.limit() == 5);
}

Task<Unit> request(rt::Context& ctx, Pace& pace, size_t& under_way, size_t& most) {
  CO_OK(co_await pace.enter(ctx));
  most = std::max(most, ++under_way);
  CO_OK(co_await rt::delay(ctx, milliseconds(1)));
  --under_way;
  pace.leave(Pace::Reply::none, {});
  co_return Unit{};
}

Task<Unit> many(rt::Scope& scope, Pace& pace, size_t& under_way, size_t& most) {
  for (int i = 0; i < 40; ++i) {
    CO_OK(co_await scope.spawn(request(scope.context(), pace, under_way, most)));
  }
  co_return Unit{};
}

TEST_CASE("who is over the limit waits for a place, and one that is cancelled takes none") {
  World w;
  w.enter(6);
  w.leave(6, Pace::Reply::throttled);
  size_t under_way = 0;
  size_t most = 0;
  REQUIRE_OK(w.loop.run(rt::scoped(w.ctx, {.children_max = 64}, many, std::ref(w.pace),
                                   std::ref(under_way), std::ref(most))));
  CHECK(most == 3);

  w.enter(3);
  rt::Context hurried = w.ctx.with_timeout(milliseconds(5));
  CHECK_FALSE(w.loop.run(w.pace.enter(hurried)).has_value());
  w.leave(3, Pace::Reply::none);
  w.enter(3);  // all places are free again
  w.leave(3, Pace::Reply::none);
}

}  // namespace
}  // namespace tutti::cloud::http
