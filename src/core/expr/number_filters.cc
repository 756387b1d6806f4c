// SPDX-License-Identifier: Apache-2.0
// abs int float round filesizeformat
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "core/expr/numbers.h"
#include "core/expr/registry.h"

namespace tutti::expr {
namespace {

constexpr int64_t precision_max = 400;

Result<Val> abs_filter(Machine& m, const Args& a) {
  if (a.input.is(Type::real)) {
    return Val(std::abs(a.input.as_real()));
  }
  if (!a.input.is_integral()) {
    return wrong(fmt::format("'abs' takes a number, not {}", a.input.type_name()),
                 "convert it with `int` or `float`");
  }
  return a.input.as_int() < 0 ? m.negative(a.input) : Result<Val>(Val(a.input.as_int()));
}

std::unexpected<Error> too_big() {
  return wrong("the number does not fit into a whole number of 64 bits", "use `float`");
}

Result<Val> whole(double d) {
  if (!(std::abs(d) < 9.2233720368547758e18)) {
    return too_big();
  }
  return Val(static_cast<int64_t>(d));
}

Result<Val> int_filter(Machine&, const Args& a) {
  const Val fallback = a.has(0) ? a[0] : Val(int64_t{0});
  TRY(const int64_t base, a.integer(1, 10));
  if (a.input.is_integral()) {
    return Val(a.input.as_int());
  }
  if (a.input.is(Type::real)) {
    return std::isnan(a.input.as_real()) ? Result<Val>(fallback) : whole(a.input.as_real());
  }
  if (a.input.is(Type::undefined)) {
    return Machine::undefined(a.input);
  }
  if (!a.input.is_string()) {
    return fallback;
  }
  const ParsedInt parsed = parse_int(a.input.as_string(), base);
  if (parsed.too_big) {
    return too_big();
  }
  if (parsed.value) {
    return Val(*parsed.value);
  }
  const std::optional<double> real = parse_float(a.input.as_string());
  return real && std::isfinite(*real) ? whole(*real) : Result<Val>(fallback);
}

Result<Val> float_filter(Machine&, const Args& a) {
  if (a.input.is_number()) {
    return Val(a.input.as_real());
  }
  if (a.input.is(Type::undefined)) {
    return Machine::undefined(a.input);
  }
  if (a.input.is_string()) {
    if (const std::optional<double> real = parse_float(a.input.as_string())) {
      return Val(*real);
    }
  }
  return a.has(0) ? a[0] : Val(0.0);
}

Result<Val> round_integer(int64_t n, int64_t precision) {
  if (precision >= 0) {
    return Val(n);
  }
  if (precision < -18) {
    return Val(int64_t{0});
  }
  int64_t unit = 1;
  for (int64_t i = 0; i < -precision; ++i) {
    unit *= 10;
  }
  const int64_t rest = ((n % unit) + unit) % unit;
  int64_t down = 0;
  if (__builtin_sub_overflow(n, rest, &down)) {
    return too_big();
  }
  const bool odd = (down / unit) % 2 != 0;
  const bool up = rest > unit / 2 || (rest == unit / 2 && odd);
  int64_t out = down;
  if (up && __builtin_add_overflow(down, unit, &out)) {
    return too_big();
  }
  return Val(out);
}

Result<Val> round_common(const Val& value, int64_t precision) {
  if (value.is_integral()) {
    return round_integer(value.as_int(), precision);
  }
  return Val(round_decimal(value.as_real(), precision));
}

Result<Val> round_filter(Machine& m, const Args& a) {
  TRY(const std::string method, a.text(1, "common"));
  if (method != "common" && method != "ceil" && method != "floor") {
    return wrong("the method of 'round' is common, ceil or floor");
  }
  if (!a.input.is_number()) {
    return wrong(fmt::format("'round' takes a number, not {}", a.input.type_name()),
                 "convert it with `float`");
  }
  TRY(const int64_t precision, a.integer(0, 0));
  if (method == "common") {
    return round_common(a.input, std::clamp(precision, -precision_max, precision_max));
  }
  TRY(const Val unit, m.binary(Op::power, Val(int64_t{10}), Val(precision)));
  TRY(const Val scaled, m.binary(Op::multiply, a.input, unit));
  Val cut = scaled;
  if (scaled.is(Type::real)) {
    TRY(cut, whole(method == "ceil" ? std::ceil(scaled.as_real()) : std::floor(scaled.as_real())));
  }
  return m.binary(Op::divide, cut, unit);
}

Result<Val> filesize_filter(Machine& m, const Args& a) {
  TRY(const bool binary, a.boolean(m, 0, false));
  std::optional<double> bytes;
  if (a.input.is_number()) {
    bytes = a.input.as_real();
  } else if (a.input.is_string()) {
    bytes = parse_float(a.input.as_string());
  }
  if (!bytes || !std::isfinite(*bytes)) {
    return wrong("'filesizeformat' takes a number of bytes");
  }
  constexpr std::string_view letters = "KMGTPEZY";
  const double base = binary ? 1024 : 1000;
  if (*bytes == 1) {
    return Val(std::string("1 Byte"));
  }
  if (*bytes < base) {
    TRY(const Val count, whole(*bytes));
    return Val(fmt::format("{} Bytes", count.as_int()));
  }
  double unit = base * base;
  size_t i = 0;
  for (; i + 1 < letters.size() && *bytes >= unit; ++i) {
    unit *= base;
  }
  const char letter = !binary && i == 0 ? 'k' : letters[i];
  return Val(fmt::format("{:.1f} {}{}", base * *bytes / unit, letter, binary ? "iB" : "B"));
}

constexpr std::array filters{
    Callable{"abs", "", abs_filter},
    Callable{"int", "default=0 base=10", int_filter},
    Callable{"float", "default=0.0", float_filter},
    Callable{"round", "precision=0 method='common'", round_filter},
    Callable{"filesizeformat", "binary=false", filesize_filter},
};

}  // namespace

std::span<const Callable> number_filters() { return filters; }

}  // namespace tutti::expr
