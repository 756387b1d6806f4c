// SPDX-License-Identifier: Apache-2.0
#include "core/run/rules.h"

#include <functional>
#include <vector>

#include "base/doctest.h"

namespace tutti::run {
namespace {

using spec::TriggerRule;

// The table of docs/concepts.md: when a task runs, and when it ends without running. Written as
// conditions over the counts, independent of the order in which decide() asks.
struct Row {
  TriggerRule rule;
  std::function<bool(const NeedCounts&)> runs;
  std::function<bool(const NeedCounts&)> skips;
  std::function<bool(const NeedCounts&)> fails;
};

uint32_t bad(const NeedCounts& n) { return n.failed + n.upstream_failed; }
uint32_t done(const NeedCounts& n) { return n.succeeded + bad(n) + n.skipped; }
bool all(const NeedCounts& n) { return done(n) == n.total; }
bool never(const NeedCounts&) { return false; }

const std::vector<Row>& table() {
  using N = const NeedCounts&;
  static const std::vector<Row> rows{
      {TriggerRule::all_success, [](N n) { return n.succeeded == n.total; },
       [](N n) { return bad(n) == 0 && n.skipped > 0; }, [](N n) { return bad(n) > 0; }},
      {TriggerRule::all_failed, [](N n) { return bad(n) == n.total; },
       [](N n) { return n.succeeded > 0 || n.skipped > 0; }, never},
      {TriggerRule::all_done, all, never, never},
      {TriggerRule::all_done_min_one_success, [](N n) { return all(n) && n.succeeded > 0; },
       [](N n) { return n.skipped == n.total; },
       [](N n) { return all(n) && n.succeeded == 0 && bad(n) > 0; }},
      {TriggerRule::all_skipped, [](N n) { return n.skipped == n.total; },
       [](N n) { return n.succeeded > 0 || bad(n) > 0; }, never},
      {TriggerRule::one_success, [](N n) { return n.succeeded > 0; },
       [](N n) { return n.skipped == n.total; },
       [](N n) { return all(n) && n.succeeded == 0 && bad(n) > 0; }},
      {TriggerRule::one_failed, [](N n) { return bad(n) > 0; },
       [](N n) { return all(n) && bad(n) == 0; }, never},
      {TriggerRule::one_done, [](N n) { return n.succeeded > 0 || n.failed > 0; },
       [](N n) { return all(n) && n.succeeded == 0 && n.failed == 0; }, never},
      {TriggerRule::none_failed, [](N n) { return n.succeeded + n.skipped == n.total; }, never,
       [](N n) { return bad(n) > 0; }},
      {TriggerRule::none_failed_min_one_success,
       [](N n) { return n.succeeded + n.skipped == n.total && n.succeeded > 0; },
       [](N n) { return n.skipped == n.total; }, [](N n) { return bad(n) > 0; }},
      {TriggerRule::none_skipped, [](N n) { return all(n) && n.skipped == 0; },
       [](N n) { return n.skipped > 0; }, never},
      {TriggerRule::always, [](N) { return true; }, never, never},
  };
  return rows;
}

// Calls fn for every way up to five needs can have ended so far.
void each_count(const std::function<void(const NeedCounts&)>& fn) {
  for (uint32_t total = 1; total <= 5; ++total) {
    for (uint32_t s = 0; s <= total; ++s) {
      for (uint32_t f = 0; s + f <= total; ++f) {
        for (uint32_t u = 0; s + f + u <= total; ++u) {
          for (uint32_t k = 0; s + f + u + k <= total; ++k) {
            fn({.total = total, .succeeded = s, .failed = f, .upstream_failed = u, .skipped = k});
          }
        }
      }
    }
  }
}

TEST_CASE("every trigger rule decides as its table says, for every count of up to five needs") {
  REQUIRE(table().size() == spec::trigger_rule_count);
  size_t cases = 0;
  for (const Row& row : table()) {
    each_count([&](const NeedCounts& n) {
      ++cases;
      const int claims = int{row.runs(n)} + int{row.skips(n)} + int{row.fails(n)};
      INFO(spec::trigger_rule_name(row.rule)
           << " of " << n.total << ": " << n.succeeded << " " << n.failed << " "
           << n.upstream_failed << " " << n.skipped);
      REQUIRE(claims <= 1);
      const Verdict expected = row.runs(n)    ? Verdict::run
                               : row.skips(n) ? Verdict::skip
                               : row.fails(n) ? Verdict::upstream_failed
                                              : Verdict::wait;
      CHECK(decide(row.rule, n) == expected);
      if (all(n)) {
        CHECK(decide(row.rule, n) != Verdict::wait);
      }
    });
  }
  CHECK(cases == 12 * 251);
}

TEST_CASE("a task without needs runs under every rule") {
  for (const Row& row : table()) {
    CHECK(decide(row.rule, {}) == Verdict::run);
  }
}

}  // namespace
}  // namespace tutti::run
