// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "base/error.h"

namespace tutti {
namespace {

constexpr int64_t us_per_day = 86'400'000'000;

struct UnitRow {
  std::string_view name;
  int64_t us;
};
// Longest name first where one is a prefix of another ("ms" before "m").
constexpr std::array<UnitRow, 7> units{{{"us", 1},
                                        {"ms", 1000},
                                        {"s", 1'000'000},
                                        {"m", 60'000'000},
                                        {"h", 3'600'000'000},
                                        {"d", us_per_day},
                                        {"w", 7 * us_per_day}}};

int64_t floor_div(int64_t a, int64_t b) {
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

// Reads exactly `digits` decimal digits at the front of `text`; -1 when they are not there.
int take_digits(std::string_view& text, size_t digits) {
  if (text.size() < digits) {
    return -1;
  }
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return -1;
    }
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

std::optional<Date> take_date(std::string_view& text) {
  CivilDate c{};
  c.year = take_digits(text, 4);
  if (c.year < 0 || !take(text, '-')) {
    return std::nullopt;
  }
  int month = take_digits(text, 2);
  if (month < 0 || !take(text, '-')) {
    return std::nullopt;
  }
  int day = take_digits(text, 2);
  if (day < 0) {
    return std::nullopt;
  }
  c.month = static_cast<unsigned>(month);
  c.day = static_cast<unsigned>(day);
  if (!is_valid(c)) {
    return std::nullopt;
  }
  return date_of(c);
}

// Digits after the decimal point as microseconds; more than six are cut.
std::optional<int64_t> take_fraction(std::string_view& text) {
  int64_t value = 0;
  int digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 6) {
      value = value * 10 + (text.front() - '0');
    }
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) {
    return std::nullopt;
  }
  for (; digits < 6; ++digits) {
    value *= 10;
  }
  return value;
}

std::optional<int64_t> take_time_of_day(std::string_view& text) {
  int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) {
    return std::nullopt;
  }
  int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59) {
    return std::nullopt;
  }
  int64_t us = (hour * 3600LL + minute * 60LL) * 1'000'000;
  if (take(text, ':')) {
    int second = take_digits(text, 2);
    if (second < 0 || second > 59) {
      return std::nullopt;
    }
    us += second * 1'000'000LL;
    if (take(text, '.')) {
      auto fraction = take_fraction(text);
      if (!fraction) {
        return std::nullopt;
      }
      us += *fraction;
    }
  }
  return us;
}

std::optional<int64_t> take_zone(std::string_view& text) {
  if (text.empty() || take(text, 'Z')) {
    return 0;
  }
  const bool minus = text.front() == '-';
  if (!minus && text.front() != '+') {
    return std::nullopt;
  }
  text.remove_prefix(1);
  int hour = take_digits(text, 2);
  take(text, ':');
  int minute = take_digits(text, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) {
    return std::nullopt;
  }
  int64_t offset = (hour * 3600LL + minute * 60LL) * 1'000'000;
  return minus ? -offset : offset;
}

}  // namespace

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": civil_from_days, days_from_civil.
CivilDate civil(Date date) {
  const int64_t z = static_cast<int64_t>(date.days) + 719468;
  const int64_t era = floor_div(z, 146097);
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned day = doy - (153 * mp + 2) / 5 + 1;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<int>(static_cast<int64_t>(yoe) + era * 400 + (month <= 2 ? 1 : 0)), month,
          day};
}

Date date_of(CivilDate c) {
  const int64_t y = c.year - (c.month <= 2 ? 1 : 0);
  const int64_t era = floor_div(y, 400);
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (c.month > 2 ? c.month - 3 : c.month + 9) + 2) / 5 + c.day - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return {static_cast<int32_t>(era * 146097 + static_cast<int64_t>(doe) - 719468)};
}

bool is_valid(CivilDate c) {
  if (c.year < 1 || c.year > 9999 || c.month < 1 || c.month > 12 || c.day < 1) {
    return false;
  }
  return civil(date_of(c)) == c;
}

Date date_of(Instant instant) { return {static_cast<int32_t>(floor_div(instant.us, us_per_day))}; }

Instant start_of(Date date) { return {date.days * us_per_day}; }

std::string to_text(Date date) {
  const CivilDate c = civil(date);
  return fmt::format("{:04}-{:02}-{:02}", c.year, c.month, c.day);
}

std::expected<Date, Error> parse_date(std::string_view text) {
  std::string_view rest = text;
  auto date = take_date(rest);
  if (!date || !rest.empty()) {
    return fail(Code::bad_input, fmt::format("'{}' is not a date", text.substr(0, 64)),
                "write it as YYYY-MM-DD, for example 2026-02-28");
  }
  return *date;
}

std::string to_text(Instant instant) {
  const Date date = date_of(instant);
  const int64_t in_day = instant.us - start_of(date).us;
  const int64_t s = in_day / 1'000'000;
  const int64_t us = in_day % 1'000'000;
  std::string out =
      fmt::format("{}T{:02}:{:02}:{:02}", to_text(date), s / 3600, s / 60 % 60, s % 60);
  if (us != 0) {
    out += fmt::format(".{:06}", us);
  }
  return out + "+00:00";
}

std::expected<Instant, Error> parse_instant(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::bad_input, fmt::format("'{}' is not a point in time", text.substr(0, 64)),
                "write it as 2026-02-28, 2026-02-28T10:00:00Z or 2026-02-28T10:00:00+02:00");
  };
  std::string_view rest = text;
  auto date = take_date(rest);
  if (!date) {
    return bad();
  }
  Instant instant = start_of(*date);
  if (rest.empty()) {
    return instant;
  }
  if (!take(rest, 'T') && !take(rest, ' ')) {
    return bad();
  }
  auto time = take_time_of_day(rest);
  if (!time) {
    return bad();
  }
  auto offset = take_zone(rest);
  if (!offset || !rest.empty()) {
    return bad();
  }
  return Instant{instant.us + *time - *offset};
}

std::string to_text(Duration duration) {
  if (duration.us == 0) {
    return "0s";
  }
  std::string out = duration.us < 0 ? "-" : "";
  auto rest = static_cast<uint64_t>(duration.us < 0 ? -duration.us : duration.us);
  for (const UnitRow& unit :
       std::array<UnitRow, 3>{{{"d", us_per_day}, {"h", 3'600'000'000}, {"m", 60'000'000}}}) {
    const uint64_t n = rest / static_cast<uint64_t>(unit.us);
    if (n != 0) {
      out += fmt::format("{}{}", n, unit.name);
      rest %= static_cast<uint64_t>(unit.us);
    }
  }
  if (rest == 0) {
    return out;
  }
  if (rest % 1'000'000 == 0) {
    return out + fmt::format("{}s", rest / 1'000'000);
  }
  if (out.size() <= 1 && rest < 1000) {
    return out + fmt::format("{}us", rest);
  }
  if (out.size() <= 1 && rest < 1'000'000 && rest % 1000 == 0) {
    return out + fmt::format("{}ms", rest / 1000);
  }
  std::string fraction = fmt::format("{:06}", rest % 1'000'000);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return out + fmt::format("{}.{}s", rest / 1'000'000, fraction);
}

std::expected<Duration, Error> parse_duration(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(
        Code::bad_input, fmt::format("'{}' is not a duration: {}", text.substr(0, 64), why),
        "write a number and a unit, for example 30s, 5m, 1h30m, 2d (units: us ms s m h d w)");
  };
  if (text.empty()) {
    return bad("it is empty");
  }
  long double total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    size_t n = 0;
    while (n < rest.size() && ((rest[n] >= '0' && rest[n] <= '9') || rest[n] == '.')) {
      ++n;
    }
    double number = 0;
    auto parsed = std::from_chars(rest.data(), rest.data() + n, number, std::chars_format::fixed);
    if (n == 0 || parsed.ec != std::errc() || parsed.ptr != rest.data() + n) {
      return bad("a number is missing");
    }
    rest.remove_prefix(n);
    const UnitRow* found = nullptr;
    for (const UnitRow& unit : units) {
      if (rest.starts_with(unit.name)) {
        found = &unit;
        break;
      }
    }
    if (found == nullptr) {
      return bad(rest.empty() ? "it has no unit" : "the unit is not known");
    }
    rest.remove_prefix(found->name.size());
    total += static_cast<long double>(number) * static_cast<long double>(found->us);
    if (total > static_cast<long double>(days(36525).us)) {
      return bad("it is longer than 100 years");
    }
  }
  return Duration{static_cast<int64_t>(std::llround(total))};
}

std::string human(Duration duration) {
  const int64_t us = duration.us < 0 ? 0 : duration.us;
  if (us < 1'000'000) {
    return fmt::format("{} ms", us / 1000);
  }
  if (us < 60'000'000) {
    return fmt::format("{:.1f} s", static_cast<double>(us) / 1e6);
  }
  const int64_t s = us / 1'000'000;
  if (s < 3600) {
    return fmt::format("{} m {:02} s", s / 60, s % 60);
  }
  return fmt::format("{} h {:02} m", s / 3600, s / 60 % 60);
}

}  // namespace tutti
