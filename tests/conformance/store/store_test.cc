// SPDX-License-Identifier: Apache-2.0
// What every store promises (src/store/store.h), run on each implementation.
#include <fmt/format.h>

#include "tests/conformance/store/fixtures.h"

#include "base/doctest.h"

namespace tutti::store {
namespace {

bool same(const RunRow& a, const RunRow& b) {
  const auto fields = [](const RunRow& r) {
    return std::tie(r.run, r.run_no, r.workflow, r.profile, r.version, r.logical_date,
                    r.interval_start, r.interval_end, r.state, r.reason, r.live, r.attention,
                    r.created, r.started, r.ended, r.tasks, r.succeeded, r.failed, r.skipped);
  };
  return fields(a) == fields(b);
}

std::vector<int64_t> numbers(const std::vector<RunRow>& rows) {
  std::vector<int64_t> out;
  for (const RunRow& row : rows) {
    out.push_back(row.run_no);
  }
  return out;
}

using Numbers = std::vector<int64_t>;

#define STORES MemoryFixture, SqliteFixture

TEST_CASE_TEMPLATE("a claim sees what was committed, by run and page number", F, STORES) {
  F f;
  auto store = f.open();
  const Claimed first = f.wait(store->claim(f.ctx, {})).value();
  CHECK(first.epoch == 1);
  CHECK(first.last_run_no == 0);
  CHECK(first.live.empty());

  RunRow ended = run_row(1);
  ended.live = false;
  ended.state = "success";
  ended.reason = "code";
  ended.interval_start = Instant{1};
  ended.interval_end = Instant{2};
  ended.started = Instant{5};
  ended.ended = Instant{-6};
  ended.succeeded = 1;
  ended.failed = 2;
  ended.skipped = 3;
  const std::string bytes("\0\x01zero\xff", 7);
  REQUIRE_OK(f.wait(store->commit(f.ctx, {.epoch = 1,
                                          .pages = {{run_id(2), 70'000, "later"},
                                                    {run_id(2), 0, bytes},
                                                    {run_id(1), 0, "old"},
                                                    {run_id(3), 5, std::string(9000, 'p')}},
                                          .runs = {run_row(3), run_row(2), ended}})));
  REQUIRE_OK(f.wait(store->close(f.ctx)));

  store = f.open();
  const Claimed again = f.wait(store->claim(f.ctx, {})).value();
  CHECK(again.epoch == 2);
  CHECK(again.last_run_no == 3);
  REQUIRE(again.live.size() == 2);
  CHECK(same(again.live[0].row, run_row(2)));
  CHECK(same(again.live[1].row, run_row(3)));
  REQUIRE(again.live[0].pages.size() == 2);
  CHECK(again.live[0].pages[0].number == 0);
  CHECK(again.live[0].pages[0].bytes == bytes);
  CHECK(again.live[0].pages[1].number == 70'000);
  CHECK(again.live[0].pages[1].bytes == "later");
  CHECK(again.live[1].pages.at(0).bytes == std::string(9000, 'p'));

  const RunImage image = f.wait(store->load_run(f.ctx, run_id(1))).value();
  CHECK(same(image.row, ended));
  CHECK(image.pages.at(0).bytes == "old");
  CHECK(f.wait(store->load_run(f.ctx, run_id(9))).error().code == Code::not_found);
}

TEST_CASE_TEMPLATE("empty bytes delete a page, later ones replace it", F, STORES) {
  F f;
  auto store = f.open();
  REQUIRE_OK(f.wait(store->claim(f.ctx, {})));
  REQUIRE_OK(f.wait(store->commit(
      f.ctx, {.epoch = 1,
              .pages = {{run_id(1), 0, "a"}, {run_id(1), 1, "b"}, {run_id(1), 2, "c"}},
              .runs = {run_row(1)}})));
  REQUIRE_OK(f.wait(store->commit(
      f.ctx,
      {.epoch = 1, .pages = {{run_id(1), 1, ""}, {run_id(1), 2, "d"}, {run_id(1), 7, ""}}})));
  const RunImage image = f.wait(store->load_run(f.ctx, run_id(1))).value();
  REQUIRE(image.pages.size() == 2);
  CHECK(image.pages[0].bytes == "a");
  CHECK(image.pages[1].number == 2);
  CHECK(image.pages[1].bytes == "d");
}

TEST_CASE_TEMPLATE("an older epoch is refused and writes nothing", F, STORES) {
  F f;
  auto old_owner = f.open();
  REQUIRE_OK(f.wait(old_owner->claim(f.ctx, {})));
  REQUIRE_OK(f.wait(old_owner->commit(f.ctx, {.epoch = 1, .runs = {run_row(1)}})));
  auto new_owner = f.open();
  REQUIRE(f.wait(new_owner->claim(f.ctx, {})).value().epoch == 2);

  const auto refused = f.wait(old_owner->commit(f.ctx, {.epoch = 1, .runs = {run_row(2)}}));
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == Code::conflict);
  CHECK(!refused.error().remedy.empty());
  CHECK(f.wait(new_owner->commit(f.ctx, {.epoch = 3, .runs = {run_row(3)}})).error().code ==
        Code::conflict);
  REQUIRE_OK(f.wait(new_owner->commit(f.ctx, {.epoch = 2, .runs = {run_row(4)}})));
  CHECK(numbers(f.wait(new_owner->runs(f.ctx, {})).value()) == Numbers{4, 1});
  // Reading again after a failed commit takes nothing back from a newer owner.
  CHECK(f.wait(old_owner->claim(f.ctx, Epoch{1})).error().code == Code::conflict);
  CHECK(f.wait(new_owner->claim(f.ctx, Epoch{2})).value().epoch == 3);
  CHECK(f.wait(new_owner->commit(f.ctx, {.epoch = 2, .runs = {run_row(5)}})).error().code ==
        Code::conflict);
}

TEST_CASE_TEMPLATE("a commit is all or nothing", F, STORES) {
  F f;
  auto store = f.open();
  REQUIRE_OK(f.wait(store->claim(f.ctx, {})));
  REQUIRE_OK(f.wait(
      store->commit(f.ctx, {.epoch = 1, .pages = {{run_id(1), 0, "old"}}, .runs = {run_row(1)}})));
  RunRow changed = run_row(1);
  changed.state = "failed";
  const Commit bad[] = {
      {.epoch = 1,
       .pages = {{run_id(1), 0, "new"}, {run_id(9), 0, "of nobody"}},
       .runs = {changed}},
      {.epoch = 1,
       .pages = {{run_id(1), 0, "new"}},
       .runs = {changed,
                [] {
                  RunRow row = run_row(8);
                  row.run_no = 1;
                  return row;
                }()}},
      {.epoch = 1, .runs = {changed}, .attempts = {{.run = run_id(9)}}},
      {.epoch = 1, .runs = {changed}, .outputs = {{.key = {.run = run_id(9)}}}},
      {.epoch = 1, .pages = {{run_id(1), 0, "new"}}, .runs = {[] {
                                                       RunRow row = run_row(1);
                                                       row.run_no = 44;
                                                       return row;
                                                     }()}},
  };
  for (const Commit& commit : bad) {
    const auto refused = f.wait(store->commit(f.ctx, commit));
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == Code::internal);
  }
  const RunImage image = f.wait(store->load_run(f.ctx, run_id(1))).value();
  CHECK(image.row.state == "running");
  CHECK(image.pages.at(0).bytes == "old");
  CHECK(f.wait(store->runs(f.ctx, {})).value().size() == 1);
  // and the store goes on
  REQUIRE_OK(f.wait(store->commit(f.ctx, {.epoch = 1, .runs = {run_row(8)}})));
}

TEST_CASE_TEMPLATE("a row is replaced by its key; the run's number stays", F, STORES) {
  F f;
  auto store = f.open();
  REQUIRE_OK(f.wait(store->claim(f.ctx, {})));
  RunRow row = run_row(1);
  REQUIRE_OK(f.wait(store->commit(f.ctx, {.epoch = 1,
                                          .runs = {row},
                                          .attempts = {{.run = row.run,
                                                        .task = {2},
                                                        .attempt = 1,
                                                        .task_name = "c",
                                                        .state = "failed",
                                                        .reason = "code",
                                                        .started = {1},
                                                        .ended = {2},
                                                        .error = "{\"what\":\"no\"}"}}})));
  row.state = "success";
  row.live = false;
  row.attention = true;
  REQUIRE_OK(f.wait(store->commit(f.ctx, {.epoch = 1,
                                          .runs = {row},
                                          .attempts = {{.run = row.run,
                                                        .task = {2},
                                                        .attempt = 1,
                                                        .task_name = "c",
                                                        .state = "success",
                                                        .started = {1},
                                                        .ended = {3}}}})));
  CHECK(same(f.wait(store->runs(f.ctx, {.run = row.run})).value().at(0), row));
  const auto attempts = f.wait(store->attempts(f.ctx, row.run)).value();
  REQUIRE(attempts.size() == 1);
  CHECK(attempts[0].state == "success");
  CHECK(attempts[0].reason.empty());
  CHECK(attempts[0].error.empty());
  CHECK(attempts[0].ended == Instant{3});
}

TEST_CASE_TEMPLATE("attempts come by task, then attempt, of one run only", F, STORES) {
  F f;
  auto store = f.open();
  REQUIRE_OK(f.wait(store->claim(f.ctx, {})));
  Commit commit{.epoch = 1, .runs = {run_row(1), run_row(2)}};
  for (const uint32_t task : {300U, 2U, 10U}) {
    for (const AttemptNo attempt : {11U, 1U, 0U, 2U}) {
      commit.attempts.push_back({.run = run_id(1),
                                 .task = {task},
                                 .attempt = attempt,
                                 .task_name = fmt::format("t{}", task),
                                 .state = "success"});
    }
  }
  commit.attempts.push_back({.run = run_id(2), .task = {1}, .attempt = 1, .state = "failed"});
  REQUIRE_OK(f.wait(store->commit(f.ctx, std::move(commit))));
  std::string seen;
  for (const AttemptRow& row : f.wait(store->attempts(f.ctx, run_id(1))).value()) {
    CHECK(row.run == run_id(1));
    seen += fmt::format("{}/{} ", row.task_name, row.attempt);
  }
  CHECK(seen == "t2/0 t2/1 t2/2 t2/11 t10/0 t10/1 t10/2 t10/11 t300/0 t300/1 t300/2 t300/11 ");
  CHECK(f.wait(store->attempts(f.ctx, run_id(7))).value().empty());
}

TEST_CASE_TEMPLATE("outputs come in the order asked for", F, STORES) {
  F f;
  auto store = f.open();
  REQUIRE_OK(f.wait(store->claim(f.ctx, {})));
  const Digest big = sha256("big");
  REQUIRE_OK(f.wait(store->commit(
      f.ctx, {.epoch = 1,
              .runs = {run_row(1)},
              .outputs = {{.key = {run_id(1), {0}, 1}, .json = "{\"a\":1}", .bytes = 7},
                          {.key = {run_id(1), {1}, 1}, .blob = big, .bytes = 5'000'000'000},
                          {.key = {run_id(1), {0}, 2}, .json = "{}", .bytes = 2}}})));
  const auto rows = f.wait(store->outputs(f.ctx, {{run_id(1), {1}, 1},
                                                  {run_id(1), {4}, 1},
                                                  {run_id(1), {0}, 2},
                                                  {run_id(5), {0}, 1},
                                                  {run_id(1), {0}, 1}}))
                        .value();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].blob == big);
  CHECK(rows[0].json.empty());
  CHECK(rows[0].bytes == 5'000'000'000);
  CHECK(rows[1].json == "{}");
  CHECK(!rows[1].blob);
  CHECK(rows[2].key == OutputKey{run_id(1), {0}, 1});
}

TEST_CASE_TEMPLATE("runs are listed newest first, filtered and by page", F, STORES) {
  F f;
  auto store = f.open();
  REQUIRE_OK(f.wait(store->claim(f.ctx, {})));
  Commit commit{.epoch = 1};
  for (uint8_t n = 1; n <= 20; ++n) {
    RunRow row = run_row(n, n % 2 == 0 ? "even" : "odd");
    row.state = n % 5 == 0 ? "failed" : "success";
    row.logical_date = n % 10 == 0 ? std::nullopt : std::optional(Instant{n / 4});
    commit.runs.push_back(row);
  }
  REQUIRE_OK(f.wait(store->commit(f.ctx, std::move(commit))));
  const auto list = [&](RunsQuery query) {
    return numbers(f.wait(store->runs(f.ctx, std::move(query))).value());
  };
  CHECK(list({.rows_max = 3}) == Numbers{20, 19, 18});
  CHECK(list({.before_run_no = 18, .rows_max = 2}) == Numbers{17, 16});
  CHECK(list({.workflow = "even", .before_run_no = 8}) == Numbers{6, 4, 2});
  CHECK(list({.state = "failed"}) == Numbers{20, 15, 10, 5});
  CHECK(list({.workflow = "odd", .state = "failed", .rows_max = 1}) == Numbers{15});
  CHECK(list({.logical_from = Instant{1}, .logical_before = Instant{2}}) == Numbers{7, 6, 5, 4});
  CHECK(list({.logical_from = Instant{4}}) == Numbers{19, 18, 17, 16});
  CHECK(list({.logical_before = Instant{1}}) == Numbers{3, 2, 1});
  CHECK(list({.run = run_id(12)}) == Numbers{12});
  CHECK(list({.workflow = "none"}).empty());
  CHECK(list({.rows_max = 0}).empty());
}

TEST_CASE_TEMPLATE("blobs are kept by their digest, small and large, and proven on read", F,
                   STORES) {
  F f;
  auto store = f.open();
  for (const size_t size : {0UZ, 10UZ, 5000UZ, 3'000'000UZ}) {
    const std::string bytes(size, 'b');
    const Digest digest = sha256(bytes);
    CHECK(f.wait(store->get_blob(f.ctx, digest)).error().code == Code::not_found);
    REQUIRE_OK(f.wait(store->put_blob(f.ctx, digest, bytes)));
    REQUIRE_OK(f.wait(store->put_blob(f.ctx, digest, bytes)));
    CHECK(f.wait(store->get_blob(f.ctx, digest)).value() == bytes);
  }
  CHECK(f.wait(store->put_blob(f.ctx, sha256("a"), "b")).error().code == Code::bad_input);
  const Digest spoilt = sha256(std::string(5000, 'b'));
  f.spoil(spoilt);
  const auto read = f.wait(store->get_blob(f.ctx, spoilt));
  REQUIRE(!read.has_value());
  CHECK(read.error().code == Code::corrupt);
  CHECK(read.error().what.find(to_text(spoilt)) != std::string::npos);
  store = f.open();
  CHECK(f.wait(store->get_blob(f.ctx, sha256(std::string(10, 'b')))).value().size() == 10);
}

TEST_CASE_TEMPLATE("a cancelled call writes nothing", F, STORES) {
  F f;
  auto store = f.open();
  REQUIRE_OK(f.wait(store->claim(f.ctx, {})));
  rt::CancelSource source;
  source.cancel(rt::cancelled_error("enough"));
  rt::Context cancelled = f.ctx.with_token(source.token());
  CHECK(f.wait(store->commit(cancelled, {.epoch = 1, .runs = {run_row(1)}})).error().code ==
        Code::cancelled);
  CHECK(f.wait(store->runs(f.ctx, {})).value().empty());
}

}  // namespace
}  // namespace tutti::store
