// SPDX-License-Identifier: Apache-2.0
#include "base/http_date.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace tutti {
namespace {

constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

int month_of(std::string_view name) {
  const size_t at = name.size() == 3 ? months.find(name) : std::string_view::npos;
  return at == std::string_view::npos || at % 3 != 0 ? 0 : static_cast<int>(at / 3) + 1;
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value >= 0
             ? std::optional(value)
             : std::nullopt;
}

}  // namespace

std::optional<Instant> parse_http_date(std::string_view text) {
  if (text.size() != 29 || !text.ends_with(" GMT")) {
    return std::nullopt;
  }
  const auto day = number(text.substr(5, 2));
  const int month = month_of(text.substr(8, 3));
  const auto year = number(text.substr(12, 4));
  const auto hour = number(text.substr(17, 2));
  const auto minute = number(text.substr(20, 2));
  const auto second = number(text.substr(23, 2));
  if (!day || month == 0 || !year || !hour || !minute || !second) {
    return std::nullopt;
  }
  const CivilDate date{static_cast<int>(*year), static_cast<unsigned>(month),
                       static_cast<unsigned>(*day)};
  if (!is_valid(date) || *hour > 23 || *minute > 59 || *second > 60) {  // 60: a leap second
    return std::nullopt;
  }
  return start_of(date_of(date)) + hours(*hour) + minutes(*minute) + seconds(*second);
}

std::string http_date(Instant instant) {
  constexpr std::string_view weekdays = "ThuFriSatSunMonTueWed";  // 1970-01-01 was a Thursday
  const Date date = date_of(instant);
  const CivilDate day = civil(date);
  const int64_t second = (instant - start_of(date)).us / 1'000'000;
  const auto weekday = static_cast<size_t>((date.days % 7 + 7) % 7);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", weekdays.substr(weekday * 3, 3),
                     day.day, months.substr((day.month - 1) * 3, 3), day.year, second / 3600,
                     second / 60 % 60, second % 60);
}

std::optional<Duration> parse_retry_after(std::string_view value, Instant now) {
  if (const auto whole = number(value)) {
    constexpr int64_t seconds_max = 24 * 3600;
    return seconds(std::min(*whole, seconds_max));
  }
  if (const auto at = parse_http_date(value)) {
    return *at > now ? *at - now : Duration{0};
  }
  return std::nullopt;
}

}  // namespace tutti
