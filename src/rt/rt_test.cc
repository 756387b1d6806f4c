// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <thread>

#include "rt/file.h"
#include "rt/loop.h"
#include "rt/program.h"
#include "rt/retry.h"
#include "rt/scope.h"
#include "rt/testing.h"
#include "rt/wait.h"

#include "base/doctest.h"

namespace tutti::rt {
namespace {

using World = TestWorld;

TEST_CASE("a child source is cancelled with its parent and keeps the first reason") {
  CancelSource parent;
  CancelSource child(parent.token());
  int calls = 0;
  const auto registration = child.token().on_cancel([&] { ++calls; });
  parent.cancel(cancelled_error("first"));
  parent.cancel(cancelled_error("second"));
  CHECK(calls == 1);
  CHECK(child.token().reason()->what == "first");
  const auto late = child.token().on_cancel([&] { ++calls; });
  CHECK(calls == 2);
}

TEST_CASE("an unregistered callback is not called") {
  CancelSource source;
  int calls = 0;
  {
    const auto registration = source.token().on_cancel([&] { ++calls; });
  }
  source.cancel(cancelled_error("x"));
  CHECK(calls == 0);
}

TEST_CASE("thousands of registrations do not pile up") {
  CancelSource source;
  for (int i = 0; i < 100'000; ++i) {
    const auto registration = source.token().on_cancel([] {});
  }
  source.cancel(cancelled_error("x"));
  CHECK(source.token().cancelled());
}

TEST_CASE("cancel ends a delay at once with the reason") {
  World w;
  std::thread other([&] { w.cancel.cancel(cancelled_error("the user said so")); });
  auto result = w.loop.run(delay(w.ctx, hours(1)));
  other.join();
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().what == "the user said so");
}

TEST_CASE("a deadline ends a delay") {
  World w;
  Context soon = w.ctx.with_timeout(milliseconds(5));
  auto result = w.loop.run(delay(soon, hours(1)));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Code::timed_out);
  CHECK(w.loop.run(delay(w.ctx, milliseconds(1))).has_value());
}

Task<Unit> fails_after(Context& ctx, Duration time) {
  CO_OK(co_await delay(ctx, time));
  co_return fail(Code::corrupt, "broken");
}

Task<Unit> until_cancelled(Context& ctx, int& ended) {
  auto result = co_await delay(ctx, hours(1));
  ++ended;
  co_return result;
}

Task<Unit> one_fails(Scope& scope, int* ended) {
  for (int i = 0; i < 10; ++i) {
    CO_OK(co_await scope.spawn(until_cancelled(scope.context(), *ended)));
  }
  CO_OK(co_await scope.spawn(fails_after(scope.context(), milliseconds(2))));
  co_return Unit{};
}

TEST_CASE("the first error cancels the others and all are awaited") {
  World w;
  int ended = 0;
  auto result = w.loop.run(scoped(w.ctx, {}, one_fails, &ended));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().what == "broken");
  CHECK(ended == 10);
}

Task<Unit> counts(Context& ctx, int* now, int* most) {
  *most = std::max(*most, ++*now);
  CO_OK(co_await delay(ctx, milliseconds(1)));
  --*now;
  co_return Unit{};
}

Task<Unit> many(Scope& scope, int* now, int* most) {
  for (int i = 0; i < 50; ++i) {
    CO_OK(co_await scope.spawn(counts(scope.context(), now, most)));
  }
  co_return Unit{};
}

TEST_CASE("a scope never runs more children than its limit") {
  World w;
  int now = 0;
  int most = 0;
  REQUIRE_OK(w.loop.run(scoped(w.ctx, {.children_max = 4}, many, &now, &most)));
  CHECK(most == 4);
  CHECK(now == 0);
}

Task<Unit> throws(Context& ctx) {
  CO_OK(co_await delay(ctx, milliseconds(1)));
  throw std::runtime_error("library trouble");
}

Task<Unit> spawn_thrower(Scope& scope) { co_return co_await scope.spawn(throws(scope.context())); }

TEST_CASE("an exception of a library becomes an error at the root of the child") {
  World w;
  auto result = w.loop.run(scoped(w.ctx, {}, spawn_thrower));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().what.find("library trouble") != std::string::npos);
}

Task<Unit> producer(Context& ctx, Channel<int>& channel) {
  for (int i = 0; i < 100; ++i) {
    CO_OK(co_await channel.push(ctx, i));
  }
  channel.close();
  co_return Unit{};
}

Task<Unit> pipe(Scope& scope, std::vector<int>* seen) {
  Channel<int> channel(3);
  CO_OK(co_await scope.spawn(producer(scope.context(), channel)));
  while (true) {
    CHECK(channel.size() <= 3);
    CO_TRY(auto item, co_await channel.pop(scope.context()));
    if (!item) {
      break;
    }
    seen->push_back(*item);
  }
  co_return Unit{};
}

TEST_CASE("a channel is bounded, keeps order and ends when closed") {
  World w;
  std::vector<int> seen;
  REQUIRE_OK(w.loop.run(scoped(w.ctx, {}, pipe, &seen)));
  REQUIRE(seen.size() == 100);
  CHECK(seen.front() == 0);
  CHECK(seen.back() == 99);
}

Task<Unit> acquire_twice(Context& ctx, Semaphore& semaphore) {
  CO_OK(co_await semaphore.acquire(ctx));
  Context soon = ctx.with_timeout(milliseconds(3));
  auto second = co_await semaphore.acquire(soon);
  CHECK(second.error().code == Code::timed_out);
  semaphore.release();
  co_return co_await semaphore.acquire(ctx);  // the given-up wait took nothing
}

TEST_CASE("a cancelled wait for a semaphore takes no permit") {
  World w;
  Semaphore semaphore(1);
  REQUIRE_OK(w.loop.run(acquire_twice(w.ctx, semaphore)));
}

TEST_CASE("a wake-up before the wait is remembered") {
  World w;
  Notify notify;
  notify.notify();
  notify.notify();
  REQUIRE_OK(w.loop.run(notify.wait(w.ctx)));
  std::thread other([&] { notify.notify(); });
  REQUIRE_OK(w.loop.run(notify.wait(w.ctx)));
  other.join();
}

Task<Unit> count_and_fail(int& calls, Code code) {
  ++calls;
  co_return fail(code, "no");
}

TEST_CASE("retry stops after attempts_max and at errors that cannot be mended") {
  World w;
  int calls = 0;
  const auto failing = [&calls](Code code) {
    return [&calls, code](Context&) { return count_and_fail(calls, code); };
  };
  const RetryPolicy policy{.attempts_max = 3, .delay = milliseconds(1)};
  auto throttled = failing(Code::throttled);
  auto result = w.loop.run(retry(w.ctx, policy, throttled));
  CHECK(calls == 3);
  CHECK(result.error().what == "no (after 3 attempts)");
  calls = 0;
  auto denied = failing(Code::denied);
  CHECK(w.loop.run(retry(w.ctx, policy, denied)).error().what == "no");
  CHECK(calls == 1);
  // An error that names its attempts keeps their number.
  CHECK(after_attempts({.what = "no (after 6 attempts)"}, 4).what == "no (after 6 attempts)");
}

Task<Unit> recover(int& calls) {
  ++calls;
  if (calls > 51) {
    co_return Unit{};
  }
  co_return fail(calls == 51 ? Code::unavailable : Code::throttled, "no");
}

Task<Unit> use_for_long(Context& ctx, Semaphore& semaphore, int* now, int* most) {
  CO_OK(co_await semaphore.acquire(ctx));
  *most = std::max(*most, ++*now);
  CO_OK(co_await delay(ctx, milliseconds(1)));
  --*now;
  semaphore.release();
  co_return Unit{};
}

Task<Unit> use_often(Scope& scope, Semaphore& semaphore, int* now, int* most) {
  for (int i = 0; i < 40; ++i) {
    CO_OK(co_await scope.spawn(use_for_long(scope.context(), semaphore, now, most)));
  }
  co_return Unit{};
}

TEST_CASE("a semaphore gets more permits, and fewer") {
  World w;
  Semaphore semaphore(2);
  const auto most_at_once = [&] {
    int now = 0;
    int most = 0;
    REQUIRE_OK(w.loop.run(scoped(w.ctx, {}, use_often, std::ref(semaphore), &now, &most)));
    CHECK(semaphore.available() > 0);
    return most;
  };
  CHECK(most_at_once() == 2);
  semaphore.resize(6);
  CHECK(most_at_once() == 6);
  semaphore.resize(3);
  CHECK(most_at_once() == 3);
  // Fewer than are out: the next releases are swallowed.
  for (int i = 0; i < 3; ++i) {
    REQUIRE_OK(w.loop.run(semaphore.acquire(w.ctx)));
  }
  semaphore.resize(1);
  semaphore.release();
  semaphore.release();
  CHECK(semaphore.available() == 0);
  semaphore.release();
  CHECK(semaphore.available() == 1);
  // Who waits gets what is added.
  REQUIRE_OK(w.loop.run(semaphore.acquire(w.ctx)));
  Context soon = w.ctx.with_timeout(milliseconds(1));
  CHECK_FALSE(w.loop.run(semaphore.acquire(soon)).has_value());
  CHECK_FALSE(semaphore.is_wanted());
  semaphore.resize(2);
  CHECK(semaphore.available() == 1);
}

TEST_CASE("being throttled is no attempt for as long as the policy is patient") {
  World w;
  int calls = 0;
  const RetryPolicy policy{.attempts_max = 2,
                           .delay = milliseconds(1),
                           .delay_max = milliseconds(2),
                           .throttled_max = seconds(60)};
  // Long throttled, then broken once, then good.
  const auto recovers = [&calls](Context&) { return recover(calls); };
  CHECK(w.loop.run(retry(w.ctx, policy, recovers)).has_value());
  CHECK(calls == 52);
  calls = 0;
  RetryPolicy short_policy = policy;
  short_policy.throttled_max = milliseconds(30);
  const auto never = [&calls](Context&) { return count_and_fail(calls, Code::throttled); };
  CHECK_FALSE(w.loop.run(retry(w.ctx, short_policy, never)).has_value());
  CHECK(calls > 2);
  // Then the next one is the last, however few were counted.
  calls = 0;
  const RetryPolicy slow{.attempts_max = 2,
                         .delay = milliseconds(20),
                         .delay_max = milliseconds(20),
                         .throttled_max = milliseconds(30)};
  CHECK_FALSE(w.loop.run(retry(w.ctx, slow, never)).has_value());
  CHECK(calls <= 3);
  calls = 0;
  short_policy.throttled_max = {};
  CHECK_FALSE(w.loop.run(retry(w.ctx, short_policy, never)).has_value());
  CHECK(calls == 2);
}

TEST_CASE("work moves to a pool and to another loop and comes back") {
  World w;
  Pool pool(1);
  Loop other;
  other.start("other");
  const auto here = std::this_thread::get_id();
  auto both = [](Executor pool_executor,
                 Executor other_executor) -> Task<std::pair<std::thread::id, std::thread::id>> {
    const auto on_pool = co_await offload(pool_executor, [] { return std::this_thread::get_id(); });
    auto id = []() -> Task<std::thread::id> { co_return std::this_thread::get_id(); };
    CO_TRY(auto on_other, co_await on(other_executor, id()));
    co_return std::pair(on_pool, on_other);
  };
  auto result = w.loop.run(both(pool.executor(), other.executor()));
  REQUIRE_OK(result);
  CHECK(result->first != here);
  CHECK(result->second != here);
  CHECK(result->first != result->second);
}

Task<Unit> add_on_pool(Executor pool, std::atomic<int>* sum, int number) {
  auto held = std::make_shared<int>(number);
  const std::weak_ptr<int> seen = held;
  co_await offload(pool, [sum, held = std::move(held)] { return *sum += *held; });
  CHECK(seen.expired());  // nothing of the work is left
  co_return Unit{};
}

Task<Unit> add_many(Scope& scope, Executor pool, std::atomic<int>* sum) {
  for (int i = 1; i <= 2000; ++i) {
    CO_OK(co_await scope.spawn(add_on_pool(pool, sum, i)));
  }
  co_return Unit{};
}

TEST_CASE("a pool does all that is given to it, once, and what throws comes back") {
  World w;
  std::atomic<int> sum = 0;
  for (const size_t threads : {1UL, 2UL, 7UL}) {
    Pool pool(threads);
    sum = 0;
    REQUIRE_OK(w.loop.run(scoped(w.ctx, {.children_max = 50}, add_many, pool.executor(), &sum)));
    CHECK(sum == 2001 * 1000);
  }
  {
    Pool pool(3);
    for (int i = 0; i < 100; ++i) {
      asio::post(pool.executor(), [&sum] { ++sum; });
    }
  }  // waits for all of them
  CHECK(sum == 2001 * 1000 + 100);
  Pool pool(1);
  auto throwing = [](Executor executor) -> Task<int> {
    co_return co_await offload(executor,
                               []() -> Result<int> { throw std::runtime_error("no such thing"); });
  };
  CHECK(w.loop.run(throwing(pool.executor())).error().what.contains("no such thing"));
}

TEST_CASE("a program is run for what it prints") {
  const auto run = [](const char* script, Duration within = seconds(20)) {
    return run_program({"sh", "-c", script}, within);
  };
  CHECK(run("echo out; echo err >&2").value() == "out\n");
  CHECK(run("cat").value().empty());  // there is no input
  CHECK(run("yes | head -c 3000000").value().size() >= 1U << 20U);
  const Error failed = run("echo secret; echo why >&2; echo more >&2; exit 3").error();
  CHECK(failed.code == Code::denied);
  CHECK(failed.what == "sh ended with status 3: why");  // what it printed may be a key
  CHECK(run("kill -9 $$").error().what == "sh was ended by signal 9");
  CHECK(run("exec sleep 60", milliseconds(50)).error().code == Code::timed_out);
  CHECK(run_program({"/no/such/program"}, seconds(1)).error().code == Code::not_found);
  CHECK(run_program({}, seconds(1)).error().code == Code::bad_input);
  // Its environment is ours, but for what is said.
  const std::vector<std::string> print{"sh", "-c",
                                       "echo $HOME $GIVEN $GIVENMORE; env | grep -c ^HOME="};
  setenv("GIVENMORE", "more", 1);
  CHECK(run_program(print, seconds(20), {"HOME=here", "GIVEN=a=b"}).value() ==
        "here a=b more\n1\n");
  unsetenv("GIVENMORE");
}

TEST_CASE("a file is replaced whole or not at all") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("tutti_rt_test." + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const auto path = folder / "a";
  REQUIRE_OK(write_file(path, "one"));
  REQUIRE_OK(write_file(path, "two"));
  CHECK(*read_file(path) == "two");
  CHECK(read_file(folder / "none").error().code == Code::not_found);
  CHECK(read_file(folder).error().code == Code::bad_input);
  CHECK(read_file(path, {.bytes_max = 2}).error().code == Code::bad_input);
  CHECK(write_file(folder / "no" / "such", "x").error().code == Code::not_found);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tutti::rt
