// SPDX-License-Identifier: Apache-2.0
#include "cloud/probe/checks.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tutti::cloud::probe {
namespace {

constexpr std::array<std::string_view, 15> step_names{
    "settings",    "folder", "space",  "name", "connection", "tls",   "answer", "clock",
    "credentials", "region", "bucket", "list", "read",       "write", "remove"};

struct Word {
  std::string_view provider_code;
  Step step;
};

// What the services call it: S3, Google, Entra and Azure, libcurl.
constexpr Word words[] = {
    {"RequestTimeTooSkewed", Step::clock},
    {"RequestExpired", Step::clock},
    {"NoSuchBucket", Step::bucket},
    {"ContainerNotFound", Step::bucket},
    {"ContainerBeingDeleted", Step::bucket},
    {"ContainerDisabled", Step::bucket},
    {"AuthorizationHeaderMalformed", Step::region},
    {"PermanentRedirect", Step::region},
    {"TemporaryRedirect", Step::region},
    {"IllegalLocationConstraintException", Step::region},
    {"InvalidAccessKeyId", Step::credentials},
    {"SignatureDoesNotMatch", Step::credentials},
    {"ExpiredToken", Step::credentials},
    {"InvalidToken", Step::credentials},
    {"InvalidClientTokenId", Step::credentials},
    {"TokenRefreshRequired", Step::credentials},
    {"AccountProblem", Step::credentials},
    {"401", Step::credentials},
    {"authError", Step::credentials},
    {"required", Step::credentials},
    {"UNAUTHENTICATED", Step::credentials},
    {"invalid_grant", Step::credentials},
    {"invalid_client", Step::credentials},
    {"unauthorized_client", Step::credentials},
    {"AuthenticationFailed", Step::credentials},
    {"InvalidAuthenticationInfo", Step::credentials},
    {"NoAuthenticationInformation", Step::credentials},
    {"AuthorizationFailure", Step::credentials},  // or the account's firewall
    {"AccountIsDisabled", Step::credentials},
    {"KeyBasedAuthenticationNotPermitted", Step::credentials},
    {"AuthorizationServiceMismatch", Step::credentials},
    {"AuthorizationProtocolMismatch", Step::credentials},
    {"AuthorizationSourceIPMismatch", Step::credentials},
    {"curl 5", Step::name},
    {"curl 6", Step::name},
    {"curl 7", Step::connection},
    {"curl 28", Step::connection},
    {"curl 35", Step::tls},
    {"curl 60", Step::tls},
    {"curl 77", Step::tls},
};

}  // namespace

std::string_view step_name(Step step) { return step_names.at(static_cast<size_t>(step)); }

std::string_view verdict_name(Verdict verdict) {
  return verdict == Verdict::ok ? "ok" : verdict == Verdict::failed ? "failed" : "not tried";
}

void Checks::ok(Step step, std::string what) {
  if (!failed(step)) {
    checks_[step] = {.step = step, .verdict = Verdict::ok, .what = std::move(what)};
  }
}

void Checks::fail(Step step, Error error) {
  if (!failed(step)) {
    std::string what = error.what;
    checks_[step] = {.step = step,
                     .verdict = Verdict::failed,
                     .what = std::move(what),
                     .error = std::move(error)};
  }
}

void Checks::skip(Step step, std::string why) {
  checks_.try_emplace(step, Check{.step = step, .what = std::move(why)});
}

void Checks::skip_all(std::span<const Step> steps, const std::string& why) {
  for (const Step step : steps) {
    skip(step, why);
  }
}

bool Checks::failed(Step step) const {
  const auto at = checks_.find(step);
  return at != checks_.end() && at->second.verdict == Verdict::failed;
}

bool Checks::any_failed() const {
  return std::ranges::any_of(
      checks_, [](const auto& each) { return each.second.verdict == Verdict::failed; });
}

std::vector<Check> Checks::in_order() const {
  std::vector<Check> all;
  for (const auto& [step, check] : checks_) {
    all.push_back(check);
  }
  return all;
}

Step step_of(const Error& error, Step asked) {
  const auto* word = std::ranges::find(words, error.provider_code, &Word::provider_code);
  if (word != std::end(words)) {
    return word->step;
  }
  // Only the bucket itself can be missing there.
  if (error.code == Code::not_found && (asked == Step::list || asked == Step::write)) {
    return Step::bucket;
  }
  // Nobody's word: it was found out here, before anything was sent.
  return error.code == Code::denied && error.provider_code.empty() ? Step::credentials : asked;
}

Check check_clock(Duration ahead) {
  const Duration off{ahead.us < 0 ? -ahead.us : ahead.us};
  const std::string text = off < seconds(2) ? std::string("as the service's")
                                            : fmt::format("{} {} the service's", human(off),
                                                          ahead.us < 0 ? "behind" : "ahead of");
  if (off <= skew_max) {
    return {.step = Step::clock, .verdict = Verdict::ok, .what = text};
  }
  return {.step = Step::clock,
          .verdict = Verdict::failed,
          .what = fmt::format("this machine's clock is {}", text),
          .error = Error{.code = Code::denied,
                         .what = fmt::format("this machine's clock is {}", text),
                         .remedy = "set it, and let chrony or systemd-timesyncd keep it"}};
}

int exit_status_of(const std::vector<std::vector<Check>>& connections) {
  std::optional<int> common;
  for (const std::vector<Check>& checks : connections) {
    // What failed first is why the rest did.
    const auto first = std::ranges::find(checks, Verdict::failed, &Check::verdict);
    if (first == checks.end()) {
      continue;
    }
    const int status = exit_status(first->error->code);
    common = !common || *common == status ? status : 1;
  }
  return common.value_or(0);
}

}  // namespace tutti::cloud::probe
