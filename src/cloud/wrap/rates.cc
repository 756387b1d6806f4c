// SPDX-License-Identifier: Apache-2.0
#include "cloud/wrap/rates.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/size.h"

namespace tutti::cloud::wrap {
namespace {

constexpr int minutes_of_day = 24 * 60;

std::unexpected<Error> bad(std::string_view key, const Value& given, std::string_view remedy) {
  return fail(Code::bad_input, fmt::format("limits: {} cannot be {}", key, to_json(given)),
              std::string(remedy));
}

// "10MB/s", "200/s", or without the "/s"; not given: `otherwise`.
Result<uint64_t> parse_rate(const Value& settings, std::string_view key, uint64_t otherwise) {
  const Value& given = settings[key];
  if (given.is_null()) {
    return otherwise;
  }
  std::string text = given.is_string() ? given.as_string() : std::string();
  if (text.ends_with("/s")) {
    text.resize(text.size() - 2);
  }
  uint64_t rate = 0;
  if (key == "requests") {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), rate);
    rate = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? rate : 0;
  } else if (const auto bytes = parse_size(text); bytes.has_value()) {
    rate = static_cast<uint64_t>(*bytes);
  }
  if (rate == 0) {
    return bad(key, given, key == "requests" ? "write 200/s" : "write 10MB/s or 64KiB/s");
  }
  return rate;
}

Result<int> parse_minute(const Value& settings, std::string_view key) {
  const Value& given = settings[key];
  const std::string text = given.is_string() ? given.as_string() : std::string();
  int hour = -1;
  int minute = -1;
  if (text.size() == 5 && text[2] == ':') {
    std::from_chars(text.data(), text.data() + 2, hour);
    std::from_chars(text.data() + 3, text.data() + 5, minute);
  }
  const bool last = hour == 24 && minute == 0;
  if (hour < 0 || minute < 0 || minute > 59 || (hour > 23 && !last)) {
    return bad(key, given, "write a time of the day as text: \"08:00\"");
  }
  return hour * 60 + minute;
}

Result<uint8_t> parse_days(const Value& given) {
  constexpr std::array<std::string_view, 7> names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  if (given.is_null()) {
    return uint8_t{0x7F};
  }
  unsigned days = 0;
  for (const Value& each : given.is_list() ? given.as_list() : ValueList{given}) {
    const auto* at = each.is_string() ? std::ranges::find(names, each.as_string()) : names.end();
    if (at == names.end()) {
      return bad("days", each, fmt::format("write {}", "mon, tue, wed, thu, fri, sat or sun"));
    }
    days |= 1U << static_cast<unsigned>(at - names.begin());
  }
  return static_cast<uint8_t>(days);
}

Result<Rates> parse_both(const Value& settings, Rates otherwise) {
  TRY(const uint64_t bytes, parse_rate(settings, "bandwidth", otherwise.bytes));
  TRY(const uint64_t requests, parse_rate(settings, "requests", otherwise.requests));
  return Rates{.bytes = bytes, .requests = requests};
}

Result<Unit> check_keys(const Value& settings, std::initializer_list<std::string_view> known) {
  if (!settings.is_map()) {
    return bad("it", settings, "write {bandwidth: 10MB/s, requests: 200/s}");
  }
  for (const auto& [key, value] : settings.as_map()) {
    if (std::ranges::find(known, key) == known.end()) {
      return bad(key, value, "there is no such limit: bandwidth, requests, times");
    }
  }
  return Unit{};
}

}  // namespace

Result<RatePlan::Time> RatePlan::parse_time(const Value& settings, Rates otherwise) {
  TRY_OK(check_keys(settings, {"from", "to", "days", "bandwidth", "requests"}));
  Time time;
  TRY(time.from, parse_minute(settings, "from"));
  TRY(time.to, parse_minute(settings, "to"));
  TRY(time.days, parse_days(settings["days"]));
  TRY(time.rates, parse_both(settings, otherwise));
  return time;
}

Result<RatePlan> RatePlan::parse(const Value& settings) {
  RatePlan plan;
  if (settings.is_null()) {
    return plan;
  }
  TRY_OK(check_keys(settings, {"bandwidth", "requests", "times"}));
  TRY(plan.always_, parse_both(settings, {}));
  const Value& times = settings["times"];
  if (!times.is_null() && !times.is_list()) {
    return bad("times", times, "write a list of {from: \"08:00\", to: \"18:00\", bandwidth: ...}");
  }
  for (const Value& each : times.is_null() ? ValueList{} : times.as_list()) {
    TRY(Time time, parse_time(each, plan.always_));
    plan.times_.push_back(time);
  }
  return plan;
}

Rates RatePlan::at(WeekTime now) const {
  const auto fits = [now](const Time& time) {
    const auto on = [&](int day) { return (time.days >> static_cast<unsigned>(day) & 1U) != 0; };
    if (time.from <= time.to) {
      return on(now.day) && now.minute >= time.from && now.minute < time.to;
    }
    return (on(now.day) && now.minute >= time.from && now.minute < minutes_of_day) ||
           (on((now.day + 6) % 7) && now.minute < time.to);
  };
  const auto at = std::ranges::find_if(times_, fits);
  return at == times_.end() ? always_ : at->rates;
}

}  // namespace tutti::cloud::wrap
