// SPDX-License-Identifier: Apache-2.0
// x.name, x[key], x[a:b:c].
#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "core/expr/machine.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

Val loop_member(const Loop& loop, std::string_view name) {
  const int64_t index = static_cast<int64_t>(loop.index);
  const int64_t size = static_cast<int64_t>(loop.size);
  const std::array<std::pair<std::string_view, int64_t>, 7> numbers{
      {{"index", index + 1},
       {"index0", index},
       {"revindex", size - index},
       {"revindex0", size - index - 1},
       {"length", size},
       {"depth", 1},
       {"depth0", 0}}};
  auto at = std::ranges::find(numbers, name, &std::pair<std::string_view, int64_t>::first);
  if (at != numbers.end()) {
    return at->second;
  }
  if (name == "first" || name == "last") {
    return name == "first" ? index == 0 : index + 1 == size;
  }
  if (name == "previtem") {
    return index == 0 ? Val::undefined("there is no previous item", "ask loop.first before")
                      : loop.at(loop.index - 1);
  }
  if (name == "nextitem") {
    return index + 1 == size ? Val::undefined("there is no next item", "ask loop.last before")
                             : loop.at(loop.index + 1);
  }
  return Val::undefined(fmt::format("the loop has no member '{}'", name),
                        "it has index, index0, revindex, revindex0, first, last, length, previtem, "
                        "nextitem, cycle() and changed()");
}

Val out_of_range(int64_t index) {
  return Val::undefined(fmt::format("there is no item {}", index), "ask its length before");
}

}  // namespace

Val Machine::no_member(const Val& map, std::string_view name) {
  std::vector<std::string_view> keys;
  for (size_t i = 0; suggestions_left_ > 0 && i < map.size() && i < 1000; ++i) {
    keys.push_back(map.key(i));
  }
  return Val::undefined(fmt::format("there is no member '{}'", name), suggestion(name, keys))
      .with_taint(map.taint());
}

Result<Val> Machine::member(const Val& value, std::string_view name) {
  TRY_OK(spend(1));
  Val found;
  switch (value.type()) {
    case Type::undefined:
      return undefined(value);
    case Type::map:
      if (!value.find(name, found)) {
        return no_member(value, name);
      }
      TRY_OK(spend(found.is_string() ? found.as_string().size() / 256 : 0));  // it was copied
      return found;
    case Type::space: {
      const Val* held = value.as_space().find(name);
      return held != nullptr ? *held
                             : Val::undefined(fmt::format("the namespace has no member '{}'", name),
                                              "name it in namespace(...)");
    }
    case Type::loop:
      return loop_member(value.as_loop(), name).with_taint(value.taint());
    case Type::opaque: {
      const Opaque& opaque = value.as_opaque();
      return Val::opaque(opaque.secret ? opaque.label : fmt::format("{}.{}", opaque.label, name),
                         opaque.secret)
          .with_taint(value.taint());
    }
    default:
      if (value.is_group() && (name == "grouper" || name == "list")) {
        return value.item(name == "grouper" ? 0 : 1);
      }
      return Val::undefined(fmt::format("{} has no member '{}'", value.type_name(), name))
          .with_taint(value.taint());
  }
}

Result<Val> Machine::at(const Val& value, const Val& key) {
  TRY_OK(spend(1));
  if (value.is(Type::undefined) || key.is_strict()) {
    return undefined(value.is(Type::undefined) ? value : key);
  }
  if (key.is_blank()) {
    const Undefined& why = key.as_undefined();
    return Val::undefined(why.what, why.remedy).with_taint(value.taint() | key.taint());
  }
  if (key.is_string() || value.is(Type::opaque)) {
    TRY(const std::string name, str(key));
    TRY(Val found, member(value, name));
    return std::move(found).with_taint(key.deep_taint());
  }
  const Taint taint = value.taint() | key.deep_taint();
  if (value.is(Type::map)) {
    TRY(const std::string name, repr(key));
    return no_member(value, name).with_taint(taint);
  }
  if (!key.is_integral()) {
    return Val::undefined(fmt::format("{} is no index", key.type_name()), "use a whole number")
        .with_taint(taint);
  }
  const int64_t index = key.as_int();
  if (value.is_string()) {
    TRY(const Val part,
        slice(value, key, index == -1 || index == INT64_MAX ? Val() : Val(index + 1), Val()));
    return (part.as_string().empty() ? out_of_range(index) : part).with_taint(taint);
  }
  if (!value.is_listlike() && !value.is(Type::range)) {
    return Val::undefined(fmt::format("{} has no items", value.type_name())).with_taint(taint);
  }
  const int64_t size = static_cast<int64_t>(value.size());
  const int64_t place = index < 0 ? index + size : index;
  return (place < 0 || place >= size ? out_of_range(index) : value.item(static_cast<size_t>(place)))
      .with_taint(taint);
}

namespace {

// The part of a slice: absent, or a whole number.
Result<std::optional<int64_t>> bound(const Val& value) {
  if (value.is(Type::undefined)) {
    return Machine::undefined(value);
  }
  if (value.is_null()) {
    return std::nullopt;
  }
  if (!value.is_integral()) {
    return wrong(fmt::format("a slice is made with whole numbers, not {}", value.type_name()));
  }
  return value.as_int();
}

// Python's slice.indices(): calls `take` with each position that a slice takes.
template <class Take>
void each_position(int64_t size, std::optional<int64_t> start, std::optional<int64_t> stop,
                   int64_t step, Take take) {
  const int64_t low = step > 0 ? 0 : -1;
  const int64_t high = step > 0 ? size : size - 1;
  const auto clamp = [low, high, size](int64_t n) {
    return n < 0 ? std::max(n < -size ? low : n + size, low) : std::min(n, high);
  };
  const int64_t from = start ? clamp(*start) : (step > 0 ? low : high);
  const int64_t to = stop ? clamp(*stop) : (step > 0 ? high : low);
  for (int64_t i = from; step > 0 ? i < to : i > to;) {
    take(static_cast<size_t>(i));
    if (__builtin_add_overflow(i, step, &i)) {
      break;
    }
  }
}

}  // namespace

Result<Val> Machine::slice(const Val& value, const Val& start, const Val& stop, const Val& step) {
  TRY(const auto from, bound(start));
  TRY(const auto to, bound(stop));
  TRY(const auto by, bound(step));
  if (by == 0) {
    return wrong("a slice cannot go on by 0", "use 1 or -1");
  }
  if (value.is(Type::undefined)) {
    return undefined(value);
  }
  const Taint taint = value.taint() | start.deep_taint() | stop.deep_taint() | step.deep_taint();
  if (!value.is_string() && !value.is_listlike() && !value.is(Type::range)) {
    return Val::undefined(fmt::format("{} cannot be sliced", value.type_name()),
                          "strings and lists can")
        .with_taint(taint);
  }
  TRY(const int64_t size, length(value));
  TRY_OK(
      spend_items(value.is_string() ? static_cast<size_t>(size) / 16 : static_cast<size_t>(size)));
  if (value.is_string()) {
    const std::u32string points = points_of(value.as_string());
    std::u32string part;
    each_position(size, from, to, by.value_or(1), [&](size_t i) { part += points[i]; });
    return Val(text_of_points(part)).with_taint(taint);
  }
  Vals part;
  each_position(size, from, to, by.value_or(1), [&](size_t i) { part.push_back(value.item(i)); });
  TRY(Val out, value.is(Type::tuple) ? tuple(std::move(part)) : list(std::move(part)));
  return std::move(out).with_taint(taint);
}

}  // namespace tutti::expr
