// SPDX-License-Identifier: Apache-2.0
// The tables of filters, tests, methods and functions: name, parameters, code. The same parameter
// text is checked by `validate`, bound when the template runs and printed in docs/templates.md.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/expr/machine.h"

namespace tutti::expr {

// What a filter is called with. `input` is what stands left of the |, the value of a test, the
// receiver of a method; null for a function.
struct Args {
  Val input;
  std::vector<std::optional<Val>> bound;  // by the place of the parameter, input not counted
  Vals rest;                              // of a `*` parameter
  std::vector<std::pair<std::string, Val>> named;  // of a `**` parameter

  bool has(size_t i) const { return i < bound.size() && bound[i].has_value(); }
  const Val& operator[](size_t i) const { return *bound[i]; }
  // Given and not none.
  bool some(size_t i) const { return has(i) && !bound[i]->is_null(); }
  Val get(size_t i) const { return has(i) ? *bound[i] : Val(); }
  Result<int64_t> integer(size_t i, int64_t fallback) const;
  Result<bool> boolean(Machine& machine, size_t i, bool fallback) const;
  Result<std::string> text(size_t i, std::string_view fallback) const;  // must be a string
};

struct Callable {
  std::string_view name;
  // Separated by spaces: `name`, `name=default`, `*`, `**`.
  std::string_view params;
  Result<Val> (*run)(Machine&, const Args&);
  // True when the parts of the input come out as they went in (first, list, map ...): then only
  // the parts that depend on a secret do. Otherwise everything that comes out does.
  bool keeps_parts = false;
};

// Positional and named arguments that are given to `callable`; what is wrong with their number and
// names, or empty.
std::string argument_problem(const Callable& callable, size_t positional,
                             std::span<const std::string_view> names);

const Callable* find_filter(std::string_view name);
const Callable* find_test(std::string_view name);
const Callable* find_function(std::string_view name);
// Methods of strings, maps, lists and the loop; the table knows the type of the receiver.
const Callable* find_method(Type receiver, std::string_view name);
bool is_method(std::string_view name);
// Why a filter of Jinja2 is not here, or empty.
std::string_view why_no_filter(std::string_view name);

std::span<const Callable> text_filters();
std::span<const Callable> list_filters();
std::span<const Callable> more_list_filters();
std::span<const Callable> number_filters();
std::span<const Callable> data_filters();
std::span<const Callable> date_filters();
std::span<const Callable> all_tests();
std::span<const Callable> all_functions();
std::span<const Callable> methods_of(Type receiver);

// Run by name, with secrets and unknown values handled: the one way in.
Result<Val> call(Machine& machine, const Callable& callable, Val input, Vals positional,
                 std::vector<std::pair<std::string, Val>> named);
Result<Val> call_filter(Machine& machine, std::string_view name, Val input, Vals positional,
                        std::vector<std::pair<std::string, Val>> named);
Result<Val> call_test(Machine& machine, std::string_view name, Val input, Vals positional,
                      std::vector<std::pair<std::string, Val>> named);

// Regular expressions (regex.cc). Empty when the pattern compiles.
std::string regex_problem(const std::string& pattern);
Result<Val> regex_replace(Machine& machine, const Args& args);

}  // namespace tutti::expr
