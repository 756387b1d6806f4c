// SPDX-License-Identifier: Apache-2.0
#include "cloud/wrap/limited.h"

#include <unistd.h>

#include <fstream>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/memory/memory.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::wrap {
namespace {

Value json(std::string_view text) { return parse_json(text).value(); }

TEST_CASE("limits, and those of a time of the week") {
  const auto plan = RatePlan::parse(json(R"({"bandwidth": "50MB/s", "times": [
      {"from": "08:00", "to": "18:00", "days": ["mon", "tue"], "bandwidth": "10MB/s", "requests": "20/s"},
      {"from": "22:00", "to": "06:00", "days": ["sat"], "bandwidth": "64KiB/s"}]})"));
  REQUIRE_OK(plan);
  const Rates always{.bytes = 50'000'000};
  const Rates work{.bytes = 10'000'000, .requests = 20};
  const Rates night{.bytes = 65'536};
  CHECK(plan->at({.day = 0, .minute = 600}) == always);
  CHECK(plan->at({.day = 1, .minute = 479}) == always);
  CHECK(plan->at({.day = 1, .minute = 480}) == work);
  CHECK(plan->at({.day = 2, .minute = 1079}) == work);
  CHECK(plan->at({.day = 2, .minute = 1080}) == always);
  CHECK(plan->at({.day = 6, .minute = 1400}) == night);
  CHECK(plan->at({.day = 0, .minute = 359}) == night);  // the night of Saturday
  CHECK(plan->at({.day = 6, .minute = 359}) == always);
  CHECK(RatePlan::parse({})->at({}) == Rates{});
  for (const char* bad :
       {R"(5)", R"({"bandwith": "1MB/s"})", R"({"bandwidth": 5})", R"({"bandwidth": "0/s"})",
        R"({"requests": "1.5/s"})", R"({"requests": "-1/s"})", R"({"times": {}})",
        R"({"times": [{"from": "8:00", "to": "18:00"}]})", R"({"times": [{"from": "08:00"}]})",
        R"({"times": [{"from": "08:00", "to": "25:00"}]})",
        R"({"times": [{"from": "08:00", "to": "18:00", "days": ["monday"]}]})"}) {
    const auto parsed = RatePlan::parse(json(bad));
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().what.starts_with("limits: "));
    CHECK_FALSE(parsed.error().remedy.empty());
  }
}

struct World : rt::TestWorld {
  double seconds_of(const std::function<void()>& work) {
    const BootInstant before = clock->boot();
    work();
    return (clock->boot() - before).seconds();
  }
  std::shared_ptr<ObjectStore> store(const char* limits) {
    return make_limited(inner, std::make_shared<Limiter>(RatePlan::parse(json(limits)).value()));
  }
  BufferPool buffers{{.bytes_max = 256 << 10, .chunk_bytes = 32 << 10}};
  std::shared_ptr<ObjectStore> inner = memory::make_store(buffers, "m://");
};

// Only that it is not faster than allowed: machines may be slow.
TEST_CASE("bytes and requests take their time, and arrive") {
  World w;
  const std::string text(200'000, 'x');
  const auto limited = w.store(R"({"bandwidth": "400KB/s", "requests": "20/s"})");
  CHECK(w.seconds_of([&] {
    REQUIRE_OK(w.loop.run(limited->put(w.ctx, {"a"}, body_of(w.buffers, text), {})));
  }) > 0.3);
  CHECK(w.seconds_of([&] {
    const auto back = w.loop.run(get_text(w.ctx, *limited, {"a"}));
    REQUIRE_OK(back);
    CHECK((*back == text));
  }) > 0.3);
  CHECK(w.seconds_of([&] {
    for (int i = 0; i < 10; ++i) {
      REQUIRE_OK(w.loop.run(limited->head(w.ctx, {"a"})));
    }
  }) > 0.3);
  const auto upload = w.loop.run(limited->begin_upload(w.ctx, {"b"}, {.part_bytes = 200'000}));
  REQUIRE_OK(upload);
  CHECK(w.seconds_of([&] {
    REQUIRE_OK(w.loop.run((*upload)->part(w.ctx, 1, body_of(w.buffers, text))));
  }) > 0.3);
  REQUIRE_OK(w.loop.run((*upload)->commit(w.ctx, {})));
  CHECK(w.loop.run(w.inner->head(w.ctx, {"b"}))->size == text.size());
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("limits change while they are kept") {
  World w;
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / fmt::format("tutti-limits.{}", getpid());
  const auto write = [&](std::string_view text) {
    std::ofstream(file) << text;
    std::ignore = w.loop.run(rt::delay(w.ctx, milliseconds(1'100)));
  };
  Limiter limiter(RatePlan::parse(json(R"({"bandwidth": "2MB/s"})")).value(), file, "c");
  CHECK(limiter.turn_bytes(w.ctx) == 100'000);
  write(R"({"other": {"bandwidth": "1MB/s"}, "c": {"bandwidth": "4MB/s"}})");
  CHECK(limiter.turn_bytes(w.ctx) == 200'000);
  write("{broken");
  CHECK(limiter.turn_bytes(w.ctx) == 100'000);
  write(R"({"c": {}})");
  CHECK(limiter.turn_bytes(w.ctx) == UINT64_MAX);
  write(R"({"other": {"bandwidth": "1MB/s"}})");
  CHECK(limiter.turn_bytes(w.ctx) == 100'000);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace tutti::cloud::wrap
