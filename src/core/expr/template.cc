// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "core/expr/expr.h"
#include "core/expr/parser.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

std::expected<Template, Problem> parse(std::string_view text, bool expression) {
  TRY(auto program, Parser(text, expression).run());
  return Template(std::move(program));
}

}  // namespace

Place place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {.line = static_cast<size_t>(std::ranges::count(before, '\n')) + 1,
          .column = point_count(before.substr(line_start)) + 1};
}

Error to_error(const Problem& problem, std::string_view text) {
  const Place place = place_of(text, problem.offset);
  return Error{.code = Code::bad_input,
               .what = problem.what,
               .where = fmt::format("{}:{}", place.line, place.column),
               .remedy = problem.remedy};
}

Template::Template(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

std::string_view Template::text() const { return program_->text; }

std::expected<Template, Problem> parse_template(std::string_view text) {
  return parse(text, false);
}

std::expected<Template, Problem> parse_expression(std::string_view text) {
  return parse(text, true);
}

bool is_plain(const Template& tmpl) { return tmpl.program().plain; }

bool is_single_expression(const Template& tmpl) { return tmpl.program().single; }

void Context::set(std::string name, Value value) { roots_.set(std::move(name), std::move(value)); }

void Context::set_unknown(std::span<const std::string> path) {
  if (path.empty()) {
    return;
  }
  if (!unknown_.is_map()) {
    unknown_ = Value(ValueMap());
  }
  Value* at = &unknown_;
  for (size_t i = 0; i < path.size(); ++i) {
    ValueMap& map = at->edit_map();
    Value* next = map.find(path[i]);
    if (next == nullptr) {
      map.set(path[i], Value(ValueMap()));
      next = map.find(path[i]);
    }
    if (next->is_bool()) {
      return;  // all of it is unknown already
    }
    at = next;
  }
  *at = Value(true);
}

}  // namespace tutti::expr
