// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include <fmt/format.h>

#include "rt/file.h"
#include "rt/scope.h"
#include "xfer/journal.h"
#include "xfer/parts.h"
#include "xfer/pull.h"
#include "xfer/select.h"
#include "xfer/tee.h"
#include "xfer/test_world.h"
#include "xfer/transfer.h"
#include "xfer/verify.h"

#include "base/doctest.h"

namespace tutti::xfer {
namespace {

struct World : TestWorld {
  World() : TestWorld({.bytes_max = 32 << 10, .chunk_bytes = 4 << 10}) {}
  void put(std::string bucket, std::string key, std::string text, cloud::PutOptions options = {}) {
    REQUIRE_OK(try_put(std::move(bucket), std::move(key), std::move(text), std::move(options)));
  }
  Result<Report> copy(std::string from, std::string to,
                      transfer::IfExists if_exists = transfer::IfExists::verify,
                      Verification verify = {}) {
    return loop.run(xfer::run(ctx,
                              {.from = located("a", std::move(from)),
                               .to = {located("b", std::move(to))},
                               .if_exists = if_exists,
                               .verify = verify},
                              pool.executor()));
  }
};

constexpr Fault::Kind refuse = Fault::Kind::refuse;

TEST_CASE("passing troubles are tried again, and the report is that of one try") {
  World w;
  w.put("a", "d/1", std::string(20'000, 'x'));
  const Error trouble{.code = Code::unavailable, .what = "503"};
  w.fault("a", Operation::get, {.kind = Fault::Kind::cut, .error = trouble, .at = 9'000});
  w.fault("b", Operation::put, {.kind = refuse, .error = trouble});
  w.fault("b", Operation::head, {.kind = refuse, .error = trouble});
  const auto report = w.copy("d/", "");
  REQUIRE_OK(report);
  CHECK(report->objects == 1);
  CHECK(report->bytes == 20'000);
  CHECK(report->entries.at(0).proof == Proof::store);
  CHECK(w.text("b", "1") == std::string(20'000, 'x'));
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("a lost reply of a write is looked at again, not written again") {
  World w;
  w.put("a", "1", "one");
  w.fault("b", Operation::put,
          {.kind = Fault::Kind::lose_reply,
           .error = {.code = Code::unavailable, .what = "the connection broke"}});
  const auto report = w.copy("1", "1");
  REQUIRE_OK(report);
  CHECK(w.calls[{"b", Operation::put}] == 1);
  CHECK(report->skipped == 1);
  CHECK(report->entries.at(0).proof == Proof::store);
  w.put("a", "2", "two");
  w.fault("b", Operation::put,
          {.kind = Fault::Kind::lose_reply,
           .error = {.code = Code::unknown_outcome, .what = "no reply"}});
  CHECK(w.copy("2", "2").error().code == Code::unknown_outcome);
}

TEST_CASE("trouble that stays ends the transfer, named, after the tries") {
  World w;
  w.put("a", "d/1", "one");
  w.fault("b", Operation::put,
          {.kind = refuse, .error = {.code = Code::unavailable, .what = "503"}}, 100);
  const auto report = w.copy("d/", "e/");
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().text() == "b://e/1: copying a://d/1 to b://e/1: 503 (after 4 attempts)");
  CHECK(w.calls[{"b", Operation::put}] == 4);
  w.fault("b", Operation::put, {.kind = refuse, .error = {.code = Code::denied, .what = "403"}},
          100);
  CHECK(w.copy("d/", "e/").error().code == Code::denied);
  CHECK(w.calls[{"b", Operation::put}] == 5);
}

TEST_CASE("a source that gives other bytes than it says is never copied") {
  World w;
  w.put("a", "1", std::string(20'000, 'x'));
  for (const uint64_t at : {0, 4'095, 4'096, 19'999}) {
    w.fault("a", Operation::get, {.kind = Fault::Kind::flip, .at = at}, 100);
    const auto report = w.copy("1", "1");
    REQUIRE_FALSE(report.has_value());
    CHECK(report.error().code == Code::corrupt);
    CHECK(report.error().what.find("the source gave bytes with") != std::string::npos);
    CHECK(w.text("b", "1") == "not_found");
  }
  // Once may be the way: it is tried again.
  w.fault("a", Operation::get, {.kind = Fault::Kind::flip, .at = 77});
  REQUIRE_OK(w.copy("1", "1"));
  CHECK(w.text("b", "1") == std::string(20'000, 'x'));
}

TEST_CASE("full verification finds a destination that was damaged") {
  World w;
  w.put("a", "1", std::string(20'000, 'x'));
  w.fault("b", Operation::get, {.kind = Fault::Kind::flip, .at = 777}, 100);
  CHECK(w.copy("1", "1", transfer::IfExists::verify, Verify::full).error().code == Code::corrupt);
  w.faults.clear();
  const auto again = w.copy("1", "1", transfer::IfExists::replace, Verify::full);
  REQUIRE_OK(again);
  CHECK(again->entries.at(0).proof == Proof::end_to_end);
  CHECK(again->entries.at(0).done == Done::replaced);
}

TEST_CASE("where nothing was, nothing is asked for; where objects are, nothing is sent again") {
  World w;
  for (int i = 10; i < 30; ++i) {
    w.put("a", "d/" + std::to_string(i), "text " + std::to_string(i));
  }
  const auto calls = [&w](Operation operation) { return w.calls[{"b", operation}]; };
  REQUIRE_OK(w.copy("d/", "e/", transfer::IfExists::verify));
  CHECK(calls(Operation::head) == 0);
  CHECK(calls(Operation::put) == 20);
  w.calls.clear();
  w.put("a", "d/99", "another");
  const auto again = w.copy("d/", "e/", transfer::IfExists::verify);
  REQUIRE_OK(again);
  CHECK(again->skipped == 20);
  CHECK(calls(Operation::put) == 1);
  CHECK(calls(Operation::get) == 0);
}

TEST_CASE("equal objects are told by their digests or by reading both") {
  World w;
  w.put("a", "1", "one");
  w.put("b", "1", "one");
  const auto known = w.copy("1", "1");
  REQUIRE_OK(known);
  CHECK(known->skipped == 1);
  CHECK(known->entries.at(0).proof == Proof::store);  // by CRC32C and size
  CHECK(w.calls[{"b", Operation::get}] == 0);
  const auto read = w.copy("1", "1", transfer::IfExists::verify, Verify::full);
  REQUIRE_OK(read);
  CHECK(read->skipped == 1);
  CHECK(read->entries.at(0).proof == Proof::end_to_end);
  CHECK(w.calls[{"b", Operation::get}] == 1);
  w.put("b", "1", "eno");
  const auto different = w.copy("1", "1");
  CHECK(different.error().code == Code::conflict);
  CHECK(different.error().what.find("it exists and is different") != std::string::npos);
  // Written with a SHA-256, the destination knows it; so does what is copied on from it.
  const auto with_sha256 = [&w](std::string from, std::string from_key, std::string to,
                                std::string to_key) {
    return w.loop.run(run(w.ctx,
                          {.from = w.located(std::move(from), std::move(from_key)),
                           .to = {w.located(std::move(to), std::move(to_key))},
                           .if_exists = transfer::IfExists::verify,
                           .sha256 = true},
                          w.pool.executor()));
  };
  REQUIRE_OK(with_sha256("a", "1", "b", "2"));
  REQUIRE_OK(with_sha256("b", "2", "a", "2"));
  w.calls.clear();
  const auto back = with_sha256("b", "2", "a", "2");
  REQUIRE_OK(back);
  CHECK(back->skipped == 1);
  CHECK(w.calls[{"a", Operation::get}] == 0);
  CHECK(w.calls[{"b", Operation::get}] == 0);
}

TEST_CASE("the first failure stops the rest, and the same transfer again finishes") {
  World w;
  for (int i = 0; i < 40; ++i) {
    w.put("a", "d/" + std::to_string(100 + i), "text " + std::to_string(i));
  }
  w.put("b", "e/120", "other");
  const auto failed = w.copy("d/", "e/");
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().what.find("a://d/120") != std::string::npos);
  CHECK(w.text("b", "e/139") == "not_found");
  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"e/120"}, {})));
  const auto again = w.copy("d/", "e/");
  REQUIRE_OK(again);
  CHECK(again->objects + again->skipped == 40);
  CHECK(again->skipped >= 10);
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("a service nobody has reached yet is not asked again for each object's tries") {
  World w;
  for (const char* key : {"d/1", "d/2", "d/3"}) {
    w.put("a", key, "text");
  }
  // As the clients of the clouds say it, who have tried by themselves.
  const Error unreached{.code = Code::unavailable, .what = "no connection (after 6 attempts)"};
  w.fault("b", Operation::put, {.kind = refuse, .error = unreached}, 100);
  const auto report = w.copy("d/", "e/");
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().text().ends_with("no connection (after 6 attempts)"));
  CHECK(w.calls[{"b", Operation::put}] <= 3);
}

TEST_CASE("an object that was throttled for all of a client's patience is not tried again") {
  World w;
  w.put("a", "d/1", "text");
  const Error busy{.code = Code::throttled, .what = "slow down (after 40 attempts)"};
  w.fault("b", Operation::put, {.kind = refuse, .error = busy}, 100);
  const auto report = w.copy("d/", "e/");
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == Code::throttled);
  CHECK(w.calls[{"b", Operation::put}] == 1);
}

TEST_CASE("more objects at once where each waits for something far away") {
  World w;
  for (int i = 0; i < 400; ++i) {
    w.put("a", fmt::format("d/{}", i), "text");
  }
  w.fault("a", Operation::get, {.kind = Fault::Kind::cut, .at = 1 << 20, .delay = milliseconds(20)},
          1000);
  Request request{.from = w.located("a", "d/"),
                  .to = {w.located("b", "e/")},
                  .objects_parallel = {.least = 2, .most = 16, .window = milliseconds(100)}};
  const auto report = w.loop.run(run(w.ctx, request, w.pool.executor()));
  REQUIRE_OK(report);
  CHECK(report->objects == 400);
  CHECK(report->objects_at_once > 2);
  CHECK(report->parts_at_once == 8);
  // What each destination of an object takes counts.
  request.to = {w.located("b", "f/"), w.located("b", "g/")};
  request.objects_parallel.most = 2;
  CHECK(w.loop.run(run(w.ctx, request, w.pool.executor()))->objects_at_once == 1);
}

TEST_CASE("renamed objects have other names below the destination") {
  World w;
  for (const char* key : {"d/old-1.csv", "d/x/old-2.csv", "d/plain"}) {
    w.put("a", key, key);
  }
  Request request{.from = w.located("a", "d/"),
                  .to = {w.located("b", "e/"), w.located("b", "f/")},
                  .renames = transfer::parse_renames({"s/old-//", "s|/|-|g"}).value()};
  const Preview would = w.loop.run(preview(w.ctx, request)).value();
  CHECK(would.plan.objects == 6);
  CHECK(would.plan.conflicts == 0);
  const auto report = w.loop.run(run(w.ctx, request, w.pool.executor()));
  REQUIRE_OK(report);
  CHECK(report->objects == 6);
  for (const std::string folder : {"e/", "f/"}) {
    CHECK(w.text("b", folder + "1.csv") == "d/old-1.csv");
    CHECK(w.text("b", folder + "x-2.csv") == "d/x/old-2.csv");
    CHECK(w.text("b", folder + "plain") == "d/plain");
  }
  // The one object, below a prefix; with what is done to its bytes.
  request = {.from = w.located("a", "d/old-1.csv"),
             .to = {w.located("b", "g/")},
             .stages = {stage::parse_compress("zstd").value()},
             .renames = transfer::parse_renames({"s/old/new/"}).value()};
  REQUIRE_OK(w.loop.run(run(w.ctx, request, w.pool.executor())));
  CHECK(w.text("b", "g/new-1.csv.zst") != "");
  request.to = {w.located("b", "one")};
  CHECK(w.loop.run(run(w.ctx, request, w.pool.executor())).error().code == Code::bad_input);
}

TEST_CASE("renamed to one name, or to none, they fail, and the others go on") {
  World w;
  for (const char* key : {"d/a/1", "d/b/1", "d/b/2", "d/c/1", "d/gone"}) {
    w.put("a", key, key);
  }
  const Request request{.from = w.located("a", "d/"),
                        .to = {w.located("b", "e/")},
                        .order = {.by = transfer::By::newest},
                        .if_exists = transfer::IfExists::replace,
                        .renames = transfer::parse_renames({"s|.*/||", "s/gone//"}).value(),
                        .failures_max = 10};
  const Preview would = w.loop.run(preview(w.ctx, request)).value();
  CHECK(would.plan.objects == 2);
  CHECK(would.plan.conflicts == 3);
  const auto report = w.loop.run(run(w.ctx, request, w.pool.executor()));
  REQUIRE_OK(report);
  CHECK(report->objects == 2);
  CHECK(report->failed == 3);
  const auto failures = [&](std::string_view why) {
    return std::ranges::count_if(report->entries, [&](const Entry& each) {
      return each.done == Done::failed && each.error->what.contains(why);
    });
  };
  CHECK(failures("another object has the same name there") == 2);
  CHECK(failures("nothing is left of the name 'gone'") == 1);
  CHECK(w.text("b", "e/2") == "d/b/2");
}

TEST_CASE("objects that fail are listed, and the others go on") {
  World w;
  for (int i = 0; i < 40; ++i) {
    w.put("a", "d/" + std::to_string(100 + i), "text");
  }
  w.put("b", "e/120", "other");
  w.put("b", "e/130", "other");
  const auto copy = [&](uint64_t failures_max, transfer::Filter filter = {}) {
    return w.loop.run(run(w.ctx,
                          {.from = w.located("a", "d/"),
                           .to = {w.located("b", "e/")},
                           .filter = std::move(filter),
                           .if_exists = transfer::IfExists::verify,
                           .failures_max = failures_max},
                          w.pool.executor()));
  };
  const auto report = copy(2);
  REQUIRE_OK(report);
  CHECK(report->failed == 2);
  CHECK(report->objects == 38);
  const std::string manifest = to_text(report->entries);
  const std::vector<std::string> failed{"a://d/120", "a://d/130"};
  CHECK(parse_failed(manifest).value() == failed);
  Claims claims(std::make_unique<std::istringstream>(manifest + "\n\n{}\n"));
  int not_copied = 0;
  for (int i = 0; i < 40; ++i) {
    not_copied += claims.next().value()->failed ? 1 : 0;
  }
  CHECK(not_copied == 2);
  CHECK(claims.next().error().where == "line 43");
  CHECK_FALSE(claims.next().value().has_value());
  CHECK(copy(1).error().code == Code::conflict);  // more than allowed

  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"e/120"}, {})));
  const auto rest = copy(5, {.only = {{"120", "130"}}});
  REQUIRE_OK(rest);
  CHECK(rest->objects == 1);
  CHECK(rest->failed == 1);
  // Names that are not there have failed; those that other filters leave out have not.
  const auto some = copy(5, {.larger_than = 1, .only = {{"100", "none", "101"}}});
  REQUIRE_OK(some);
  CHECK(some->skipped == 2);
  CHECK(some->failed == 1);
  CHECK(some->entries.back().from.address == "a://d/none");
  CHECK(some->entries.back().error->code == Code::not_found);
  const auto filtered = copy(5, {.smaller_than = 1, .only = {{"100", "none", "101"}}});
  REQUIRE_FALSE(filtered.has_value());
  CHECK(filtered.error().what.contains("d/none"));
  CHECK(copy(0, {.only = {{"100", "none"}}}).error().code == Code::not_found);
  // Nothing succeeds: the failure is the result, with both addresses.
  const auto none = copy(5, {.only = {{"130"}}});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().what.starts_with("copying a://d/130 to b://e/130: "));
}

TEST_CASE("two writers of one object: one wins and the other says so") {
  World w;
  w.put("a", "1", "mine");
  // Between the look and the write somebody else writes the object.
  w.fault("a", Operation::get,
          {.kind = Fault::Kind::cut, .at = UINT64_MAX, .delay = milliseconds(20)});
  auto both = [](rt::Scope& scope, World& world, Result<Report>* report) -> Task<Unit> {
    auto intruder = [](rt::Context& ctx, World& inner) -> Task<Unit> {
      CO_OK(co_await rt::delay(ctx, milliseconds(5)));
      CO_OK(co_await inner.inner_b->put(ctx, {"1"}, cloud::body_of(inner.buffers, "theirs"), {}));
      co_return Unit{};
    };
    CO_OK(co_await scope.spawn(intruder(scope.context(), world)));
    *report = co_await run(scope.context(),
                           {.from = world.located("a", "1"), .to = {world.located("b", "1")}},
                           world.pool.executor());
    co_return Unit{};
  };
  Result<Report> report;
  REQUIRE_OK(w.loop.run(rt::scoped(w.ctx, {}, both, std::ref(w), &report)));
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == Code::conflict);
  CHECK(w.text("b", "1") == "theirs");
}

TEST_CASE("a large object goes on where an earlier try stopped") {
  World w;
  const JournalFolder journal;
  const std::string text(whole_bytes_max * 2 + 12'345, 'x');  // three parts
  w.put("a", "big", text);
  const auto copy = [&] {
    return w.loop.run(run(w.ctx,
                          {.from = w.located("a", "big"),
                           .to = {w.located("b", "big")},
                           .if_exists = transfer::IfExists::verify,
                           .journal = journal.path},
                          w.pool.executor()));
  };
  const Error trouble{.code = Code::unavailable, .what = "503"};
  const Error stopped{.code = Code::cancelled, .what = "stopped"};
  const Error refused{.code = Code::denied, .what = "no"};

  // Within one run: only what is missing is sent by the next try.
  w.fault("b", Operation::commit, {.kind = refuse, .error = trouble});
  REQUIRE_OK(copy());
  CHECK(w.calls[{"b", Operation::part}] == 3);
  CHECK((w.text("b", "big") == text));
  CHECK(journal.files() == 0);

  // In the next run: the parts that were there are not sent again, and count as progress.
  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"big"}, {})));
  w.calls.clear();
  w.fault("b", Operation::commit, {.kind = refuse, .error = stopped});
  CHECK(copy().error().code == Code::cancelled);
  CHECK(journal.files() == 1);
  const auto second = copy();
  REQUIRE_OK(second);
  CHECK(second->bytes == text.size());
  CHECK(second->entries.at(0).sent_bytes == 0);  // all of it was there
  CHECK(w.calls[{"b", Operation::part}] == 3);
  CHECK((w.text("b", "big") == text));
  CHECK(journal.files() == 0);

  // The source has other bytes by then: nothing of the old ones is used.
  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"big"}, {})));
  w.fault("b", Operation::commit, {.kind = refuse, .error = stopped});
  CHECK(copy().error().code == Code::cancelled);
  const std::string other(text.size(), 'y');
  w.put("a", "big", other);
  w.calls.clear();
  REQUIRE_OK(copy());
  CHECK(w.calls[{"b", Operation::part}] == 3);
  CHECK((w.text("b", "big") == other));

  // What failed for good is taken back.
  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"big"}, {})));
  w.fault("b", Operation::commit, {.kind = refuse, .error = refused});
  CHECK(copy().error().code == Code::denied);
  CHECK(journal.files() == 0);
  w.fault("b", Operation::begin_upload, {.kind = refuse, .error = refused});
  CHECK(copy().error().code == Code::denied);
  CHECK(journal.files() == 0);
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("objects travel in the order that was asked for") {
  World w;
  for (const auto& [key, size] : std::map<std::string, size_t>{
           {"d/a", 30}, {"d/b.idx", 10}, {"d/c", 20}, {"d/d.idx", 40}, {"d/e", 20}}) {
    w.put("a", key, std::string(size, 'x'));
  }
  const auto order_of = [&](transfer::Order order) {
    std::string names;
    const auto report = w.loop.run(run(w.ctx,
                                       {.from = w.located("a", "d/"),
                                        .to = {w.located("b", "")},
                                        .order = std::move(order),
                                        .if_exists = transfer::IfExists::replace,
                                        .objects_parallel = {.least = 1, .most = 1}},
                                       w.pool.executor()));
    REQUIRE_OK(report);
    for (const Entry& each : report->entries) {
      names += each.to.ref.key.substr(0, 1);
    }
    return names;
  };
  const auto first = transfer::parse_patterns({"e", "*.idx"}).value();
  CHECK(order_of({}) == "abcde");
  CHECK(order_of({.by = transfer::By::smallest}) == "bcead");
  CHECK(order_of({.by = transfer::By::largest}) == "daceb");
  CHECK(order_of({.first = first}) == "ebdac");
  CHECK(order_of({.first = first, .by = transfer::By::largest}) == "edbac");
}

TEST_CASE("a sample is read back, the others are left to the store's word") {
  CHECK(parse_verify("sample:0.5%").value().sample == 50);
  for (const std::string_view bad :
       {"sample", "sample:", "sample:%", "sample:0%", "sample:101%", "sample:5", "fulll", ""}) {
    CHECK_FALSE(parse_verify(bad).has_value());
  }
  World w;
  for (int i = 0; i < 400; ++i) {
    w.put("a", fmt::format("d/{}", i), "x");
  }
  const auto report =
      w.copy("d/", "", transfer::IfExists::fail, parse_verify("sample:25%").value());
  REQUIRE_OK(report);
  const uint64_t read_back = report->proofs[static_cast<size_t>(Proof::end_to_end)];
  CHECK(read_back > 50);
  CHECK(read_back < 150);
  CHECK(w.calls[{"b", Operation::get}] == static_cast<int>(read_back));
  // The same versions again: the same sample.
  w.calls.clear();
  const auto again =
      w.copy("d/", "", transfer::IfExists::verify, parse_verify("sample:25%").value());
  REQUIRE_OK(again);
  CHECK(w.calls[{"b", Operation::get}] == static_cast<int>(read_back));
}

Result<Report> copy_to_two(World& w, std::string from, uint64_t failures_max = 0) {
  return w.loop.run(run(w.ctx,
                        {.from = w.located("a", std::move(from)),
                         .to = {w.located("b", "x"), w.located("b", "y")},
                         .failures_max = failures_max},
                        w.pool.executor()));
}

TEST_CASE("the source is read once for all destinations") {
  World w;
  const std::string large(whole_bytes_max * 2 + 12'345, 'l');  // three parts
  for (const auto& [text, reads] : {std::pair(std::string(20'000, 's'), 1), {large, 3}}) {
    w.put("a", "1", text);
    w.calls.clear();
    const auto report = copy_to_two(w, "1");
    REQUIRE_OK(report);
    CHECK(report->objects == 2);
    CHECK(report->bytes == 2 * text.size());
    CHECK(w.calls[{"a", Operation::get}] == reads);
    CHECK((w.text("b", "x") == text));
    CHECK((w.text("b", "y") == text));
    REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"x"}, {})));
    REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"y"}, {})));
  }
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("a destination that fails does not stop the other one") {
  World w;
  const Error refused{.code = Code::denied, .what = "no"};
  const Error trouble{.code = Code::unavailable, .what = "503"};
  const std::string large(whole_bytes_max + 1, 'l');
  w.put("a", "small", std::string(20'000, 's'));
  w.put("a", "large", large);

  w.fault("b", Operation::put, {.kind = refuse, .error = refused});
  const auto small = copy_to_two(w, "small", 1);
  REQUIRE_OK(small);
  CHECK(small->failed == 1);
  CHECK(small->objects == 1);

  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"x"}, {})));
  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"y"}, {})));
  w.fault("b", Operation::part, {.kind = refuse, .error = refused});
  const auto failed = copy_to_two(w, "large", 1);
  REQUIRE_OK(failed);
  CHECK(failed->failed == 1);
  CHECK(failed->objects == 1);

  // Passing trouble of one is tried again, the other one keeps what it has.
  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"x"}, {})));
  REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"y"}, {})));
  w.fault("b", Operation::commit, {.kind = refuse, .error = trouble});
  w.calls.clear();
  const auto again = copy_to_two(w, "large");
  REQUIRE_OK(again);
  CHECK(again->objects == 2);
  CHECK(again->bytes == 2 * large.size());
  CHECK(w.calls[{"b", Operation::part}] == 6);  // two for each, and two for the second try
  CHECK((w.text("b", "x") == large));
  CHECK((w.text("b", "y") == large));

  // There already: the ordinary way says so.
  CHECK(copy_to_two(w, "small").error().code == Code::conflict);
  CHECK(w.buffers.in_use() == 0);
}

Task<std::string> read_body(rt::Context& ctx, cloud::Body body) {
  CO_TRY(const auto source, co_await body.open(ctx, 0));
  co_return co_await cloud::read_all(ctx, *source, 1U << 20U);
}

Task<Unit> read_two(rt::Scope& scope, std::vector<cloud::Body>& bodies,
                    std::vector<std::string>& read) {
  const auto into = [](rt::Context& ctx, cloud::Body body, std::string& out) -> Task<Unit> {
    CO_TRY(out, co_await read_body(ctx, std::move(body)));
    co_return Unit{};
  };
  CO_OK(co_await scope.spawn(into(scope.context(), bodies[0], read[0])));
  CO_OK(co_await scope.spawn(into(scope.context(), bodies[1], read[1])));
  co_return Unit{};
}

TEST_CASE("who does not keep up reads for itself") {
  World w;
  const std::string text(50'000, 't');
  int opened = 0;
  cloud::Body inner = cloud::body_of(w.buffers, text);
  inner.open = [&opened, open = inner.open](rt::Context& ctx, uint64_t offset) {
    ++opened;
    return open(ctx, offset);
  };
  {
    std::vector<cloud::Body> bodies = tee(inner, 3, milliseconds(20));  // the third never reads
    std::vector<std::string> read(2);
    REQUIRE_OK(w.loop.run(rt::scoped(w.ctx, {}, read_two, std::ref(bodies), std::ref(read))));
    CHECK(read[0] == text);
    CHECK(read[1] == text);
    CHECK(opened == 1);
    const auto late = w.loop.run(read_body(w.ctx, bodies[2]));
    REQUIRE_OK(late);
    CHECK(*late == text);
    CHECK(opened == 2);
  }
  {
    // Who goes away does not hold up the others either.
    std::vector<cloud::Body> bodies = tee(inner, 2, hours(1));
    bodies.pop_back();
    const auto rest = w.loop.run(read_body(w.ctx, bodies[0]));
    REQUIRE_OK(rest);
    CHECK(*rest == text);
    // A second opening is a reading of its own, from wherever it begins.
    const auto again = w.loop.run(read_body(w.ctx, bodies[0]));
    REQUIRE_OK(again);
    CHECK(*again == text);
    CHECK(opened == 4);
  }
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("a journal is read as far as it is whole") {
  const JournalFolder folder;
  const Underway underway{
      .source = "a 1",
      .upload = "id \" \n",
      .part_bytes = 5,
      .nonces = Nonces{.at = {1'700'000'000'000'000}, .numbers = {1, UINT64_MAX, 0}},
      .parts = {{.number = 1, .bytes = 5, .crc32c = digest_of(DigestKind::crc32c, "1")},
                {.number = 7,
                 .bytes = 2,
                 .crc32c = digest_of(DigestKind::crc32c, "7"),
                 .receipt = "etag"}}};
  auto file = JournalFile::open(folder.path, "b");
  REQUIRE_OK(file);
  CHECK_FALSE((*file)->found().has_value());
  REQUIRE_OK((*file)->begin(underway));
  const auto other = JournalFile::open(folder.path, "b");
  REQUIRE_OK(other);
  CHECK(*other == nullptr);  // one process at a time
  const auto path = std::filesystem::directory_iterator(folder.path)->path();
  const std::string text = rt::read_file(path).value();
  CHECK(parse_underway(text) == underway);
  for (size_t n = 0; n < text.size(); ++n) {  // killed while it was written
    const auto part = parse_underway(text.substr(0, n));
    CHECK((!part || part->parts.size() < 2));
  }
  for (const std::string_view broken :
       {"", "\n", "{}\n", "[]\n", "{\"format\":\"tutti.transfer/1\"}\n", "\xff\xfe\n",
        "{\"format\":\"tutti.transfer/2\",\"upload\":\"1\",\"part_bytes\":5}\n"}) {
    CHECK_FALSE(parse_underway(broken).has_value());
  }
  file->reset();
  auto again = JournalFile::open(folder.path, "b");
  REQUIRE_OK(again);
  CHECK((*again)->found() == underway);
  (*again)->remove();
  again->reset();
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("a large object goes in parts, proven as a whole, or not at all") {
  World w;
  std::string text(whole_bytes_max * 2 + 12'345, 'x');
  for (size_t i = 0; i < text.size(); i += 997) {
    text[i] = static_cast<char>('a' + i % 23);
  }
  w.put("a", "big", text);
  const Error trouble{.code = Code::unavailable, .what = "503"};
  const auto report = w.copy("big", "big");
  REQUIRE_OK(report);
  CHECK(report->bytes == text.size());
  CHECK(report->entries.at(0).proof == Proof::store);
  CHECK(report->entries.at(0).digests == std::vector{digest_of(DigestKind::crc32c, text)});
  CHECK(w.calls[{"b", Operation::part}] == 3);
  CHECK((w.text("b", "big") == text));
  CHECK(content_digest(report->entries) == content_digest(w.copy("big", "big")->entries));

  const std::vector<std::tuple<std::string, Operation, Fault>> passing{
      {"b", Operation::part, {.kind = refuse, .error = trouble}},
      {"b", Operation::commit, {.kind = refuse, .error = trouble}},
      {"a", Operation::get, {.kind = Fault::Kind::cut, .error = trouble, .at = 99}}};
  for (const auto& [bucket, operation, fault] : passing) {
    w.fault(bucket, operation, fault);
    REQUIRE_OK(w.copy("big", "again"));
    CHECK((w.text("b", "again") == text));
    REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"again"}, {})));
    CHECK(w.buffers.in_use() == 0);
  }
  w.fault("a", Operation::get, {.kind = Fault::Kind::flip, .at = 77}, 1000);
  CHECK(w.copy("big", "again").error().code == Code::corrupt);
  CHECK(w.text("b", "again") == "not_found");
  w.faults.clear();
  const auto full = w.copy("big", "full", transfer::IfExists::fail, Verify::full);
  REQUIRE_OK(full);
  CHECK(full->entries.at(0).proof == Proof::end_to_end);
}

TEST_CASE("what an object says of itself travels with its bytes, tags where they are asked for") {
  World w;
  const cloud::PutOptions said{.content_type = "text/csv",
                               .headers = {.encoding = "gzip", .cache_control = "no-cache"},
                               .metadata = {{"owner", "ana"}, {"my_key", "1"}},
                               .tags = {{"team", "data"}}};
  w.put("a", "d/small", "one", said);
  w.put("a", "d/large", std::string((16U << 20U) + 1, 'x'), said);
  for (const bool tags : {false, true}) {
    const auto report = w.loop.run(run(w.ctx,
                                       {.from = w.located("a", "d/"),
                                        .to = {w.located("b", tags ? "tagged/" : "plain/")},
                                        .tags = tags},
                                       w.pool.executor()));
    REQUIRE_OK(report);
    CHECK(report->losses.objects == 0);
    for (const std::string name : {"small", "large"}) {
      const cloud::Key key{(tags ? "tagged/" : "plain/") + name};
      const auto meta = w.loop.run(w.inner_b->head(w.ctx, key));
      REQUIRE_OK(meta);
      CHECK(meta->content_type == said.content_type);
      CHECK(meta->headers == said.headers);
      CHECK(meta->metadata == said.metadata);
      CHECK(w.loop.run(w.inner_b->tags(w.ctx, key)).value() == (tags ? said.tags : cloud::Tags{}));
    }
  }
}

TEST_CASE("metadata that does not fit is reported, and the object is copied") {
  World w;
  w.put("a", "d/1", "one", {.metadata = {{"big", std::string(2000, 'x')}, {"owner", "ana"}}});
  w.put("a", "d/2", "two", {.metadata = {{"owner", "eva"}}});
  const auto report = w.loop.run(run(
      w.ctx,
      {.from = w.located("a", "d/"), .to = {w.located("b", "")}, .origin = std::string(60, 'o')},
      w.pool.executor()));
  REQUIRE_OK(report);
  CHECK(report->objects == 2);
  CHECK(report->losses.objects == 1);
  CHECK(report->losses.names == std::set<std::string>{"big"});
  const auto meta = w.loop.run(w.inner_b->head(w.ctx, {"1"}));
  REQUIRE_OK(meta);
  CHECK(meta->metadata ==
        cloud::Metadata{{"owner", "ana"}, {"tutti-origin", std::string(60, 'o')}});
  for (const Entry& each : report->entries) {
    const bool lost = each.to.address == "b://1";
    CHECK(each.lost ==
          (lost ? std::vector<std::string>{"metadata.big"} : std::vector<std::string>{}));
    CHECK(to_line(each).contains(R"("lost":["metadata.big"])") == lost);
  }
}

TEST_CASE("an entry says what it took: attempts, bytes sent and read back, and when") {
  World w;
  w.put("a", "1", std::string(20'000, 'x'));
  const Instant before = w.clock->wall();
  const Error trouble{.code = Code::unavailable, .what = "503"};
  w.fault("a", Operation::get, {.kind = Fault::Kind::cut, .error = trouble, .at = 9'000});
  const auto report = w.copy("1", "1");
  REQUIRE_OK(report);
  const Entry& entry = report->entries.at(0);
  CHECK(entry.attempts == 2);
  CHECK(entry.sent_bytes > 20'000);
  CHECK(entry.sent_bytes <= 29'000);
  CHECK(entry.read_back_bytes == 0);
  CHECK(entry.route == Route::through);
  CHECK(entry.began >= before);
  CHECK(entry.at >= entry.began);
  const Value value = to_value(entry);
  CHECK(value["attempts"] == Value(2));
  CHECK(value["route"] == Value("through"));
  CHECK(value["began"] == Value(to_text(entry.began)));

  const auto skipped = w.copy("1", "1");
  REQUIRE_OK(skipped);
  CHECK(skipped->entries.at(0).attempts == 1);
  CHECK(skipped->entries.at(0).sent_bytes == 0);
  CHECK(skipped->entries.at(0).route == Route::none);
  const auto compared = w.copy("1", "1", transfer::IfExists::verify, Verify::full);
  REQUIRE_OK(compared);
  CHECK(compared->entries.at(0).read_back_bytes == 20'000);
  const auto proven = w.copy("1", "1", transfer::IfExists::replace, Verify::full);
  REQUIRE_OK(proven);
  CHECK(proven->entries.at(0).sent_bytes == 20'000);
  CHECK(proven->entries.at(0).read_back_bytes == 20'000);

  w.put("a", "d/1", "one");
  w.put("a", "d/2", "two");
  w.put("b", "d/1", "eno");
  const auto partly = w.loop.run(run(w.ctx,
                                     {.from = w.located("a", "d/"),
                                      .to = {w.located("b", "d/")},
                                      .if_exists = transfer::IfExists::verify,
                                      .failures_max = 9},
                                     w.pool.executor()));
  REQUIRE_OK(partly);
  for (const Entry& each : partly->entries) {
    CHECK(each.attempts == 1);
    CHECK(each.sent_bytes == (each.done == Done::failed ? 0 : 3));
  }
}

TEST_CASE("a manifest is sorted lines, and equal content has an equal digest") {
  const auto entry = [](std::string name, Done done, Instant at) {
    return Entry{.from = {.address = "a://" + name, .ref = {.key = name}},
                 .to = {.address = "b://" + name, .ref = {.key = name}},
                 .bytes = 3,
                 .digests = {sha256(name)},
                 .proof = Proof::store,
                 .done = done,
                 .at = at};
  };
  const std::vector<Entry> first{entry("2", Done::written, {5}), entry("1", Done::written, {6})};
  const std::vector<Entry> again{entry("1", Done::skipped, {7}), entry("2", Done::skipped, {8})};
  CHECK(content_digest(first) == content_digest(again));
  CHECK(content_digest(first) != content_digest({first[0]}));
  const std::string text = to_text(first);
  CHECK(text.find("b://1") < text.find("b://2"));
  const auto line = parse_json(text.substr(0, text.find('\n')));
  REQUIRE_OK(line);
  CHECK((*line)["format"] == Value("tutti.manifest/1"));
  CHECK((*line)["digests"]["sha256"] == Value(hex(sha256("1"))));
}

TEST_CASE("only what others can reach is a public URL") {
  for (const char* url : {"https://bucket.s3.amazonaws.com/k?X-Amz-Signature=1",
                          "https://storage.googleapis.com:443/b/k", "https://8.8.8.8/b",
                          "https://172.32.0.1/", "https://[2001:db8::1]/b"}) {
    CHECK_MESSAGE(is_public_url(url), url);
  }
  for (const char* url :
       {"http://bucket.s3.amazonaws.com/k", "https://127.0.0.1:9000/b", "https://localhost/b",
        "https://minio/b", "https://minio.local/b", "https://s3.prod.INTERNAL/b",
        "https://10.1.2.3/b", "https://172.16.0.1/", "https://192.168.1.1:9000/b",
        "https://169.254.169.254/", "https://100.64.0.1/", "https://[::1]/b", "https://[fe80::1]/b",
        "https://[fd00::1]:9000/b", "https://", "", "ftp://a.b/c"}) {
    CHECK_MESSAGE(!is_public_url(url), url);
  }
  CHECK(parse_pull("auto").value() == Pull::automatic);
  CHECK(parse_pull("never").value() == Pull::never);
  CHECK(parse_pull("perhaps").error().code == Code::bad_input);
}

TEST_CASE("ls shows what is directly below, cat streams") {
  World w;
  w.put("a", "d/1", "one");
  w.put("a", "d/e/2", "two");
  w.put("a", "x", "x");
  std::string seen;
  cloud::Listing listing = list_below(w.located("a", "d/"), {});
  while (true) {
    auto next = w.loop.run(listing.next(w.ctx));
    REQUIRE_OK(next);
    if (!*next) {
      break;
    }
    seen += (*next)->key.text + " ";
  }
  CHECK(seen == "d/1 d/e/ ");
  std::string text;
  const auto sink = [&](std::string_view bytes) {
    text += bytes;
    return Result<Unit>(Unit{});
  };
  REQUIRE_OK(w.loop.run(read_to(w.ctx, w.located("a", "d/e/2"), std::nullopt, sink)));
  CHECK(text == "two");
  const auto stop = [](std::string_view) {
    return Result<Unit>(fail(Code::cancelled, "the pipe is closed"));
  };
  CHECK(w.loop.run(read_to(w.ctx, w.located("a", "x"), std::nullopt, stop)).error().code ==
        Code::cancelled);
  CHECK(w.loop.run(read_to(w.ctx, w.located("a", "none"), std::nullopt, sink)).error().code ==
        Code::not_found);
}

}  // namespace
}  // namespace tutti::xfer
