// SPDX-License-Identifier: Apache-2.0
// printf-style formatting as Python's `%` has it: %(name)s, flags, width, precision, the
// conversions s r a d i u x X o e E f F g G c %.
#include <array>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

#include "core/expr/machine.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

constexpr int64_t width_max = 1'000'000;
constexpr int64_t precision_max = 1'000;

struct Spec {
  bool left = false, zero = false, plus = false, space = false, alternate = false;
  int64_t width = 0;
  int64_t precision = -1;
  char conversion = 's';
};

class Formatter {
 public:
  Formatter(Machine& machine, std::string_view format, const Val& args)
      : machine_(machine), format_(format), args_(args) {}

  Result<Val> run() {
    while (at_ < format_.size()) {
      const size_t percent = std::min(format_.find('%', at_), format_.size());
      out_ += format_.substr(at_, percent - at_);
      at_ = percent + 1;
      if (percent < format_.size()) {
        TRY_OK(one());
        TRY_OK(machine_.spend_text(out_.size() - std::min(out_.size(), paid_)));
        paid_ = out_.size();
      }
    }
    const bool leftover = args_.is(Type::tuple) ? next_ < args_.size()
                                                : next_ == 0 && !by_name_ && !args_.is(Type::map);
    if (leftover && !args_.is(Type::list) && !args_.is_blank()) {
      return wrong("the format takes fewer values than it is given", "add a %s for each value");
    }
    TRY(Val text, machine_.text(std::move(out_)));
    return std::move(text).with_taint(args_.deep_taint());
  }

 private:
  char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  Result<Val> next_value() {
    if (!args_.is(Type::tuple)) {
      if (next_++ > 0) {
        return wrong("the format takes more values than it is given", "give one for each %");
      }
      return args_;
    }
    if (next_ >= args_.size()) {
      return wrong("the format takes more values than it is given", "give one for each %");
    }
    return args_.item(next_++);
  }

  Result<Val> named_value() {
    const size_t end = format_.find(')', at_);
    if (end == std::string_view::npos || !args_.is(Type::map)) {
      return wrong("%(name) needs a closing ) and values with names",
                   "write \"%(name)s\" | format(name=...)");
    }
    const std::string_view name = format_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    by_name_ = true;
    Val found;
    if (!args_.find(name, found)) {
      return wrong(fmt::format("the format names '{}', which is not given", name));
    }
    return found;
  }

  Result<int64_t> number(int64_t limit) {
    if (peek() == '*') {
      ++at_;
      TRY(const Val value, next_value());
      if (!value.is_integral() || value.as_int() > limit || value.as_int() < -limit) {
        return wrong("'*' in a format takes a small whole number");
      }
      return value.as_int();
    }
    int64_t n = 0;
    for (; peek() >= '0' && peek() <= '9' && n <= limit; ++at_) {
      n = n * 10 + (peek() - '0');
    }
    if (n > limit) {
      return wrong(fmt::format("the format asks for a width over {}", limit));
    }
    return n;
  }

  Result<Spec> parse_spec() {
    Spec spec;
    for (;; ++at_) {
      const char c = peek();
      if (c != '-' && c != '0' && c != '+' && c != ' ' && c != '#') {
        break;
      }
      (c == '-'   ? spec.left
       : c == '0' ? spec.zero
       : c == '+' ? spec.plus
       : c == ' ' ? spec.space
                  : spec.alternate) = true;
    }
    TRY(spec.width, number(width_max));
    if (spec.width < 0) {
      spec.left = true;
      spec.width = -spec.width;
    }
    if (peek() == '.') {
      ++at_;
      TRY(spec.precision, number(precision_max));
      spec.precision = std::max<int64_t>(spec.precision, 0);
    }
    if (peek() == 'l' || peek() == 'h' || peek() == 'L') {
      ++at_;
    }
    if (at_ >= format_.size()) {
      return wrong("the format ends inside a %", "write %% for a percent sign");
    }
    spec.conversion = format_[at_++];
    return spec;
  }

  Result<Unit> one() {
    Val named;
    const bool by_name = peek() == '(';
    if (by_name) {
      TRY(named, named_value());
    }
    TRY(const Spec spec, parse_spec());
    if (spec.conversion == '%') {
      out_ += '%';
      return Unit{};
    }
    if (!std::string_view("srdiuxXoeEfFgGca").contains(spec.conversion)) {
      return wrong(fmt::format("the format has no conversion %{}", spec.conversion),
                   "the usual ones are %s, %d and %.2f; write %% for a percent sign");
    }
    Val value = named;
    if (!by_name) {
      TRY(value, next_value());
    }
    if (value.is_strict()) {
      return Machine::undefined(value);
    }
    return append(spec, value);
  }

  Result<Unit> append(const Spec& spec, const Val& value) {
    switch (spec.conversion) {
      case 's':
      case 'r':
      case 'a':
      case 'c':
        return append_text(spec, value);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return append_integer(spec, value);
      default:
        return append_float(spec, value);
    }
  }

  Result<Unit> append_text(const Spec& spec, const Val& value) {
    std::string text;
    if (spec.conversion == 'c') {
      TRY(text, character(value));
    } else if (spec.conversion == 's') {
      TRY(text, machine_.str(value));
    } else {
      TRY(text, machine_.repr(value));
    }
    if (spec.conversion == 'a') {
      text = ascii_only(text);
    }
    if (spec.precision >= 0) {
      const std::u32string points = points_of(text);
      text = text_of_points(
          std::u32string_view(points).substr(0, static_cast<size_t>(spec.precision)));
    }
    pad(spec, "", std::move(text), false);
    return Unit{};
  }

  static std::string ascii_only(const std::string& text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const uint32_t c = next_point(text, at);
      out += c < 0x80      ? std::string(1, static_cast<char>(c))
             : c < 0x100   ? fmt::format("\\x{:02x}", c)
             : c < 0x10000 ? fmt::format("\\u{:04x}", c)
                           : fmt::format("\\U{:08x}", c);
    }
    return out;
  }

  static Result<std::string> character(const Val& value) {
    std::string text;
    if (value.is_string() && point_count(value.as_string()) == 1) {
      text = value.as_string();
    } else if (value.is_integral() && value.as_int() >= 0 && value.as_int() <= 0x10FFFF &&
               (value.as_int() < 0xD800 || value.as_int() > 0xDFFF)) {
      append_point(text, static_cast<char32_t>(value.as_int()));
    } else {
      return wrong("%c takes one character or its number");
    }
    return text;
  }

  Result<Unit> append_integer(const Spec& spec, const Val& value) {
    const bool decimal = std::string_view("diu").contains(spec.conversion);
    if (!value.is_integral() && !(decimal && value.is(Type::real))) {
      return wrong(
          fmt::format("%{} takes a whole number, not {}", spec.conversion, value.type_name()),
          "convert it with `int`");
    }
    if (value.is(Type::real) && !(std::abs(value.as_real()) < 9.2e18)) {
      return wrong("this number does not fit into a whole number of 64 bits");
    }
    const int64_t n = value.is(Type::real) ? static_cast<int64_t>(value.as_real()) : value.as_int();
    const uint64_t size = n < 0 ? 0 - static_cast<uint64_t>(n) : static_cast<uint64_t>(n);
    std::string digits = spec.conversion == 'x'   ? fmt::format("{:x}", size)
                         : spec.conversion == 'X' ? fmt::format("{:X}", size)
                         : spec.conversion == 'o' ? fmt::format("{:o}", size)
                                                  : fmt::format("{}", size);
    if (spec.precision > static_cast<int64_t>(digits.size())) {
      digits.insert(0, static_cast<size_t>(spec.precision) - digits.size(), '0');
    }
    std::string sign = sign_of(spec, n < 0);
    if (spec.alternate && !decimal) {
      sign += {'0', spec.conversion};
    }
    pad(spec, sign, std::move(digits), true);
    return Unit{};
  }

  Result<Unit> append_float(const Spec& spec, const Val& value) {
    if (!value.is_number()) {
      return wrong(fmt::format("%{} takes a number, not {}", spec.conversion, value.type_name()),
                   "convert it with `float`");
    }
    const double d = value.as_real();
    const std::string pattern = fmt::format("%{}.*{}", spec.alternate ? "#" : "", spec.conversion);
    std::array<char, 2048> buffer{};
    const int precision = static_cast<int>(spec.precision < 0 ? 6 : spec.precision);
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    const int length =
        std::snprintf(buffer.data(), buffer.size(), pattern.c_str(), precision, std::abs(d));
#pragma clang diagnostic pop
    std::string digits(buffer.data(), static_cast<size_t>(length));
    pad(spec, sign_of(spec, std::signbit(d) && !std::isnan(d)), std::move(digits), true);
    return Unit{};
  }

  static std::string sign_of(const Spec& spec, bool below_zero) {
    return below_zero ? "-" : spec.plus ? "+" : spec.space ? " " : "";
  }

  void pad(const Spec& spec, const std::string& sign, std::string body, bool number) {
    const size_t have = sign.size() + point_count(body);
    const size_t missing =
        static_cast<size_t>(spec.width) > have ? static_cast<size_t>(spec.width) - have : 0;
    if (spec.left) {
      out_ += sign + body + std::string(missing, ' ');
    } else if (spec.zero && number) {
      out_ += sign + std::string(missing, '0') + body;
    } else {
      out_ += std::string(missing, ' ') + sign + body;
    }
  }

  Machine& machine_;
  std::string_view format_;
  const Val& args_;
  std::string out_;
  size_t paid_ = 0;
  size_t at_ = 0;
  size_t next_ = 0;
  bool by_name_ = false;
};

}  // namespace

Result<Val> format_text(Machine& machine, std::string_view format, const Val& args) {
  return Formatter(machine, format, args).run();
}

}  // namespace tutti::expr
