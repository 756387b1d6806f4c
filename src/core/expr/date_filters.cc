// SPDX-License-Identifier: Apache-2.0
// ds_add ds_format date_add, and the part of strftime and strptime they take.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/time.h"
#include "core/expr/registry.h"

namespace tutti::expr {
namespace {

constexpr int64_t day_us = 86'400'000'000;
constexpr int64_t days_max = 4'000'000;  // more than years 1 to 9999

constexpr std::array<std::string_view, 12> months{"January",   "February", "March",    "April",
                                                  "May",       "June",     "July",     "August",
                                                  "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> weekdays{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                   "Friday", "Saturday", "Sunday"};

struct Clock {
  CivilDate date;
  int hour = 0, minute = 0, second = 0, micro = 0;
};

Clock clock_of(Instant instant) {
  const Date date = date_of(instant);
  const int64_t us = (instant - start_of(date)).us;
  return {.date = civil(date),
          .hour = static_cast<int>(us / 3'600'000'000),
          .minute = static_cast<int>(us / 60'000'000 % 60),
          .second = static_cast<int>(us / 1'000'000 % 60),
          .micro = static_cast<int>(us % 1'000'000)};
}

Result<Unit> append_field(std::string& out, char field, const Clock& c) {
  const Date date = date_of(c.date);
  const size_t weekday = static_cast<size_t>(((date.days + 3) % 7 + 7) % 7);  // 0 is Monday
  const int year_day = date.days - date_of(CivilDate{c.date.year, 1, 1}).days + 1;
  switch (field) {
    case 'Y':
      out += fmt::format("{:04}", c.date.year);
      break;
    case 'y':
      out += fmt::format("{:02}", c.date.year % 100);
      break;
    case 'm':
      out += fmt::format("{:02}", c.date.month);
      break;
    case 'd':
      out += fmt::format("{:02}", c.date.day);
      break;
    case 'H':
      out += fmt::format("{:02}", c.hour);
      break;
    case 'I':
      out += fmt::format("{:02}", (c.hour + 11) % 12 + 1);
      break;
    case 'M':
      out += fmt::format("{:02}", c.minute);
      break;
    case 'S':
      out += fmt::format("{:02}", c.second);
      break;
    case 'f':
      out += fmt::format("{:06}", c.micro);
      break;
    case 'p':
      out += c.hour < 12 ? "AM" : "PM";
      break;
    case 'j':
      out += fmt::format("{:03}", year_day);
      break;
    case 'b':
    case 'B':
      out += months[c.date.month - 1].substr(0, field == 'b' ? 3 : std::string_view::npos);
      break;
    case 'a':
    case 'A':
      out += weekdays[weekday].substr(0, field == 'a' ? 3 : std::string_view::npos);
      break;
    case 'u':
      out += fmt::format("{}", weekday + 1);
      break;
    case 'w':
      out += fmt::format("{}", (weekday + 1) % 7);
      break;
    case '%':
      out += '%';
      break;
    default:
      return wrong(fmt::format("'%{}' is no part of a date format", field),
                   "use %Y %m %d %H %M %S %f %y %b %B %a %A %I %p %j %u %w %%");
  }
  return Unit{};
}

Result<std::string> write_date(Machine& m, std::string_view format, const Clock& clock) {
  std::string out;
  TRY_OK(m.spend(format.size() + 1));
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    TRY_OK(append_field(out, ++i < format.size() ? format[i] : ' ', clock));
  }
  return out;
}

class DateReader {
 public:
  DateReader(std::string_view text, std::string_view format) : text_(text), format_(format) {}

  Result<Clock> read() {
    for (size_t i = 0; i < format_.size(); ++i) {
      const char c = format_[i];
      if (c == '%') {
        TRY_OK(field(++i < format_.size() ? format_[i] : ' '));
      } else if (at_ < text_.size() && text_[at_] == c) {
        ++at_;
      } else {
        return no_match();
      }
    }
    if (at_ != text_.size()) {
      return no_match();
    }
    if (twelve_hours_) {
      clock_.hour = clock_.hour % 12 + (afternoon_ ? 12 : 0);
    }
    if (year_day_ != 0) {
      clock_.date = civil(Date{date_of(CivilDate{clock_.date.year, 1, 1}).days + year_day_ - 1});
    }
    if (!is_valid(clock_.date) || clock_.hour > 23 || clock_.minute > 59 || clock_.second > 59) {
      return wrong(fmt::format("'{}' is no date of the calendar", text_));
    }
    return clock_;
  }

 private:
  std::unexpected<Error> no_match() const {
    return wrong(fmt::format("'{}' does not look like '{}'", text_, format_),
                 "the second argument describes the text: ds_format('%Y-%m-%d', '%d.%m.%Y')");
  }

  Result<int> number(size_t digits_max) {
    size_t read = 0;
    int n = 0;
    for (; read < digits_max && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9';
         ++read) {
      n = n * 10 + (text_[at_++] - '0');
    }
    if (read == 0) {
      return no_match();
    }
    digits_read_ = read;
    return n;
  }

  // The name at this place, by its first letters or whole: its index.
  template <size_t n>
  Result<size_t> word(const std::array<std::string_view, n>& words, bool whole) {
    const auto small = [](char c) { return ascii_lower(c); };
    for (size_t i = 0; i < n; ++i) {
      const std::string_view wanted = words[i].substr(0, whole ? std::string_view::npos : 3);
      const std::string_view here =
          text_.substr(std::min(at_, text_.size())).substr(0, wanted.size());
      if (std::ranges::equal(here, wanted, {}, small, small)) {
        at_ += wanted.size();
        return i;
      }
    }
    return no_match();
  }

  Result<Unit> two_digit_year() {
    TRY(clock_.date.year, number(2));
    clock_.date.year += clock_.date.year < 69 ? 2000 : 1900;
    return Unit{};
  }

  Result<Unit> fraction() {
    TRY(clock_.micro, number(6));
    for (size_t i = digits_read_; i < 6; ++i) {
      clock_.micro *= 10;
    }
    return Unit{};
  }

  Result<Unit> whole(int& into, size_t digits) {
    TRY(into, number(digits));
    return Unit{};
  }

  Result<Unit> small_whole(unsigned& into) {
    TRY(const int n, number(2));
    into = static_cast<unsigned>(n);
    return Unit{};
  }

  Result<Unit> field(char f) {
    switch (f) {
      case 'Y':
        return whole(clock_.date.year, 4);
      case 'y':
        return two_digit_year();
      case 'm':
        return small_whole(clock_.date.month);
      case 'd':
        return small_whole(clock_.date.day);
      case 'I':
        twelve_hours_ = true;
        return whole(clock_.hour, 2);
      case 'H':
        return whole(clock_.hour, 2);
      case 'M':
        return whole(clock_.minute, 2);
      case 'S':
        return whole(clock_.second, 2);
      case 'f':
        return fraction();
      case 'j':
        return whole(year_day_, 3);
      case 'b':
      case 'B': {
        TRY(const size_t month, word(months, f == 'B'));
        clock_.date.month = static_cast<unsigned>(month + 1);
        return Unit{};
      }
      case 'a':
      case 'A': {
        TRY_OK(word(weekdays, f == 'A'));
        return Unit{};
      }
      case 'p': {
        constexpr std::array<std::string_view, 2> halves{"AM", "PM"};
        TRY(const size_t half, word(halves, true));
        afternoon_ = half == 1;
        return Unit{};
      }
      case '%':
        return at_ < text_.size() && text_[at_++] == '%' ? Result<Unit>(Unit{}) : no_match();
      default:
        return wrong(fmt::format("'%{}' cannot be read from a date", f),
                     "use %Y %m %d %H %M %S %f %y %b %B %a %A %I %p %j %%");
    }
  }

  std::string_view text_;
  std::string_view format_;
  size_t at_ = 0;
  size_t digits_read_ = 0;
  Clock clock_{.date = {1900, 1, 1}};
  bool twelve_hours_ = false;
  bool afternoon_ = false;
  int year_day_ = 0;
};

Result<std::string> need_date_text(const Args& a, std::string_view filter) {
  if (a.input.is(Type::undefined)) {
    return Machine::undefined(a.input);
  }
  if (!a.input.is_string()) {
    return wrong(fmt::format("'{}' takes a date as a string, not {}", filter, a.input.type_name()));
  }
  return a.input.as_string();
}

std::unexpected<Error> outside_calendar() {
  return wrong("the date would leave the years 1 to 9999");
}

Result<Date> add_days(Date date, int64_t days) {
  if (days > days_max || days < -days_max) {
    return outside_calendar();
  }
  const Date out{static_cast<int32_t>(date.days + days)};
  const CivilDate limits[] = {{1, 1, 1}, {9999, 12, 31}};
  if (out < date_of(limits[0]) || out > date_of(limits[1])) {
    return outside_calendar();
  }
  return out;
}

Result<Val> ds_add_filter(Machine&, const Args& a) {
  TRY(const std::string text, need_date_text(a, "ds_add"));
  TRY(const int64_t days, a.integer(0, 0));
  TRY(const Date date, parse_date(text));
  TRY(const Date moved, add_days(date, days));
  return Val(to_text(moved));
}

Result<Val> ds_format_filter(Machine& m, const Args& a) {
  TRY(const std::string text, need_date_text(a, "ds_format"));
  TRY(const std::string from, a.text(0, ""));
  TRY(const std::string to, a.text(1, ""));
  TRY_OK(m.spend_text(text.size() + from.size()));
  TRY(const Clock clock, DateReader(text, from).read());
  TRY(std::string out, write_date(m, to, clock));
  return m.text(std::move(out));
}

Result<Duration> amount_of(const Val& amount) {
  if (amount.is(Type::undefined)) {
    return Machine::undefined(amount);
  }
  if (amount.is_integral() && amount.as_int() <= days_max && amount.as_int() >= -days_max) {
    return Duration{amount.as_int() * day_us};
  }
  if (!amount.is_string()) {
    return wrong(fmt::format("'date_add' takes a duration or days, not {}", amount.type_name()),
                 "write date_add('1h30m') or date_add(-1)");
  }
  std::string_view text = amount.as_string();
  const bool back = text.starts_with('-');
  text.remove_prefix(back || text.starts_with('+') ? 1 : 0);
  TRY(const Duration duration, parse_duration(text));
  return back ? Duration{-duration.us} : duration;
}

// A date stays a date when whole days are added; everything else becomes a timestamp.
Result<Val> date_add_filter(Machine& m, const Args& a) {
  TRY(const std::string text, need_date_text(a, "date_add"));
  TRY(const Duration amount, amount_of(a[0]));
  TRY(const std::string format, a.text(1, ""));
  TRY(const Instant start, parse_instant(text));
  TRY(const Date day, add_days(date_of(start), amount.us / day_us));
  const Instant moved =
      start_of(day) + Duration{(start - start_of(date_of(start))).us + amount.us % day_us};
  TRY_OK(add_days(date_of(moved), 0));
  if (!format.empty()) {
    TRY(std::string out, write_date(m, format, clock_of(moved)));
    return m.text(std::move(out));
  }
  const bool only_date = text.size() == 10 && amount.us % day_us == 0;
  return Val(only_date ? to_text(date_of(moved)) : to_text(moved));
}

constexpr std::array filters{
    Callable{"ds_add", "days", ds_add_filter},
    Callable{"ds_format", "input_format output_format", ds_format_filter},
    Callable{"date_add", "amount format=''", date_add_filter},
};

}  // namespace

std::span<const Callable> date_filters() { return filters; }

}  // namespace tutti::expr
