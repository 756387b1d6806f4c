// SPDX-License-Identifier: Apache-2.0
// The tests of `is`.
#include <array>

#include <fmt/format.h>

#include "core/expr/registry.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

using Verdict = Result<Val>;

Verdict is_defined(Machine&, const Args& a) { return !a.input.is(Type::undefined); }
Verdict is_undefined(Machine&, const Args& a) { return a.input.is(Type::undefined); }
Verdict is_none(Machine&, const Args& a) { return a.input.is_null(); }
Verdict is_boolean(Machine&, const Args& a) { return a.input.is(Type::boolean); }
Verdict is_true(Machine&, const Args& a) { return a.input.is(Type::boolean) && a.input.as_bool(); }
Verdict is_false(Machine&, const Args& a) {
  return a.input.is(Type::boolean) && !a.input.as_bool();
}
Verdict is_integer(Machine&, const Args& a) { return a.input.is(Type::integer); }
Verdict is_float(Machine&, const Args& a) { return a.input.is(Type::real); }
Verdict is_number(Machine&, const Args& a) { return a.input.is_number(); }
Verdict is_string(Machine&, const Args& a) { return a.input.is_string(); }
Verdict is_mapping(Machine&, const Args& a) { return a.input.is(Type::map); }

Verdict is_sequence(Machine&, const Args& a) {
  return a.input.is_string() || a.input.is_listlike() || a.input.is(Type::map) ||
         a.input.is(Type::range) || a.input.is_blank();
}

Verdict is_iterable(Machine& m, const Args& a) {
  if (a.input.is_strict()) {
    return Machine::undefined(a.input);
  }
  return is_sequence(m, a);
}

Verdict rest_is(Machine& m, const Val& value, const Val& by, int64_t wanted) {
  TRY(const Val rest, m.binary(Op::modulo, value, by));
  TRY(const bool same, m.equal(rest, Val(wanted)));
  return same;
}

Verdict is_odd(Machine& m, const Args& a) { return rest_is(m, a.input, Val(int64_t{2}), 1); }
Verdict is_even(Machine& m, const Args& a) { return rest_is(m, a.input, Val(int64_t{2}), 0); }
Verdict is_divisible(Machine& m, const Args& a) { return rest_is(m, a.input, a[0], 0); }

// str.islower and str.isupper: some letter has a case, and none has the other one.
Verdict has_case(Machine& m, const Args& a, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  TRY(const std::string text, m.str(a.input));
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_point(text, at);
    if (other(c) || is_title(c)) {
      return false;
    }
    found = found || wanted(c);
  }
  return found;
}

Verdict is_lower_case(Machine& m, const Args& a) { return has_case(m, a, is_lower, is_upper); }
Verdict is_upper_case(Machine& m, const Args& a) { return has_case(m, a, is_upper, is_lower); }

Verdict is_equal(Machine& m, const Args& a) { return m.equal(a.input, a[0]); }

Verdict is_not_equal(Machine& m, const Args& a) {
  TRY(const bool same, m.equal(a.input, a[0]));
  return !same;
}

Verdict is_less(Machine& m, const Args& a) {
  TRY(const auto order, m.order(a.input, a[0]));
  return order < 0;
}

Verdict is_less_equal(Machine& m, const Args& a) {
  TRY(const auto order, m.order(a.input, a[0]));
  return order <= 0;
}

Verdict is_greater(Machine& m, const Args& a) {
  TRY(const auto order, m.order(a.input, a[0]));
  return order > 0;
}

Verdict is_greater_equal(Machine& m, const Args& a) {
  TRY(const auto order, m.order(a.input, a[0]));
  return order >= 0;
}

Verdict is_in(Machine& m, const Args& a) { return m.contains(a[0], a.input); }

// Identity means something only for none, true and false here.
Verdict is_same(Machine&, const Args& a) {
  if (a.input.is_null() || a[0].is_null()) {
    return a.input.is_null() && a[0].is_null();
  }
  if (a.input.is(Type::boolean) || a[0].is(Type::boolean)) {
    return a.input.is(Type::boolean) && a[0].is(Type::boolean) &&
           a.input.as_bool() == a[0].as_bool();
  }
  return wrong("'sameas' is for none, true and false", "compare with ==");
}

// Lists and maps are refused: they cannot be a name, and Python cannot even look them up.
Verdict names(const Args& a, const Callable* (*find)(std::string_view)) {
  if (a.input.is(Type::list) || a.input.is(Type::map)) {
    return wrong(fmt::format("{} cannot be a name", a.input.type_name()));
  }
  return a.input.is_string() && find(a.input.as_string()) != nullptr;
}

Verdict is_filter(Machine&, const Args& a) { return names(a, find_filter); }
Verdict is_test(Machine&, const Args& a) { return names(a, find_test); }

constexpr std::array tests{
    Callable{"defined", "", is_defined, true},
    Callable{"undefined", "", is_undefined, true},
    Callable{"none", "", is_none},
    Callable{"boolean", "", is_boolean},
    Callable{"true", "", is_true},
    Callable{"false", "", is_false},
    Callable{"integer", "", is_integer},
    Callable{"float", "", is_float},
    Callable{"number", "", is_number},
    Callable{"string", "", is_string},
    Callable{"mapping", "", is_mapping, true},
    Callable{"sequence", "", is_sequence, true},
    Callable{"iterable", "", is_iterable, true},
    Callable{"odd", "", is_odd},
    Callable{"even", "", is_even},
    Callable{"divisibleby", "num", is_divisible},
    Callable{"lower", "", is_lower_case},
    Callable{"upper", "", is_upper_case},
    Callable{"in", "seq", is_in},
    Callable{"sameas", "other", is_same},
    Callable{"filter", "", is_filter},
    Callable{"test", "", is_test},
    Callable{"eq", "other", is_equal},
    Callable{"equalto", "other", is_equal},
    Callable{"==", "other", is_equal},
    Callable{"ne", "other", is_not_equal},
    Callable{"!=", "other", is_not_equal},
    Callable{"lt", "other", is_less},
    Callable{"lessthan", "other", is_less},
    Callable{"<", "other", is_less},
    Callable{"le", "other", is_less_equal},
    Callable{"<=", "other", is_less_equal},
    Callable{"gt", "other", is_greater},
    Callable{"greaterthan", "other", is_greater},
    Callable{">", "other", is_greater},
    Callable{"ge", "other", is_greater_equal},
    Callable{">=", "other", is_greater_equal},
};

}  // namespace

std::span<const Callable> all_tests() { return tests; }

}  // namespace tutti::expr
