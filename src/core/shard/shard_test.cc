// SPDX-License-Identifier: Apache-2.0
#include "core/shard/shard.h"

#include "base/doctest.h"

namespace tutti::shard {
namespace {

run::Counts using_slots(uint32_t slots, uint32_t light = 0) {
  run::Counts counts;
  counts.slots = slots;
  counts.light = light;
  return counts;
}

Due timer(int64_t at, int64_t run_no) {
  return {.at = {at}, .run_no = run_no, .timer = {run::TimerKind::next_try, {0}, 1}};
}

TEST_CASE("older runs go first, and within a run who became ready first") {
  Shard shard({.slots = 10});
  shard.add_ready(2, {5}, false);
  shard.add_ready(1, {7}, false);
  shard.add_ready(1, {3}, false);
  CHECK(shard.take_ready() == RunTask{1, {7}});
  CHECK(shard.take_ready() == RunTask{1, {3}});
  CHECK(shard.take_ready() == RunTask{2, {5}});
  CHECK_FALSE(shard.take_ready().has_value());
}

TEST_CASE("slots bound what is taken, light tasks need none but are bounded too") {
  Shard shard({.slots = 1, .light_max = 2});
  for (uint32_t i = 0; i < 3; ++i) {
    shard.add_ready(1, {i}, false);
    shard.add_ready(1, {10 + i}, true);
  }
  CHECK(shard.take_ready() == RunTask{1, {10}});
  CHECK(shard.take_ready() == RunTask{1, {11}});
  shard.recount(using_slots(0), using_slots(0, 2));
  CHECK(shard.take_ready() == RunTask{1, {0}});
  shard.recount(using_slots(0, 2), using_slots(1, 2));
  CHECK_FALSE(shard.take_ready().has_value());
  shard.recount(using_slots(1, 2), using_slots(0, 1));
  CHECK(shard.take_ready() == RunTask{1, {12}});
  CHECK(shard.light_used() == 1);
}

TEST_CASE("timers fire in time order, equal ones as they were armed") {
  Shard shard({});
  shard.arm(timer(30, 3));
  shard.arm(timer(10, 1));
  shard.arm(timer(10, 2));
  CHECK(shard.next_due() == BootInstant{10});
  CHECK_FALSE(shard.take_due({9}).has_value());
  CHECK(shard.take_due({30})->run_no == 1);
  CHECK(shard.take_due({30})->run_no == 2);
  CHECK(shard.take_due({30})->run_no == 3);
  CHECK_FALSE(shard.next_due().has_value());
}

TEST_CASE("timers nobody waits for are dropped before they pile up") {
  Shard shard({});
  for (int64_t i = 0; i < 3'000; ++i) {
    shard.arm(timer(i, i));
    shard.compact_timers([](const Due& due) { return due.run_no % 100 == 0; });
  }
  CHECK(shard.timer_count() < 1'100);
  CHECK(shard.take_due({10'000})->run_no == 0);
  CHECK(shard.take_due({10'000})->run_no == 100);
}

TEST_CASE("a run that left is not taken") {
  Shard shard({});
  shard.add_ready(1, {0}, false);
  shard.add_ready(1, {1}, true);
  shard.forget(1);
  CHECK_FALSE(shard.take_ready().has_value());
}

}  // namespace
}  // namespace tutti::shard
