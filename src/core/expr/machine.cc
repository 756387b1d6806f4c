// SPDX-License-Identifier: Apache-2.0
// The budget, and Python's truth, equality, order and membership.
#include "core/expr/machine.h"

#include <cmath>

#include <fmt/format.h>

#include "base/closest.h"
#include "core/expr/unicode.h"

namespace tutti::expr {

Result<Unit> Machine::spend(size_t n) {
  if (n > steps_left_) {
    steps_left_ = 0;
    return wrong(fmt::format("the template needs more than {} steps", limits_.steps_max),
                 "loop over less, or do this work in a task");
  }
  steps_left_ -= n;
  return Unit{};
}

Result<Unit> Machine::spend_text(size_t bytes) {
  if (bytes > limits_.output_bytes_max) {
    return wrong(
        fmt::format("the template makes a text of more than {} bytes", limits_.output_bytes_max),
        "write big data to a file in a task and pass its address");
  }
  return spend(bytes / 256 + 1);
}

Result<Unit> Machine::spend_items(size_t items) {
  if (items > limits_.output_bytes_max / sizeof(Val)) {
    return wrong(fmt::format("the template makes a list of more than {} items",
                             limits_.output_bytes_max / sizeof(Val)),
                 "make it in a task");
  }
  return spend(items / 4 + 1);
}

std::string Machine::suggestion(std::string_view name, std::span<const std::string_view> known) {
  if (suggestions_left_ == 0) {
    return {};
  }
  --suggestions_left_;
  return did_you_mean(name, known);
}

Result<Unit> Machine::check_parts(std::span<const Val> items) {
  TRY_OK(spend_items(items.size()));
  for (const Val& item : items) {
    if (item.is(Type::space) || item.is(Type::loop)) {
      return wrong(fmt::format("{} cannot be part of a list or map", item.type_name()),
                   "name one of its members");
    }
    if (item.depth() + 1 > limits_.depth_max) {
      return wrong(fmt::format("a value is nested more than {} deep", limits_.depth_max),
                   "flatten it");
    }
  }
  return Unit{};
}

Result<Val> Machine::list(Vals items) {
  TRY_OK(check_parts(items));
  return Val::list(std::move(items));
}

Result<Val> Machine::tuple(Vals items) {
  TRY_OK(check_parts(items));
  return Val::tuple(std::move(items));
}

Result<Val> Machine::map(std::vector<std::pair<std::string, Val>> members) {
  for (const auto& [key, value] : members) {
    TRY_OK(spend_text(key.size()));
    TRY_OK(check_parts(std::span(&value, 1)));
  }
  return Val::map(std::move(members));
}

Result<Val> Machine::text(std::string text) {
  TRY_OK(spend_text(text.size()));
  return Val(std::move(text));
}

Result<bool> Machine::truth(const Val& value) {
  switch (value.type()) {
    case Type::undefined:
      return value.is_blank() ? Result<bool>(false) : undefined(value);
    case Type::null:
      return false;
    case Type::boolean:
    case Type::integer:
      return value.as_int() != 0;
    case Type::real:
      return value.as_real() != 0;
    case Type::string:
      return !value.as_string().empty();
    case Type::list:
    case Type::tuple:
    case Type::map:
    case Type::range:
      return value.size() != 0;
    case Type::loop:
    case Type::space:
    case Type::opaque:
      return true;
  }
  return false;
}

namespace {

// Exact between int64 and double: a long double holds both.
std::partial_ordering compare_numbers(const Val& a, const Val& b) {
  if (a.is_integral() && b.is_integral()) {
    return a.as_int() <=> b.as_int();
  }
  const auto wide = [](const Val& v) {
    return v.is_integral() ? static_cast<long double>(v.as_int())
                           : static_cast<long double>(v.as_real());
  };
  return wide(a) <=> wide(b);
}

bool is_sequence(const Val& v) { return v.is_listlike() || v.is(Type::range); }

}  // namespace

Result<bool> Machine::equal(const Val& a, const Val& b) {
  TRY_OK(spend(1));
  if (a.is_strict() || b.is_strict()) {
    return undefined(a.is_strict() ? a : b);
  }
  if (a.is_number() && b.is_number()) {
    return compare_numbers(a, b) == 0;
  }
  if (a.type() != b.type()) {
    return false;
  }
  if (a.is_string()) {
    TRY_OK(spend_text(std::min(a.as_string().size(), b.as_string().size())));
    return a.as_string() == b.as_string();
  }
  if (is_sequence(a) || a.is(Type::map)) {
    if (a.size() != b.size()) {
      return false;
    }
    for (size_t i = 0; i < a.size(); ++i) {
      Val other;
      if (a.is(Type::map) && !b.find(a.key(i), other)) {
        return false;
      }
      TRY(const bool same,
          a.is(Type::map) ? equal(a.member(i), other) : equal(a.item(i), b.item(i)));
      if (!same) {
        return false;
      }
    }
    return true;
  }
  return a.is_null() || a.is_blank();
}

Result<std::strong_ordering> Machine::order(const Val& a, const Val& b) {
  TRY_OK(spend(1));
  if (a.is(Type::undefined) || b.is(Type::undefined)) {
    return undefined(a.is(Type::undefined) ? a : b);
  }
  if (a.is_number() && b.is_number()) {
    const auto order = compare_numbers(a, b);
    if (order == std::partial_ordering::unordered) {
      return wrong("nan has no order", "leave it out");
    }
    return order < 0   ? std::strong_ordering::less
           : order > 0 ? std::strong_ordering::greater
                       : std::strong_ordering::equal;
  }
  if (a.is_string() && b.is_string()) {
    TRY_OK(spend_text(std::min(a.as_string().size(), b.as_string().size())));
    return a.as_string() <=> b.as_string();  // the order of UTF-8 bytes is that of code points
  }
  if (a.type() == b.type() && a.is_listlike()) {
    return order_items(a, b);
  }
  return wrong(fmt::format("{} and {} have no order", a.type_name(), b.type_name()),
               "compare values of one type; `int` and `string` convert");
}

// Python looks for the first pair that is not equal, and orders only that.
Result<std::strong_ordering> Machine::order_items(const Val& a, const Val& b) {
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    TRY(const bool same, equal(a.item(i), b.item(i)));
    if (!same) {
      return order(a.item(i), b.item(i));
    }
  }
  return a.size() <=> b.size();
}

Result<bool> Machine::contains(const Val& container, const Val& item) {
  if (container.is_blank()) {
    return false;
  }
  // The items of a list look at it themselves; an empty list has none, and what is not defined is
  // not in it.
  if (container.is_strict() || (item.is_strict() && !is_sequence(container))) {
    return undefined(container.is_strict() ? container : item);
  }
  if (container.is_string()) {
    if (!item.is_string()) {
      return wrong(fmt::format("'in' a string needs a string, not {}", item.type_name()),
                   "convert it with `string`");
    }
    TRY_OK(spend_text(container.as_string().size()));
    return container.as_string().contains(item.as_string());
  }
  if (container.is(Type::map)) {
    if (item.is(Type::list) || item.is(Type::map)) {
      return wrong(fmt::format("{} cannot be a key", item.type_name()));
    }
    Val found;
    return item.is_string() && container.find(item.as_string(), found);
  }
  if (container.is(Type::range) && item.is_number()) {
    const Range& range = container.as_range();
    const double wanted = item.as_real();
    const bool whole =
        item.is_integral() || (wanted == std::floor(wanted) && std::abs(wanted) <= 9e18);
    if (!whole) {
      return false;
    }
    const int64_t n = item.is_integral() ? item.as_int() : static_cast<int64_t>(wanted);
    const bool inside =
        range.step > 0 ? n >= range.start && n < range.stop : n <= range.start && n > range.stop;
    const uint64_t from = static_cast<uint64_t>(range.start);
    const uint64_t steps = static_cast<uint64_t>(range.step);
    const uint64_t to = static_cast<uint64_t>(n);
    return inside && (range.step > 0 ? (to - from) % steps : (from - to) % (0 - steps)) == 0;
  }
  if (!is_sequence(container)) {
    return wrong(fmt::format("nothing can be 'in' {}", container.type_name()),
                 "use a string, list or map");
  }
  for (size_t i = 0; i < container.size(); ++i) {
    TRY(const bool same, equal(container.item(i), item));
    if (same) {
      return true;
    }
  }
  return false;
}

Result<Vals> Machine::items(const Val& value) {
  Vals out;
  if (value.is(Type::undefined)) {
    return value.is_blank() ? Result<Vals>(out) : undefined(value);
  }
  if (value.is_string()) {
    const std::string& text = value.as_string();
    TRY_OK(spend_items(text.size()));
    for (size_t at = 0; at < text.size();) {
      const size_t start = at;
      next_point(text, at);
      out.push_back(Val(text.substr(start, at - start)).with_taint(value.taint()));
    }
    return out;
  }
  if (!is_sequence(value) && !value.is(Type::map)) {
    return wrong(fmt::format("{} cannot be gone through", value.type_name()),
                 "use a list, a map or a string");
  }
  TRY_OK(spend_items(value.size()));
  out.reserve(value.size());
  size_t bytes = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    out.push_back(value.is(Type::map) ? Val(std::string(value.key(i))).with_taint(value.taint())
                                      : value.item(i));
    bytes += out.back().is_string() ? out.back().as_string().size() : 0;
  }
  TRY_OK(spend(bytes / 256));
  return out;
}

Result<int64_t> Machine::length(const Val& value) {
  if (value.is(Type::undefined)) {
    return value.is_blank() ? Result<int64_t>(0) : undefined(value);
  }
  if (value.is_string()) {
    TRY_OK(spend_text(value.as_string().size()));
    return static_cast<int64_t>(point_count(value.as_string()));
  }
  if (is_sequence(value) || value.is(Type::map)) {
    return static_cast<int64_t>(value.size());
  }
  if (value.is(Type::loop)) {
    return static_cast<int64_t>(value.as_loop().size);
  }
  return wrong(fmt::format("{} has no length", value.type_name()),
               "strings, lists and maps have one");
}

}  // namespace tutti::expr
