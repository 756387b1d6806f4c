// SPDX-License-Identifier: Apache-2.0
// + - * / // % ** of numbers as Python has them, with whole numbers of 64 bits: what would be
// bigger is an error instead.
#include <cmath>

#include <fmt/format.h>

#include "core/expr/machine.h"

namespace tutti::expr {
namespace {

std::unexpected<Error> too_big() {
  return wrong("the result does not fit into a whole number of 64 bits",
               "use floats: 1.0 * x, or x | float");
}

std::unexpected<Error> by_zero() {
  return wrong("division by zero", "ask before: `a / b if b else 0`");
}

Result<Val> whole(bool overflow, int64_t n) {
  if (overflow) {
    return too_big();
  }
  return Val(n);
}

Result<Val> floor_divide(int64_t a, int64_t b, bool rest) {
  if (b == 0) {
    return by_zero();
  }
  if (b == -1) {
    return rest ? Result<Val>(Val(int64_t{0})) : whole(a == INT64_MIN, a == INT64_MIN ? 0 : -a);
  }
  const int64_t quotient = a / b;
  const int64_t left = a % b;
  const bool down = left != 0 && (left < 0) != (b < 0);  // C++ rounds to zero, Python down
  return Val(rest ? left + (down ? b : 0) : quotient - (down ? 1 : 0));
}

Result<Val> power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) {
      return wrong("0 has no negative power");
    }
    return Val(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  bool overflow = false;
  while (true) {
    if ((exponent & 1) != 0 && (overflow || __builtin_mul_overflow(result, base, &result))) {
      return too_big();
    }
    exponent >>= 1;
    if (exponent == 0) {
      return Val(result);
    }
    overflow = overflow || __builtin_mul_overflow(base, base, &base);
  }
}

// True division, rounded once: beyond 53 bits the operands themselves are no doubles.
double divide(int64_t a, int64_t b) {
  return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
}

Result<Val> of_integers(Op op, int64_t a, int64_t b) {
  int64_t out = 0;
  switch (op) {
    case Op::add:
      return whole(__builtin_add_overflow(a, b, &out), out);
    case Op::subtract:
      return whole(__builtin_sub_overflow(a, b, &out), out);
    case Op::multiply:
      return whole(__builtin_mul_overflow(a, b, &out), out);
    case Op::divide:
      if (b == 0) {
        return by_zero();
      }
      return Val(divide(a, b));
    case Op::power:
      return power(a, b);
    default:
      return floor_divide(a, b, op == Op::modulo);
  }
}

// CPython's float_divmod: exact, and the rest has the sign of b.
Result<Val> float_floor(double a, double b, bool rest) {
  if (b == 0) {
    return by_zero();
  }
  double left = std::fmod(a, b);
  double quotient = (a - left) / b;
  if (left != 0) {
    if ((b < 0) != (left < 0)) {
      left += b;
      quotient -= 1.0;
    }
  } else {
    left = std::copysign(0.0, b);
  }
  if (rest) {
    return Val(left);
  }
  if (quotient == 0) {
    return Val(std::copysign(0.0, a / b));
  }
  const double down = std::floor(quotient);
  return Val(quotient - down > 0.5 ? down + 1.0 : down);
}

Result<Val> float_power(double a, double b) {
  if (a == 0 && b < 0) {
    return wrong("0 has no negative power");
  }
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b)) {
    return wrong("a negative number has no such power", "use a whole exponent");
  }
  const double out = std::pow(a, b);
  if (std::isinf(out) && std::isfinite(a) && std::isfinite(b)) {
    return wrong("the result does not fit into a float", "use smaller numbers");
  }
  return Val(out);
}

Result<Val> of_floats(Op op, double a, double b) {
  switch (op) {
    case Op::add:
      return Val(a + b);
    case Op::subtract:
      return Val(a - b);
    case Op::multiply:
      return Val(a * b);
    case Op::divide:
      if (b == 0) {
        return by_zero();
      }
      return Val(a / b);
    case Op::power:
      return float_power(a, b);
    default:
      return float_floor(a, b, op == Op::modulo);
  }
}

std::string_view sign_of(Op op) {
  switch (op) {
    case Op::add:
      return "+";
    case Op::subtract:
      return "-";
    case Op::multiply:
      return "*";
    case Op::divide:
      return "/";
    case Op::floor_divide:
      return "//";
    case Op::modulo:
      return "%";
    default:
      return "**";
  }
}

}  // namespace

Result<Val> arithmetic(Op op, const Val& a, const Val& b) {
  if (a.is(Type::undefined) || b.is(Type::undefined)) {
    return Machine::undefined(a.is(Type::undefined) ? a : b);
  }
  if (!a.is_number() || !b.is_number()) {
    return wrong(
        fmt::format("'{}' does not work on {} and {}", sign_of(op), a.type_name(), b.type_name()),
        "convert with `int`, `float` or `string`; `~` joins texts");
  }
  return a.is_integral() && b.is_integral() ? of_integers(op, a.as_int(), b.as_int())
                                            : of_floats(op, a.as_real(), b.as_real());
}

Result<Val> Machine::binary(Op op, const Val& a, const Val& b) {
  TRY_OK(spend(1));
  const Taint taint = a.taint() | b.taint();
  const auto tainted = [taint](Result<Val> result) {
    return result ? Result<Val>(std::move(*result).with_taint(taint)) : result;
  };
  switch (op) {
    case Op::add:
      return tainted(add(a, b));
    case Op::multiply:
      return tainted(multiply(a, b));
    case Op::modulo:
      return tainted(modulo(a, b));
    default:
      return tainted(arithmetic(op, a, b));
  }
}

Result<Val> Machine::negative(const Val& value) {
  if (value.is(Type::real)) {
    return Val(-value.as_real()).with_taint(value.taint());
  }
  return binary(Op::subtract, Val(int64_t{0}), value);
}

Result<Val> Machine::add(const Val& a, const Val& b) {
  if (a.is_string() && b.is_string()) {
    TRY_OK(spend_text(a.as_string().size() + b.as_string().size()));
    return Val(a.as_string() + b.as_string());
  }
  if (!a.is_listlike() || a.type() != b.type()) {
    return arithmetic(Op::add, a, b);
  }
  TRY(Vals joined, items(a));
  TRY(Vals more, items(b));
  joined.insert(joined.end(), more.begin(), more.end());
  return a.is(Type::tuple) ? tuple(std::move(joined)) : list(std::move(joined));
}

Result<Val> Machine::multiply(const Val& a, const Val& b) {
  const bool first = a.is_string() || a.is_listlike();
  if (first && b.is_integral()) {
    return repeat(a, b.as_int());
  }
  return (b.is_string() || b.is_listlike()) && a.is_integral() ? repeat(b, a.as_int())
                                                               : arithmetic(Op::multiply, a, b);
}

Result<Val> Machine::repeat(const Val& a, int64_t times) {
  const size_t count = times < 0 ? 0 : static_cast<size_t>(times);
  const size_t size = a.is_string() ? a.as_string().size() : a.size();
  size_t total = 0;
  if (__builtin_mul_overflow(size, count, &total)) {
    total = SIZE_MAX;
  }
  if (a.is_string()) {
    TRY_OK(spend_text(total));
    std::string out;
    out.reserve(total);
    for (size_t i = 0; size > 0 && i < count; ++i) {
      out += a.as_string();
    }
    return Val(std::move(out));
  }
  TRY_OK(spend_items(total));
  Vals out;
  for (size_t i = 0; i < total; ++i) {
    out.push_back(a.item(i % size));
  }
  return a.is(Type::tuple) ? tuple(std::move(out)) : list(std::move(out));
}

Result<Val> Machine::modulo(const Val& a, const Val& b) {
  if (!a.is_string()) {
    return arithmetic(Op::modulo, a, b);
  }
  return format_text(*this, a.as_string(), b);
}

}  // namespace tutti::expr
