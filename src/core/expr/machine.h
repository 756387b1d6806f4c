// SPDX-License-Identifier: Apache-2.0
// What operators, filters and tests share while one template runs: the budget, errors, and Python's
// rules of text, truth, equality and order. Nothing here knows the tree.
//
// Errors come without a place: the evaluator adds that of the expression that failed.
#pragma once

#include <compare>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "core/expr/ast.h"
#include "core/expr/expr.h"
#include "core/expr/val.h"

namespace tutti::expr {

class Machine {
 public:
  explicit Machine(const Limits& limits) : limits_(limits), steps_left_(limits.steps_max) {}

  // Work of about n small steps; fails when the template has used up its steps.
  Result<Unit> spend(size_t n);
  // A new text of that many bytes: within the output limit, and paid for.
  Result<Unit> spend_text(size_t bytes);
  // A new list of that many items.
  Result<Unit> spend_items(size_t items);

  // Containers made by the template: paid for, not too deep, no namespace in them (it could end up
  // in itself). What is undefined may be a part, as in Jinja2: it fails when it is used.
  Result<Val> list(Vals items);
  Result<Val> tuple(Vals items);
  Result<Val> map(std::vector<std::pair<std::string, Val>> members);
  Result<Val> text(std::string text);

  Result<std::string> str(const Val& value);
  Result<std::string> repr(const Val& value);
  Result<bool> truth(const Val& value);
  Result<bool> equal(const Val& a, const Val& b);
  Result<std::strong_ordering> order(const Val& a, const Val& b);
  Result<bool> contains(const Val& container, const Val& item);
  // What a `for` goes through: items, keys, code points.
  Result<Vals> items(const Val& value);
  Result<int64_t> length(const Val& value);
  // For a typed result: `what` names it in errors.
  Result<Value> to_value(const Val& value);

  // a[key] and a.name with Python's rules; what is not there is undefined, not an error.
  Result<Val> at(const Val& value, const Val& key);
  Result<Val> member(const Val& value, std::string_view name);
  Result<Val> slice(const Val& value, const Val& start, const Val& stop, const Val& step);

  // Op is one of the arithmetic ones.
  Result<Val> binary(Op op, const Val& a, const Val& b);
  Result<Val> negative(const Val& value);

  // "Did you mean" costs a search, so only the first few undefined names of a rendering get one.
  std::string suggestion(std::string_view name, std::span<const std::string_view> known);

  // The error of using something undefined.
  static std::unexpected<Error> undefined(const Val& value);

  const Limits& limits() const { return limits_; }

 private:
  Result<Unit> append_repr(std::string& out, const Val& value);
  Result<Unit> append_members(std::string& out, const Val& map);
  Result<Unit> append_items(std::string& out, const Val& list);
  Result<Unit> check_parts(std::span<const Val> items);
  Result<std::strong_ordering> order_items(const Val& a, const Val& b);
  Val no_member(const Val& map, std::string_view name);
  Result<Val> add(const Val& a, const Val& b);
  Result<Val> multiply(const Val& a, const Val& b);
  Result<Val> repeat(const Val& a, int64_t times);
  Result<Val> modulo(const Val& a, const Val& b);

  Limits limits_;
  size_t steps_left_;
  size_t suggestions_left_ = 20;
};

// "a string cannot be ...": an error of the user's template.
inline std::unexpected<Error> wrong(std::string what, std::string remedy = {}) {
  return fail(Code::bad_input, std::move(what), std::move(remedy));
}

// Python's repr of a string.
std::string python_quoted(std::string_view text);

// Numbers only (arithmetic.cc); the rest of binary() is in operators.cc.
Result<Val> arithmetic(Op op, const Val& a, const Val& b);

// printf-style formatting: `format` and `%` (format.cc). `args` is what stands right of the %.
Result<Val> format_text(Machine& machine, std::string_view format, const Val& args);

}  // namespace tutti::expr
