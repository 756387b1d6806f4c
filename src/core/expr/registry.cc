// SPDX-License-Identifier: Apache-2.0
#include "core/expr/registry.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/closest.h"

namespace tutti::expr {
namespace {

struct Param {
  std::string_view name;
  bool required;
};

std::vector<Param> params_of(std::string_view params) {
  std::vector<Param> out;
  while (!params.empty()) {
    const std::string_view word = params.substr(0, params.find(' '));
    params.remove_prefix(std::min(params.size(), word.size() + 1));
    const size_t equals = word.find('=');
    out.push_back({.name = word.substr(0, equals),
                   .required = equals == std::string_view::npos && word[0] != '*'});
  }
  return out;
}

const Callable* find_in(std::span<const Callable> table, std::string_view name) {
  auto at = std::ranges::find(table, name, &Callable::name);
  return at == table.end() ? nullptr : &*at;
}

std::vector<std::span<const Callable>> filter_tables() {
  return {text_filters(),   list_filters(), more_list_filters(),
          number_filters(), data_filters(), date_filters()};
}

constexpr std::array method_types{Type::string, Type::map, Type::list, Type::loop};

std::vector<std::string_view> names_of(std::span<const std::span<const Callable>> tables) {
  std::vector<std::string_view> out;
  for (std::span<const Callable> table : tables) {
    for (const Callable& callable : table) {
      out.push_back(callable.name);
    }
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

}  // namespace

Result<int64_t> Args::integer(size_t i, int64_t fallback) const {
  if (!has(i)) {
    return fallback;
  }
  if (bound[i]->is(Type::undefined)) {
    return Machine::undefined(*bound[i]);
  }
  if (!bound[i]->is_integral()) {
    return wrong(fmt::format("an argument must be a whole number, not {}", bound[i]->type_name()),
                 "convert it with `int`");
  }
  return bound[i]->as_int();
}

Result<bool> Args::boolean(Machine& machine, size_t i, bool fallback) const {
  return has(i) ? machine.truth(*bound[i]) : Result<bool>(fallback);
}

Result<std::string> Args::text(size_t i, std::string_view fallback) const {
  if (!has(i)) {
    return std::string(fallback);
  }
  if (bound[i]->is(Type::undefined)) {
    return Machine::undefined(*bound[i]);
  }
  if (!bound[i]->is_string()) {
    return wrong(fmt::format("an argument must be a string, not {}", bound[i]->type_name()),
                 "convert it with `string`");
  }
  return bound[i]->as_string();
}

std::string argument_problem(const Callable& callable, size_t positional,
                             std::span<const std::string_view> names) {
  const std::vector<Param> params = params_of(callable.params);
  const auto known = [&params](std::string_view name) {
    return std::ranges::find(params, name, &Param::name);
  };
  const auto places = static_cast<size_t>(
      std::ranges::count_if(params, [](const Param& p) { return p.name[0] != '*'; }));
  if (positional > places && known("*") == params.end()) {
    return fmt::format("'{}' takes at most {} argument{}, not {}", callable.name, places,
                       places == 1 ? "" : "s", positional);
  }
  for (std::string_view name : names) {
    auto at = known(name);
    if (at == params.end() && known("**") == params.end()) {
      return fmt::format("'{}' has no argument '{}'", callable.name, name);
    }
    if (at != params.end() && static_cast<size_t>(at - params.begin()) < positional) {
      return fmt::format("'{}' is given its argument '{}' twice", callable.name, name);
    }
  }
  for (size_t i = positional; i < params.size(); ++i) {
    if (params[i].required && std::ranges::find(names, params[i].name) == names.end()) {
      return fmt::format("'{}' needs its argument '{}'", callable.name, params[i].name);
    }
  }
  return {};
}

const Callable* find_filter(std::string_view name) {
  for (std::span<const Callable> table : filter_tables()) {
    if (const Callable* found = find_in(table, name)) {
      return found;
    }
  }
  return nullptr;
}

const Callable* find_test(std::string_view name) { return find_in(all_tests(), name); }

const Callable* find_function(std::string_view name) { return find_in(all_functions(), name); }

const Callable* find_method(Type receiver, std::string_view name) {
  return find_in(methods_of(receiver == Type::tuple ? Type::list : receiver), name);
}

bool is_method(std::string_view name) {
  return std::ranges::any_of(method_types, [name](Type type) { return find_method(type, name); });
}

std::string_view why_no_filter(std::string_view name) {
  constexpr std::array<std::string_view, 8> html{"e",      "escape",    "forceescape", "safe",
                                                 "urlize", "striptags", "xmlattr",     "mark_safe"};
  if (name == "random") {
    return "a run must give the same result each time it is planned or retried; use `first`, or "
           "`sort` by something";
  }
  if (name == "pprint") {
    return "use tojson(indent=2)";
  }
  return std::ranges::find(html, name) == html.end()
             ? ""
             : "it is for HTML, and nothing is escaped here: leave it out";
}

std::vector<std::string_view> filter_names() { return names_of(filter_tables()); }

std::vector<std::string_view> test_names() {
  const std::array tables{all_tests()};
  return names_of(tables);
}

std::vector<std::string_view> function_names() {
  const std::array tables{all_functions()};
  return names_of(tables);
}

std::vector<std::string_view> method_names() {
  std::vector<std::span<const Callable>> tables;
  std::ranges::transform(method_types, std::back_inserter(tables), methods_of);
  return names_of(tables);
}

namespace {

using Named = std::vector<std::pair<std::string, Val>>;

Result<Args> bind(const Callable& callable, Val input, Vals positional, Named named) {
  std::vector<std::string_view> names;
  std::ranges::transform(named, std::back_inserter(names),
                         [](const auto& n) -> std::string_view { return n.first; });
  if (std::string problem = argument_problem(callable, positional.size(), names);
      !problem.empty()) {
    return wrong(std::move(problem), fmt::format("its arguments are: {}", callable.params));
  }
  Args args{.input = std::move(input), .bound = {}, .rest = {}, .named = {}};
  const std::vector<Param> params = params_of(callable.params);
  const auto places = static_cast<size_t>(
      std::ranges::count_if(params, [](const Param& p) { return p.name[0] != '*'; }));
  args.bound.resize(places);
  for (size_t i = 0; i < positional.size(); ++i) {
    if (i < places) {
      args.bound[i] = std::move(positional[i]);
    } else {
      args.rest.push_back(std::move(positional[i]));
    }
  }
  for (auto& [name, value] : named) {
    auto at = std::ranges::find(params, name, &Param::name);
    if (at == params.end()) {
      args.named.emplace_back(std::move(name), std::move(value));
    } else {
      args.bound[static_cast<size_t>(at - params.begin())] = std::move(value);
    }
  }
  return args;
}

}  // namespace

Result<Val> call(Machine& machine, const Callable& callable, Val input, Vals positional,
                 Named named) {
  TRY_OK(machine.spend(1));
  Taint taint = callable.keeps_parts ? input.taint() : input.deep_taint();
  const Opaque* hidden = callable.keeps_parts && !input.is(Type::opaque) ? nullptr : input.hidden();
  const auto mind = [&taint, &hidden](const Val& argument) {
    taint |= argument.deep_taint();
    hidden = hidden == nullptr ? argument.hidden() : hidden;
  };
  std::ranges::for_each(positional, mind);
  std::ranges::for_each(named, [&mind](const auto& n) { mind(n.second); });
  if (hidden != nullptr) {
    return Val::opaque(hidden->label, hidden->secret).with_taint(taint);
  }
  TRY(const Args args, bind(callable, std::move(input), std::move(positional), std::move(named)));
  TRY(Val out, callable.run(machine, args));
  return std::move(out).with_taint(taint);
}

Result<Val> call_filter(Machine& machine, std::string_view name, Val input, Vals positional,
                        Named named) {
  if (const Callable* filter = find_filter(name)) {
    return call(machine, *filter, std::move(input), std::move(positional), std::move(named));
  }
  const std::string_view why = why_no_filter(name);
  return wrong(fmt::format("there is no filter '{}'", name),
               why.empty() ? did_you_mean(name, filter_names()) : std::string(why));
}

Result<Val> call_test(Machine& machine, std::string_view name, Val input, Vals positional,
                      Named named) {
  if (const Callable* test = find_test(name)) {
    return call(machine, *test, std::move(input), std::move(positional), std::move(named));
  }
  return wrong(fmt::format("there is no test '{}'", name), did_you_mean(name, test_names()));
}

}  // namespace tutti::expr
