// SPDX-License-Identifier: Apache-2.0
// The few Python methods that templates call on values, and the functions.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/expr/registry.h"
#include "core/expr/strings.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

Result<Val> with_filter(Machine& m, std::string_view filter, const Args& a) {
  return find_filter(filter)->run(m, a);
}

Result<Val> upper_method(Machine& m, const Args& a) { return with_filter(m, "upper", a); }
Result<Val> lower_method(Machine& m, const Args& a) { return with_filter(m, "lower", a); }
Result<Val> capitalize_method(Machine& m, const Args& a) { return with_filter(m, "capitalize", a); }

Result<Val> strip_side(Machine& m, const Args& a, Side side) {
  std::optional<std::string> chars;
  if (a.some(0)) {
    TRY(chars, a.text(0, ""));
  }
  return m.text(strip(a.input.as_string(), chars, side));
}

Result<Val> strip_method(Machine& m, const Args& a) { return strip_side(m, a, Side::both); }
Result<Val> lstrip_method(Machine& m, const Args& a) { return strip_side(m, a, Side::left); }
Result<Val> rstrip_method(Machine& m, const Args& a) { return strip_side(m, a, Side::right); }

Result<Val> list_of(Machine& m, std::vector<std::string> parts) {
  TRY_OK(m.spend_items(parts.size()));
  Vals out;
  for (std::string& part : parts) {
    out.push_back(Val(std::move(part)));
  }
  return m.list(std::move(out));
}

Result<Val> split_side(Machine& m, const Args& a, bool right) {
  const std::string& text = a.input.as_string();
  TRY(const int64_t max, a.integer(1, -1));
  TRY_OK(m.spend_text(text.size() * 4));
  if (!a.some(0)) {
    return list_of(m, right ? split_space_right(text, max) : split_space(text, max));
  }
  TRY(const std::string separator, a.text(0, ""));
  if (separator.empty()) {
    return wrong("a text cannot be split at nothing", "use `list` for its characters");
  }
  return list_of(m, right ? split_at_right(text, separator, max) : split_at(text, separator, max));
}

Result<Val> split_method(Machine& m, const Args& a) { return split_side(m, a, false); }
Result<Val> rsplit_method(Machine& m, const Args& a) { return split_side(m, a, true); }

Result<Val> splitlines_method(Machine& m, const Args& a) {
  return list_of(m, split_lines(a.input.as_string()));
}

Result<bool> any_of_texts(const Args& a, bool (*matches)(std::string_view, std::string_view)) {
  const std::string& text = a.input.as_string();
  if (!a[0].is(Type::tuple)) {
    TRY(const std::string affix, a.text(0, ""));
    return matches(text, affix);
  }
  bool found = false;
  for (size_t i = 0; i < a[0].size(); ++i) {
    const Val affix = a[0].item(i);
    if (!affix.is_string()) {
      return wrong("only strings can begin or end a text");
    }
    found = found || matches(text, affix.as_string());
  }
  return found;
}

Result<Val> startswith_method(Machine&, const Args& a) {
  TRY(const bool yes,
      any_of_texts(a, [](std::string_view t, std::string_view s) { return t.starts_with(s); }));
  return Val(yes);
}

Result<Val> endswith_method(Machine&, const Args& a) {
  TRY(const bool yes,
      any_of_texts(a, [](std::string_view t, std::string_view s) { return t.ends_with(s); }));
  return Val(yes);
}

Result<Val> replace_method(Machine& m, const Args& a) {
  TRY_OK(a.text(0, ""));
  TRY_OK(a.text(1, ""));
  TRY_OK(a.integer(2, -1));
  return with_filter(m, "replace", a);
}

Result<Val> join_method(Machine& m, const Args& a) {
  TRY(const Vals items, m.items(a[0]));
  for (const Val& item : items) {
    if (!item.is_string()) {
      return wrong(fmt::format("join() takes strings, not {}", item.type_name()),
                   "the filter `join` converts: items | join(', ')");
    }
  }
  const Callable* join = find_filter("join");
  return join->run(m,
                   Args{.input = a[0], .bound = {a.input, std::nullopt}, .rest = {}, .named = {}});
}

Result<Val> find_method_of_string(Machine& m, const Args& a) {
  TRY(const std::string part, a.text(0, ""));
  const std::string& text = a.input.as_string();
  TRY_OK(m.spend_text(text.size()));
  const size_t at = text.find(part);
  return Val(at == std::string::npos ? int64_t{-1}
                                     : static_cast<int64_t>(point_count(text.substr(0, at))));
}

Result<Val> count_method(Machine& m, const Args& a) {
  TRY(const std::string part, a.text(0, ""));
  TRY_OK(m.spend_text(a.input.as_string().size()));
  const std::string& text = a.input.as_string();
  if (part.empty()) {
    return Val(static_cast<int64_t>(point_count(text)) + 1);
  }
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return Val(count);
}

Result<Val> zfill_method(Machine& m, const Args& a) {
  TRY(const int64_t asked, a.integer(0, 0));
  const int64_t width = std::clamp<int64_t>(asked, 0, INT64_MAX / 2);
  std::string text = a.input.as_string();
  const int64_t missing = width - static_cast<int64_t>(point_count(text));
  if (missing > 0) {
    TRY_OK(m.spend_text(text.size() + static_cast<size_t>(missing)));
    const bool sign = text.starts_with('-') || text.starts_with('+');
    text.insert(sign ? 1 : 0, static_cast<size_t>(missing), '0');
  }
  return m.text(std::move(text));
}

Result<Val> removeprefix_method(Machine& m, const Args& a) {
  TRY(const std::string prefix, a.text(0, ""));
  std::string_view text = a.input.as_string();
  text.remove_prefix(text.starts_with(prefix) ? prefix.size() : 0);
  return m.text(std::string(text));
}

Result<Val> removesuffix_method(Machine& m, const Args& a) {
  TRY(const std::string suffix, a.text(0, ""));
  std::string_view text = a.input.as_string();
  text.remove_suffix(text.ends_with(suffix) ? suffix.size() : 0);
  return m.text(std::string(text));
}

constexpr std::array string_methods{
    Callable{"upper", "", upper_method},
    Callable{"lower", "", lower_method},
    Callable{"capitalize", "", capitalize_method},
    Callable{"strip", "chars=none", strip_method},
    Callable{"lstrip", "chars=none", lstrip_method},
    Callable{"rstrip", "chars=none", rstrip_method},
    Callable{"split", "sep=none maxsplit=-1", split_method},
    Callable{"rsplit", "sep=none maxsplit=-1", rsplit_method},
    Callable{"splitlines", "", splitlines_method},
    Callable{"startswith", "prefix", startswith_method},
    Callable{"endswith", "suffix", endswith_method},
    Callable{"replace", "old new count=-1", replace_method},
    Callable{"join", "items", join_method},
    Callable{"find", "part", find_method_of_string},
    Callable{"count", "part", count_method},
    Callable{"zfill", "width", zfill_method},
    Callable{"removeprefix", "prefix", removeprefix_method},
    Callable{"removesuffix", "suffix", removesuffix_method},
};

Result<Val> items_method(Machine& m, const Args& a) { return with_filter(m, "items", a); }
Result<Val> keys_method(Machine& m, const Args& a) { return with_filter(m, "list", a); }

Result<Val> values_method(Machine& m, const Args& a) {
  Vals out;
  for (size_t i = 0; i < a.input.size(); ++i) {
    out.push_back(a.input.member(i));
  }
  return m.list(std::move(out));
}

Result<Val> get_method(Machine& m, const Args& a) {
  Val found;
  TRY(const bool there, m.contains(a.input, a[0]));
  if (there) {
    a.input.find(a[0].as_string(), found);
    return found;
  }
  return a.get(1);
}

constexpr std::array map_methods{
    Callable{"items", "", items_method, true},
    Callable{"keys", "", keys_method, true},
    Callable{"values", "", values_method, true},
    Callable{"get", "key default=none", get_method, true},
};

Result<Val> list_index(Machine& m, const Args& a) {
  for (size_t i = 0; i < a.input.size(); ++i) {
    TRY(const bool same, m.equal(a.input.item(i), a[0]));
    if (same) {
      return Val(static_cast<int64_t>(i));
    }
  }
  return wrong("the list has no such item", "ask `x in list` before");
}

Result<Val> list_count(Machine& m, const Args& a) {
  int64_t count = 0;
  for (size_t i = 0; i < a.input.size(); ++i) {
    TRY(const bool same, m.equal(a.input.item(i), a[0]));
    count += same ? 1 : 0;
  }
  return Val(count);
}

constexpr std::array list_methods{
    Callable{"index", "item", list_index},
    Callable{"count", "item", list_count},
};

Result<Val> cycle_method(Machine&, const Args& a) {
  if (a.rest.empty()) {
    return wrong("cycle() needs something to cycle through");
  }
  return a.rest[a.input.as_loop().index % a.rest.size()];
}

Result<Val> changed_method(Machine& m, const Args& a) {
  TRY_OK(m.list(a.rest));  // neither the loop itself nor a namespace may be kept in the loop
  Loop& loop = a.input.as_loop();
  bool changed = !loop.has_last_changed || loop.last_changed.size() != a.rest.size();
  for (size_t i = 0; !changed && i < a.rest.size(); ++i) {
    TRY(const bool same, m.equal(loop.last_changed[i], a.rest[i]));
    changed = !same;
  }
  loop.has_last_changed = true;
  loop.last_changed = a.rest;
  return Val(changed);
}

constexpr std::array loop_methods{
    Callable{"cycle", "*", cycle_method, true},
    Callable{"changed", "*", changed_method},
};

Result<Val> range_function(Machine&, const Args& a) {
  TRY(const int64_t first, a.integer(0, 0));
  TRY(const int64_t second, a.integer(1, 0));
  TRY(const int64_t step, a.integer(2, 1));
  if (step == 0) {
    return wrong("range() cannot go on by 0", "use 1 or -1");
  }
  const Range range = a.has(1) ? Range{first, second, step} : Range{0, first, 1};
  if (range.size() > static_cast<size_t>(INT64_MAX)) {
    return wrong("the range has more numbers than 64 bits can count", "ask for fewer");
  }
  return Val::range(range);
}

Result<Val> dict_function(Machine& m, const Args& a) {
  std::vector<std::pair<std::string, Val>> members;
  if (a.has(0) && a[0].is(Type::map)) {
    for (size_t i = 0; i < a[0].size(); ++i) {
      members.emplace_back(a[0].key(i), a[0].member(i));
    }
  } else if (a.has(0) && a[0].is(Type::undefined)) {
    return Machine::undefined(a[0]);
  } else if (a.has(0)) {
    TRY(const Vals pairs, m.items(a[0]));
    for (const Val& pair : pairs) {
      TRY(const Vals two, m.items(pair));
      if (two.size() != 2 || !two[0].is_string()) {
        return wrong("dict() takes pairs of a string and a value");
      }
      members.emplace_back(two[0].as_string(), two[1]);
    }
  }
  members.insert(members.end(), a.named.begin(), a.named.end());
  return m.map(std::move(members));
}

Result<Val> namespace_function(Machine& m, const Args& a) {
  TRY(const Val map, dict_function(m, a));
  auto members = std::make_shared<Members>();
  for (size_t i = 0; i < map.size(); ++i) {
    members->set(std::string(map.key(i)), map.member(i));
  }
  return Val::space(std::move(members));
}

constexpr std::array functions{
    Callable{"range", "start_or_stop stop=none step=1", range_function},
    Callable{"dict", "from=none **", dict_function, true},
    Callable{"namespace", "from=none **", namespace_function, true},
};

}  // namespace

std::span<const Callable> all_functions() { return functions; }

std::span<const Callable> methods_of(Type receiver) {
  switch (receiver) {
    case Type::string:
      return string_methods;
    case Type::map:
      return map_methods;
    case Type::list:
      return list_methods;
    case Type::loop:
      return loop_methods;
    default:
      return {};
  }
}

}  // namespace tutti::expr
