// SPDX-License-Identifier: Apache-2.0
// Instants, durations and dates. Stored instants are int64 microseconds since 1970-01-01 UTC
// (years 0001 to 9999), so they compare, hash and persist as integers. Nothing here reads a clock.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace tutti {

struct Error;

struct Duration {
  int64_t us = 0;
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration other) const { return {us + other.us}; }
  constexpr Duration operator-(Duration other) const { return {us - other.us}; }
  constexpr Duration operator*(int64_t times) const { return {us * times}; }
  double seconds() const { return static_cast<double>(us) / 1e6; }
};

constexpr Duration microseconds(int64_t n) { return {n}; }
constexpr Duration milliseconds(int64_t n) { return {n * 1000}; }
constexpr Duration seconds(int64_t n) { return {n * 1'000'000}; }
constexpr Duration minutes(int64_t n) { return {n * 60'000'000}; }
constexpr Duration hours(int64_t n) { return {n * 3'600'000'000}; }
constexpr Duration days(int64_t n) { return {n * 86'400'000'000}; }

// A point of wall time, UTC.
struct Instant {
  int64_t us = 0;
  constexpr auto operator<=>(const Instant&) const = default;
  constexpr Instant operator+(Duration d) const { return {us + d.us}; }
  constexpr Instant operator-(Duration d) const { return {us - d.us}; }
  constexpr Duration operator-(Instant other) const { return {us - other.us}; }
};

// A point of boot time (CLOCK_BOOTTIME): durations run on it, wall-clock steps do not touch it.
// Never stored: it means nothing after a reboot.
struct BootInstant {
  int64_t us = 0;
  constexpr auto operator<=>(const BootInstant&) const = default;
  constexpr BootInstant operator+(Duration d) const { return {us + d.us}; }
  constexpr Duration operator-(BootInstant other) const { return {us - other.us}; }
};

// A day of the proleptic Gregorian calendar, as days since 1970-01-01.
struct Date {
  int32_t days = 0;
  constexpr auto operator<=>(const Date&) const = default;
};

struct CivilDate {
  int year;
  unsigned month;  // 1 to 12
  unsigned day;    // 1 to 31
  bool operator==(const CivilDate&) const = default;
};

CivilDate civil(Date date);
Date date_of(CivilDate civil);
bool is_valid(CivilDate civil);  // also that the year is 1 to 9999
Date date_of(Instant instant);
Instant start_of(Date date);

std::string to_text(Date date);                                // 2026-02-28
std::expected<Date, Error> parse_date(std::string_view text);  // exactly YYYY-MM-DD

// 2026-02-28T10:00:00+00:00 (Airflow's `ts`), with .ffffff when there are microseconds.
std::string to_text(Instant instant);
// Accepts a date, or date T (or space) time with optional seconds, fraction and Z/±HH:MM; no zone
// means UTC.
std::expected<Instant, Error> parse_instant(std::string_view text);

// 90s -> "1m30s"; 1500000 us -> "1.5s"; 0 -> "0s". Two units at most read well; all are kept.
std::string to_text(Duration duration);
// Sum of NUMBER UNIT without spaces: us ms s m h d w ("1h30m", "0.5s"). A bare number is refused:
// no unit was said. Limits: not negative, at most 100 years.
std::expected<Duration, Error> parse_duration(std::string_view text);

// "1.2 s", "350 ms", "2 m 05 s" for people.
std::string human(Duration duration);

}  // namespace tutti
