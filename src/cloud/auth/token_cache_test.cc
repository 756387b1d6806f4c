// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/token_cache.h"

#include <string>

#include "rt/loop.h"

#include "base/doctest.h"

namespace tutti::cloud::auth {
namespace {

// Moved by hand. Nothing here waits for a time.
class HandClock final : public rt::Clock {
 public:
  Instant wall() override { return {now.us}; }
  BootInstant boot() override { return now; }
  std::unique_ptr<rt::Timer> arm(rt::Executor, BootInstant,
                                 std::move_only_function<void()>) override {
    return nullptr;
  }
  BootInstant now;
};

struct World {
  HandClock clock;
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::CancelSource cancel;
  rt::Context ctx{clock, *random, cancel.token()};
  rt::Loop loop;
  int fetches = 0;
  std::optional<Error> error;
  std::shared_ptr<rt::Waiter> gate;  // a fetch waits for it, when there is one
  TokenCache<std::string> cache{[this](rt::Context& c) { return fetch(c); }};

  Task<Fresh<std::string>> fetch(rt::Context& c) {
    const std::string token = "t" + std::to_string(++fetches);
    if (gate) {
      CO_OK(co_await gate->wait(c));
    }
    if (error) {
      co_return fail(*error);
    }
    co_return Fresh<std::string>{.value = token, .valid = hours(1)};
  }
  std::string get() {
    const auto token = loop.run(cache.get(ctx));
    return token.has_value() ? *token : std::string(code_name(token.error().code));
  }
};

TEST_CASE("a token is fetched once, and again before it ends") {
  World w;
  CHECK(w.get() == "t1");
  w.clock.now = {minutes(55).us};
  CHECK(w.get() == "t1");
  w.clock.now = {minutes(56).us};
  CHECK(w.get() == "t2");
  CHECK(w.get() == "t2");
  CHECK(w.fetches == 2);
}

TEST_CASE("while a fetch fails the old token serves to its end") {
  World w;
  CHECK(w.get() == "t1");
  w.error = Error{.code = Code::unavailable, .what = "no"};
  w.clock.now = {minutes(57).us};
  CHECK(w.get() == "t1");
  w.clock.now = {minutes(60).us};
  CHECK(w.get() == "unavailable");
  w.error.reset();
  CHECK(w.get() == "t4");
}

TEST_CASE("a refused token is not given again") {
  World w;
  CHECK(w.get() == "t1");
  w.cache.drop("t0");
  CHECK(w.get() == "t1");
  w.cache.drop("t1");
  CHECK(w.get() == "t2");
}

Task<Unit> one(rt::Context& ctx, World& w, std::vector<std::string>* out) {
  const auto token = co_await w.cache.get(ctx);
  out->push_back(token.has_value() ? *token : std::string(code_name(token.error().code)));
  co_return Unit{};
}

Task<Unit> open_gate(World& w) {
  w.gate->complete();
  co_return Unit{};
}

Task<Unit> many(rt::Scope& scope, World& w, std::vector<std::string>* out) {
  for (int i = 0; i < 10; ++i) {
    CO_OK(co_await scope.spawn(one(scope.context(), w, out)));
  }
  co_return co_await scope.spawn(open_gate(w));
}

TEST_CASE("many that need a token share one fetch, also one that fails") {
  for (const bool fails : {false, true}) {
    World w;
    w.gate = rt::Waiter::make();
    if (fails) {
      w.error = Error{.code = Code::denied, .what = "no"};
    }
    std::vector<std::string> out;
    REQUIRE_OK(w.loop.run(rt::scoped(w.ctx, {}, many, std::ref(w), &out)));
    CHECK(out == std::vector<std::string>(10, fails ? "denied" : "t1"));
    CHECK(w.fetches == 1);
  }
}

Task<Unit> cancel_first(World& w, rt::CancelSource& first) {
  first.cancel(rt::cancelled_error("stop"));
  w.gate = nullptr;
  co_return Unit{};
}

Task<Unit> first_and_second(rt::Scope& scope, World& w, rt::CancelSource& first, rt::Context& mine,
                            std::vector<std::string>* out) {
  CO_OK(co_await scope.spawn(one(mine, w, out)));
  CO_OK(co_await scope.spawn(one(scope.context(), w, out)));
  co_return co_await scope.spawn(cancel_first(w, first));
}

TEST_CASE("who waits takes over from one that is cancelled") {
  World w;
  w.gate = rt::Waiter::make();
  rt::CancelSource first;
  rt::Context mine = w.ctx.with_token(first.token());
  std::vector<std::string> out;
  REQUIRE_OK(w.loop.run(
      rt::scoped(w.ctx, {}, first_and_second, std::ref(w), std::ref(first), std::ref(mine), &out)));
  CHECK(out == std::vector<std::string>{"cancelled", "t2"});
}

}  // namespace
}  // namespace tutti::cloud::auth
