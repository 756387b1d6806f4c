// SPDX-License-Identifier: Apache-2.0
#include "cloud/probe/checks.h"

#include <algorithm>

#include "base/doctest.h"

namespace tutti::cloud::probe {
namespace {

Error error_of(Code code, std::string provider_code = {}) {
  return {.code = code, .what = "it failed", .provider_code = std::move(provider_code)};
}

TEST_CASE("an error belongs to the step its provider's word speaks of") {
  struct Row {
    Code code;
    std::string word;
    Step step;
  };
  const Row rows[] = {
      {Code::denied, "RequestTimeTooSkewed", Step::clock},
      {Code::denied, "SignatureDoesNotMatch", Step::credentials},
      {Code::denied, "AuthenticationFailed", Step::credentials},
      {Code::denied, "authError", Step::credentials},
      {Code::denied, "invalid_grant", Step::credentials},
      {Code::denied, "", Step::credentials},  // none were found
      {Code::denied, "AccessDenied", Step::list},
      {Code::denied, "AuthorizationPermissionMismatch", Step::list},
      {Code::denied, "forbidden", Step::list},
      {Code::not_found, "NoSuchBucket", Step::bucket},
      {Code::not_found, "ContainerNotFound", Step::bucket},
      {Code::not_found, "notFound", Step::bucket},  // of a listing it can be nothing else
      {Code::bad_input, "AuthorizationHeaderMalformed", Step::region},
      {Code::unavailable, "curl 6", Step::name},
      {Code::unavailable, "curl 7", Step::connection},
      {Code::denied, "curl 60", Step::tls},
      {Code::unavailable, "InternalError", Step::list},
      {Code::unavailable, "", Step::list},
  };
  for (const Row& row : rows) {
    CAPTURE(row.word);
    CHECK(step_of(error_of(row.code, row.word), Step::list) == row.step);
  }
}

TEST_CASE("a failure stays, the last success counts, and a skip never hides what is known") {
  Checks checks;
  checks.skip(Step::read, "no object");
  checks.ok(Step::read, "b/k");
  checks.ok(Step::connection, "127.0.0.1:1");
  checks.fail(Step::connection, error_of(Code::unavailable));
  checks.ok(Step::connection, "again");
  checks.skip(Step::connection, "later");
  const auto all = checks.in_order();
  REQUIRE(all.size() == 2);
  CHECK(all[0].step == Step::connection);
  CHECK(all[0].verdict == Verdict::failed);
  CHECK(all[1].verdict == Verdict::ok);
  CHECK(all[1].what == "b/k");
  CHECK(std::ranges::is_sorted(all, {}, &Check::step));
}

TEST_CASE("a clock may be a little off") {
  CHECK(check_clock(milliseconds(900)).what == "as the service's");
  CHECK(check_clock(minutes(2)).verdict == Verdict::ok);
  const Check behind = check_clock(Duration{-hours(1).us});
  CHECK(behind.verdict == Verdict::failed);
  CHECK(behind.what.contains("behind"));
  CHECK(check_clock(minutes(6)).what.contains("ahead"));
  CHECK_FALSE(behind.error->remedy.empty());
}

TEST_CASE("the exit status is what the failures have in common") {
  const auto checks = [](std::vector<std::pair<Step, Code>> failures) {
    Checks made;
    made.ok(Step::settings, "");
    for (const auto& [step, code] : failures) {
      made.fail(step, error_of(code));
    }
    return made.in_order();
  };
  const auto good = checks({});
  const auto refused = checks({{Step::credentials, Code::denied}});
  const auto away = checks({{Step::connection, Code::unavailable}});
  CHECK(exit_status_of({}) == 0);
  CHECK(exit_status_of({good, good}) == 0);
  CHECK(exit_status_of({good, refused}) == 4);
  CHECK(exit_status_of({away, away}) == 3);
  CHECK(exit_status_of({away, refused}) == 1);
  // The first failure of a connection is why the others are there.
  CHECK(exit_status_of({checks({{Step::name, Code::unavailable}, {Step::list, Code::denied}})}) ==
        3);
}

TEST_CASE("every step and verdict has a name of its own") {
  std::vector<std::string_view> names;
  for (auto step = static_cast<int>(Step::settings); step <= static_cast<int>(Step::remove);
       ++step) {
    names.push_back(step_name(static_cast<Step>(step)));
  }
  std::ranges::sort(names);
  CHECK(std::ranges::adjacent_find(names) == names.end());
  CHECK(verdict_name(Verdict::not_tried) == "not tried");
}

}  // namespace
}  // namespace tutti::cloud::probe
