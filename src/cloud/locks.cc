// SPDX-License-Identifier: Apache-2.0
#include "cloud/locks.h"

#include <fmt/format.h>

namespace tutti::cloud {
namespace {

bool is_retained(const Lock& lock, Instant now) {
  return lock.retention && lock.retention->until > now;
}

std::string time_text(Instant time) {
  std::string text = to_text(time).substr(0, 19);
  text[10] = ' ';
  return text + " UTC";
}

std::string_view remedy_of(const Lock& lock, Instant now) {
  if (!is_retained(lock, now)) {
    return "whoever may can release the hold: tutti lock --legal-hold off";
  }
  return lock.retention->mode == RetentionMode::compliance
             ? "wait until then: nobody can end a compliance retention sooner"
             : "wait until then; whoever may can end it sooner: tutti lock --clear "
               "--bypass-governance-retention";
}

}  // namespace

bool is_locked(const Lock& lock, Instant now) { return lock.legal_hold || is_retained(lock, now); }

Error locked_error(const Lock& lock, Instant now) {
  Lock active = lock;
  if (!is_retained(lock, now)) {
    active.retention.reset();
  }
  return {.code = Code::denied,
          .what = fmt::format("this version is locked: {}", lock_text(active)),
          .remedy = std::string(remedy_of(active, now))};
}

Result<Unit> check_retention(const Lock& lock, const std::optional<Retention>& wanted,
                             bool bypass_governance, Instant now) {
  if (wanted && wanted->until <= now) {
    return fail(Code::bad_input,
                fmt::format("a retention until {} has ended already", time_text(wanted->until)),
                "give a time to come");
  }
  if (!is_retained(lock, now)) {
    return Unit{};
  }
  const Retention& there = *lock.retention;
  const bool shorter = !wanted || wanted->until < there.until;
  const bool compliance = there.mode == RetentionMode::compliance;
  const bool weaker = compliance && (!wanted || wanted->mode != RetentionMode::compliance);
  if (weaker || (shorter && (compliance || !bypass_governance))) {
    return fail(locked_error({.retention = there}, now));
  }
  return Unit{};
}

std::string_view retention_mode_name(RetentionMode mode) {
  return mode == RetentionMode::governance ? "governance" : "compliance";
}

Result<RetentionMode> parse_retention_mode(std::string_view text) {
  for (const RetentionMode each : {RetentionMode::governance, RetentionMode::compliance}) {
    if (text == retention_mode_name(each)) {
      return each;
    }
  }
  return fail(Code::bad_input, fmt::format("'{}' is no mode of a retention", text),
              "write governance (can be ended by whoever may) or compliance (by nobody)");
}

namespace {

constexpr int64_t second_us = 1'000'000;

Result<Instant> time_to_come(const std::string& text, Instant now) {
  auto time = parse_instant(text);
  if (const auto duration = parse_duration(text); duration.has_value()) {
    time = now + *duration;
  }
  if (!time.has_value()) {
    return fail(Code::bad_input, fmt::format("'{}' is neither a time nor how long", text),
                "write 2033-12-31, 2033-12-31T12:00:00 or 90d");
  }
  if (*time <= now) {
    return fail(Code::bad_input, fmt::format("'{}' has passed", text), "give a time to come");
  }
  return Instant{(time->us + second_us - 1) / second_us * second_us};
}

}  // namespace

Result<Lock> parse_lock(const std::string& until, std::string_view mode, bool legal_hold,
                        Instant now) {
  Lock lock{.legal_hold = legal_hold};
  if (!until.empty()) {
    Retention retention;
    TRY(retention.until, time_to_come(until, now));
    TRY(retention.mode, parse_retention_mode(mode));
    lock.retention = retention;
  }
  return lock;
}

std::string lock_text(const Lock& lock) {
  std::string text;
  if (lock.retention) {
    text = fmt::format("{} until {}", retention_mode_name(lock.retention->mode),
                       time_text(lock.retention->until));
  }
  if (lock.legal_hold) {
    text += text.empty() ? "legal hold" : ", legal hold";
  }
  return text.empty() ? "no lock" : text;
}

Error archived_error(Archived state) {
  if (state == Archived::restoring) {
    return {.code = Code::denied,
            .what = "the object is archived, and being restored: its bytes cannot be read yet",
            .remedy = "wait: tutti restore --wait says when it is done"};
  }
  return {.code = Code::denied,
          .what = "the object is archived: its bytes cannot be read",
          .remedy = "restore it first (tutti restore), and read it when that is done"};
}

}  // namespace tutti::cloud
