// SPDX-License-Identifier: Apache-2.0
// Filters that compare: sort, dictsort, groupby, unique, min, max, sum.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "core/expr/attributes.h"
#include "core/expr/registry.h"

namespace tutti::expr {
namespace {

struct Keyed {
  Val key;
  Val value;
};

// A stable merge sort of our own: comparing can fail, which the library's cannot say.
Result<Unit> merge(Machine& m, std::vector<Keyed>& items, size_t low, size_t middle, size_t high,
                   bool reverse) {
  std::vector<Keyed> merged;
  size_t left = low;
  size_t right = middle;
  while (left < middle && right < high) {
    TRY(const auto order, m.order(items[right].key, items[left].key));
    const bool from_right = reverse ? order > 0 : order < 0;
    merged.push_back(std::move(items[from_right ? right++ : left++]));
  }
  std::move(items.begin() + static_cast<std::ptrdiff_t>(left),
            items.begin() + static_cast<std::ptrdiff_t>(middle), std::back_inserter(merged));
  std::ranges::move(merged, items.begin() + static_cast<std::ptrdiff_t>(low));
  return Unit{};
}

Result<std::vector<Keyed>> sorted(Machine& m, std::vector<Keyed> items, bool reverse) {
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t low = 0; low + width < items.size(); low += 2 * width) {
      TRY_OK(merge(m, items, low, low + width, std::min(low + 2 * width, items.size()), reverse));
    }
  }
  return items;
}

Result<Val> values_of(Machine& m, std::vector<Keyed> items) {
  Vals out;
  for (Keyed& item : items) {
    out.push_back(std::move(item.value));
  }
  return m.list(std::move(out));
}

Result<Val> sort_filter(Machine& m, const Args& a) {
  TRY(const bool reverse, a.boolean(m, 0, false));
  TRY(const bool case_sensitive, a.boolean(m, 1, false));
  TRY(const std::vector<Attribute> by, attributes_of(m, a.get(2), !case_sensitive));
  TRY(const Vals items, m.items(a.input));
  std::vector<Keyed> keyed;
  for (const Val& item : items) {
    Vals key;
    for (const Attribute& attribute : by) {
      TRY(Val part, attribute.of(m, item));
      key.push_back(std::move(part));
    }
    TRY(Val keys, m.list(std::move(key)));
    keyed.push_back({std::move(keys), item});
  }
  TRY(keyed, sorted(m, std::move(keyed), reverse));
  return values_of(m, std::move(keyed));
}

Result<Val> dictsort_filter(Machine& m, const Args& a) {
  if (!a.input.is(Type::map)) {
    return wrong(fmt::format("'dictsort' takes a map, not {}", a.input.type_name()));
  }
  TRY(const bool case_sensitive, a.boolean(m, 0, false));
  TRY(const std::string by, a.text(1, "key"));
  TRY(const bool reverse, a.boolean(m, 2, false));
  if (by != "key" && by != "value") {
    return wrong("'dictsort' sorts by 'key' or 'value'");
  }
  TRY(const Attribute itself, attribute_of(m, Val(), !case_sensitive));
  std::vector<Keyed> keyed;
  for (size_t i = 0; i < a.input.size(); ++i) {
    const Val key(std::string(a.input.key(i)));
    TRY(Val sort_key, itself.of(m, by == "key" ? key : a.input.member(i)));
    TRY(Val pair, m.tuple({key, a.input.member(i)}));
    keyed.push_back({std::move(sort_key), std::move(pair)});
  }
  TRY(keyed, sorted(m, std::move(keyed), reverse));
  return values_of(m, std::move(keyed));
}

Result<Val> groupby_filter(Machine& m, const Args& a) {
  TRY(const bool case_sensitive, a.boolean(m, 2, false));
  TRY(Attribute by, attribute_of(m, a[0], !case_sensitive));
  by.fallback = a.get(1);
  Attribute shown = by;
  shown.ignore_case = false;
  TRY(const Vals items, m.items(a.input));
  std::vector<Keyed> keyed;
  for (const Val& item : items) {
    TRY(Val key, by.of(m, item));
    keyed.push_back({std::move(key), item});
  }
  TRY(keyed, sorted(m, std::move(keyed), false));
  Vals out;
  for (size_t start = 0; start < keyed.size();) {
    Vals group{keyed[start].value};
    size_t end = start + 1;
    for (; end < keyed.size(); ++end) {
      TRY(const bool same, m.equal(keyed[start].key, keyed[end].key));
      if (!same) {
        break;
      }
      group.push_back(keyed[end].value);
    }
    TRY(const Val name, shown.of(m, keyed[start].value));
    TRY(const Val members, m.list(std::move(group)));
    out.push_back(Val::group(name, members));
    start = end;
  }
  return m.list(std::move(out));
}

// A text that is equal for equal values, as a hash is in Python: 1, 1.0 and true are one.
Result<std::string> identity(Machine& m, const Val& value) {
  if (value.is_strict()) {
    return Machine::undefined(value);
  }
  if (value.is_number()) {
    const double d = value.as_real();
    const bool whole = value.is_integral() ||
                       (std::isfinite(d) &&
                        d == static_cast<double>(static_cast<int64_t>(std::clamp(d, -9e18, 9e18))));
    return whole && !value.is_integral() ? fmt::format("{}", static_cast<int64_t>(d))
           : whole                       ? fmt::format("{}", value.as_int())
                                         : float_text(d);
  }
  if (value.is(Type::tuple)) {
    std::string out = "(";
    for (size_t i = 0; i < value.size(); ++i) {
      TRY(const std::string part, identity(m, value.item(i)));
      out += part + ",";
    }
    return out + ")";
  }
  if (value.is(Type::list) || value.is(Type::map)) {
    return wrong(fmt::format("'unique' cannot compare {}s", value.is(Type::map) ? "map" : "list"),
                 "name what makes an item unique: unique(attribute='id')");
  }
  return m.repr(value);
}

Result<Val> unique_filter(Machine& m, const Args& a) {
  TRY(const bool case_sensitive, a.boolean(m, 0, false));
  TRY(const Attribute by, attribute_of(m, a.get(1), !case_sensitive));
  TRY(const Vals items, m.items(a.input));
  std::set<std::string> seen;
  Vals out;
  for (const Val& item : items) {
    TRY(const Val key, by.of(m, item));
    TRY(std::string id, identity(m, key));
    TRY_OK(m.spend_text(id.size()));
    if (seen.insert(std::move(id)).second) {
      out.push_back(item);
    }
  }
  return m.list(std::move(out));
}

Result<Val> extreme(Machine& m, const Args& a, bool smallest) {
  TRY(const bool case_sensitive, a.boolean(m, 0, false));
  TRY(const Attribute by, attribute_of(m, a.get(1), !case_sensitive));
  TRY(const Vals items, m.items(a.input));
  if (items.empty()) {
    return Val::undefined("there is no smallest or biggest item: the list is empty");
  }
  size_t best = 0;
  TRY(Val best_key, by.of(m, items[0]));
  for (size_t i = 1; i < items.size(); ++i) {
    TRY(Val key, by.of(m, items[i]));
    TRY(const auto order, m.order(key, best_key));
    if (smallest ? order < 0 : order > 0) {
      best = i;
      best_key = std::move(key);
    }
  }
  return items[best];
}

Result<Val> min_filter(Machine& m, const Args& a) { return extreme(m, a, true); }
Result<Val> max_filter(Machine& m, const Args& a) { return extreme(m, a, false); }

Result<Val> sum_filter(Machine& m, const Args& a) {
  TRY(const Attribute of, attribute_of(m, a.get(0)));
  TRY(const Vals items, m.items(a.input));
  Val total = a.has(1) ? a[1] : Val(int64_t{0});
  if (total.is_string()) {
    return wrong("'sum' does not add strings", "use join");
  }
  for (const Val& item : items) {
    TRY(const Val part, of.of(m, item));
    TRY(total, m.binary(Op::add, total, part));
  }
  return total;
}

constexpr std::array filters{
    Callable{"sort", "reverse=false case_sensitive=false attribute=none", sort_filter},
    Callable{"dictsort", "case_sensitive=false by='key' reverse=false", dictsort_filter},
    Callable{"groupby", "attribute default=none case_sensitive=false", groupby_filter},
    Callable{"unique", "case_sensitive=false attribute=none", unique_filter},
    Callable{"min", "case_sensitive=false attribute=none", min_filter},
    Callable{"max", "case_sensitive=false attribute=none", max_filter},
    Callable{"sum", "attribute=none start=0", sum_filter},
};

}  // namespace

std::span<const Callable> more_list_filters() { return filters; }

}  // namespace tutti::expr
