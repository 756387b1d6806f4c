// SPDX-License-Identifier: Apache-2.0
// Filters of lists and maps that look at no order: taking, cutting, choosing, calling others.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/expr/attributes.h"
#include "core/expr/registry.h"
#include "core/expr/strings.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

Result<Val> first_filter(Machine& m, const Args& a) {
  if (a.input.is(Type::range) && a.input.size() > 0) {
    return a.input.item(0);
  }
  TRY(const Vals items, m.items(a.input));
  return items.empty() ? Val::undefined("there is no first item: the list is empty") : items[0];
}

Result<Val> last_filter(Machine& m, const Args& a) {
  if (a.input.is(Type::range) && a.input.size() > 0) {
    return a.input.item(a.input.size() - 1);
  }
  TRY(const Vals items, m.items(a.input));
  return items.empty() ? Val::undefined("there is no last item: the list is empty") : items.back();
}

Result<Val> length_filter(Machine& m, const Args& a) {
  TRY(const int64_t length, m.length(a.input));
  return Val(length);
}

Result<Val> list_filter(Machine& m, const Args& a) {
  TRY(Vals items, m.items(a.input));
  return m.list(std::move(items));
}

Result<Val> pairs_of(Machine& m, const Val& map) {
  Vals out;
  for (size_t i = 0; i < map.size(); ++i) {
    TRY(Val pair, m.tuple({Val(std::string(map.key(i))), map.member(i)}));
    out.push_back(std::move(pair));
  }
  return m.list(std::move(out));
}

Result<Val> items_filter(Machine& m, const Args& a) {
  if (a.input.is(Type::undefined)) {
    return Val::list({});
  }
  if (!a.input.is(Type::map)) {
    return wrong(fmt::format("'items' takes a map, not {}", a.input.type_name()));
  }
  return pairs_of(m, a.input);
}

Result<Val> default_filter(Machine& m, const Args& a) {
  const Val fallback = a.has(0) ? a[0] : Val(std::string());
  if (a.input.is(Type::undefined)) {
    return fallback;
  }
  TRY(const bool boolean, a.boolean(m, 1, false));
  if (!boolean) {
    return a.input;
  }
  TRY(const bool true_already, m.truth(a.input));
  return true_already ? a.input : fallback;
}

Result<Val> reverse_filter(Machine& m, const Args& a) {
  if (a.input.is_string()) {
    std::u32string points = points_of(a.input.as_string());
    std::ranges::reverse(points);
    return m.text(text_of_points(points));
  }
  TRY(Vals items, m.items(a.input));
  std::ranges::reverse(items);
  return m.list(std::move(items));
}

Result<Val> batch_filter(Machine& m, const Args& a) {
  TRY(const Vals items, m.items(a.input));
  TRY(const int64_t count, a.integer(0, 0));
  Vals out;
  Vals row;
  for (const Val& item : items) {
    if (static_cast<int64_t>(row.size()) == count) {
      TRY(Val made, m.list(std::exchange(row, {})));
      out.push_back(std::move(made));
    }
    row.push_back(item);
  }
  if (!row.empty()) {
    if (a.some(1) && static_cast<int64_t>(row.size()) < count) {
      TRY_OK(m.spend_items(static_cast<size_t>(count)));
      row.resize(static_cast<size_t>(count), a[1]);
    }
    TRY(Val made, m.list(std::move(row)));
    out.push_back(std::move(made));
  }
  return m.list(std::move(out));
}

Result<Val> slice_filter(Machine& m, const Args& a) {
  TRY(const Vals items, m.items(a.input));
  TRY(const int64_t slices, a.integer(0, 1));
  if (slices == 0) {
    return wrong("'slice' needs at least 1 slice");
  }
  const size_t count = static_cast<size_t>(std::max<int64_t>(slices, 0));
  TRY_OK(m.spend_items(count));
  Vals out;
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    const bool extra = i < items.size() % count;
    const size_t end = at + items.size() / count + (extra ? 1 : 0);
    Vals part(items.begin() + static_cast<std::ptrdiff_t>(at),
              items.begin() + static_cast<std::ptrdiff_t>(end));
    if (a.some(1) && !extra) {
      part.push_back(a[1]);
    }
    TRY(Val made, m.list(std::move(part)));
    out.push_back(std::move(made));
    at = end;
  }
  return m.list(std::move(out));
}

Result<Val> join_filter(Machine& m, const Args& a) {
  TRY(Vals items, m.items(a.input));
  TRY(const std::string between, m.str(a.has(0) ? a[0] : Val(std::string())));
  TRY(const Attribute attribute, attribute_of(m, a.get(1)));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    TRY(const Val item, attribute.of(m, items[i]));
    TRY(const std::string text, m.str(item));
    out += i == 0 ? "" : between;
    out += text;
    TRY_OK(m.spend_text(text.size() + between.size()));
    if (out.size() > m.limits().output_bytes_max) {
      return m.text(std::move(out));
    }
  }
  return m.text(std::move(out));
}

Result<Val> attr_filter(Machine& m, const Args& a) {
  TRY(const std::string name, a.text(0, ""));
  if (a.input.is(Type::map)) {
    return Val::undefined(fmt::format("a map has no attribute '{}'", name),
                          "'attr' does not look into maps: write x.name or x['name']");
  }
  return m.member(a.input, name);
}

Result<Val> map_attribute(Machine& m, const Args& a, const Vals& items) {
  Val name;
  Val fallback;
  for (const auto& [keyword, value] : a.named) {
    if (keyword != "attribute" && keyword != "default") {
      return wrong(fmt::format("'map' has no argument '{}'", keyword),
                   "it takes the name of a filter, or attribute= and default=");
    }
    (keyword == "attribute" ? name : fallback) = value;
  }
  TRY(Attribute attribute, attribute_of(m, name));
  attribute.fallback = fallback;
  Vals out;
  for (const Val& item : items) {
    TRY(Val found, attribute.of(m, item));
    out.push_back(std::move(found));
  }
  return m.list(std::move(out));
}

Result<Val> map_filter(Machine& m, const Args& a) {
  TRY(const Vals items, m.items(a.input));
  const bool by_attribute = a.rest.empty() && std::ranges::any_of(a.named, [](const auto& n) {
                              return n.first == "attribute";
                            });
  if (by_attribute) {
    return map_attribute(m, a, items);
  }
  if (a.rest.empty() || !a.rest[0].is_string()) {
    return items.empty() ? Result<Val>(Val::list({}))
                         : wrong("'map' needs the name of a filter, or attribute=");
  }
  Vals out;
  for (const Val& item : items) {
    TRY(Val made, call_filter(m, a.rest[0].as_string(), item,
                              Vals(a.rest.begin() + 1, a.rest.end()), a.named));
    out.push_back(std::move(made));
  }
  return m.list(std::move(out));
}

// select, reject, selectattr, rejectattr: the items whose (attribute's) test comes out as `wanted`.
Result<Val> choose(Machine& m, const Args& a, bool by_attribute, bool wanted) {
  TRY(const bool any, m.truth(a.input));
  if (!any) {
    return Val::list({});
  }
  TRY(const Vals items, m.items(a.input));
  const size_t skip = by_attribute ? 1 : 0;
  if (a.rest.size() < skip) {
    return wrong("the name of the attribute is missing", "selectattr('name')");
  }
  TRY(const Attribute attribute, attribute_of(m, by_attribute ? a.rest[0] : Val()));
  Vals out;
  for (const Val& item : items) {
    TRY(const Val tested, attribute.of(m, item));
    Val verdict = tested;
    if (a.rest.size() > skip) {
      TRY(const std::string test, m.str(a.rest[skip]));
      const Vals more(a.rest.begin() + static_cast<std::ptrdiff_t>(skip) + 1, a.rest.end());
      TRY(verdict, call_test(m, test, tested, more, a.named));
    }
    TRY(const bool yes, m.truth(verdict));
    if (yes == wanted) {
      out.push_back(item);
    }
  }
  return m.list(std::move(out));
}

Result<Val> select_filter(Machine& m, const Args& a) { return choose(m, a, false, true); }
Result<Val> reject_filter(Machine& m, const Args& a) { return choose(m, a, false, false); }
Result<Val> selectattr_filter(Machine& m, const Args& a) { return choose(m, a, true, true); }
Result<Val> rejectattr_filter(Machine& m, const Args& a) { return choose(m, a, true, false); }

constexpr std::array filters{
    Callable{"first", "", first_filter, true},
    Callable{"last", "", last_filter, true},
    Callable{"length", "", length_filter, true},
    Callable{"count", "", length_filter, true},
    Callable{"list", "", list_filter, true},
    Callable{"items", "", items_filter, true},
    Callable{"default", "default_value='' boolean=false", default_filter, true},
    Callable{"d", "default_value='' boolean=false", default_filter, true},
    Callable{"reverse", "", reverse_filter, true},
    Callable{"batch", "linecount fill_with=none", batch_filter, true},
    Callable{"slice", "slices fill_with=none", slice_filter, true},
    Callable{"join", "d='' attribute=none", join_filter},
    Callable{"attr", "name", attr_filter, true},
    Callable{"map", "* **", map_filter, true},
    Callable{"select", "* **", select_filter},
    Callable{"reject", "* **", reject_filter},
    Callable{"selectattr", "* **", selectattr_filter},
    Callable{"rejectattr", "* **", rejectattr_filter},
};

}  // namespace

std::span<const Callable> list_filters() { return filters; }

}  // namespace tutti::expr
