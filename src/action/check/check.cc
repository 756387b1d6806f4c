// SPDX-License-Identifier: Apache-2.0
#include "action/check/check.h"

#include <fmt/format.h>

#include "action/check/json_schema.h"
#include "base/ascii.h"
#include "base/trim.h"
#include "core/expr/expr.h"

namespace tutti::action {
namespace {

constexpr size_t shown_bytes_max = 300;

Schema make_schema() {
  return {
      .name = "check",
      .summary = "Fails unless something is true, and says what was expected and seen.",
      .params = {{.name = "expr",
                  .kind = ParamKind::expression,
                  .doc = "What must be true.",
                  .raw = true},
                 {.name = "value",
                  .kind = ParamKind::value,
                  .doc = "What must be as `schema` says."},
                 {.name = "schema",
                  .kind = ParamKind::json_schema,
                  .doc = "A file with a JSON Schema (draft 2020-12), or the schema itself."},
                 {.name = "connection", .kind = ParamKind::database, .doc = "Where `query` runs."},
                 {.name = "query",
                  .kind = ParamKind::sql,
                  .doc = "Every cell of its first row must be true."}},
      .one_of = {{"expr", "value", "query"}},
      .together = {{"value", "schema"}, {"connection", "query"}},
      .outputs = {{.name = "seen",
                   .kind = "value",
                   .doc = "The value, the two sides of a comparison, or the first row."}},
  };
}

std::string shown(const Value& value) {
  std::string text = to_json(value);
  if (text.size() > shown_bytes_max) {
    text.resize(shown_bytes_max);
    while (!is_utf8(text)) {
      text.pop_back();
    }
    text += "...";
  }
  return text;
}

Outcome wrong(Error error) { return Failed{.error = std::move(error), .retryable = false}; }

Outcome not_true(std::string what, Value seen) {
  return Failed{.error = {.code = Code::corrupt, .what = std::move(what)},
                .reason = FailReason::data,
                .retryable = true,
                .output = Value::of({{"seen", std::move(seen)}})};
}

Outcome done(Value seen) { return Done{.output = Value::of({{"seen", std::move(seen)}})}; }

Outcome check_expression(Attempt& attempt, const std::string& expression) {
  auto answer = attempt.evaluate(expression, {});
  if (!answer.has_value()) {
    return wrong(with_context(std::move(answer).error(), "with.expr"));
  }
  Value seen = *answer;
  std::string saw;
  const auto sides = sides_of_comparison(expression);
  if (!sides.empty()) {
    ValueList values;
    for (const std::string& side : sides) {
      auto value = attempt.evaluate(side, {});
      if (value.has_value()) {
        saw += fmt::format("{}{} is {}", saw.empty() ? "" : ", ", side, shown(*value));
        values.push_back(std::move(*value));
      }
    }
    if (values.size() == sides.size()) {
      seen = values;
    }
  }
  if (expr::truth(*answer)) {
    return done(std::move(seen));
  }
  if (saw.empty()) {
    saw = shown(*answer);
  }
  return not_true(fmt::format("expected `{}`; saw: {}", expression, saw), std::move(seen));
}

// One row of a query's result, as texts and cells.
ValueMap cells_of(const Value& row) {
  if (row.is_map()) {
    return row.as_map();
  }
  ValueMap cells;
  if (row.is_list()) {
    for (size_t i = 0; i < row.as_list().size(); ++i) {
      cells.set(fmt::format("column {}", i + 1), row.as_list()[i]);
    }
  }
  return cells;
}

}  // namespace

std::vector<std::string> sides_of_comparison(std::string_view text) {
  constexpr std::string_view operators[] = {"==", "!=", "<=", ">=", "<", ">"};
  const auto is_word = [](char c) { return is_ascii_alnum(c) || c == '_'; };
  size_t found = std::string_view::npos;
  size_t found_size = 0;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '"') {
      for (++i; i < text.size() && text[i] != c; ++i) {
        i += text[i] == '\\' ? 1 : 0;
      }
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      --depth;
    } else if (depth == 0 && is_word(c)) {
      const size_t begin = i;
      while (i + 1 < text.size() && is_word(text[i + 1])) {
        ++i;
      }
      const std::string_view word = text.substr(begin, i + 1 - begin);
      if (word == "and" || word == "or" || word == "not" || word == "if" || word == "in" ||
          word == "is") {
        return {};
      }
    } else if (depth == 0) {
      for (const std::string_view each : operators) {
        if (text.substr(i).starts_with(each)) {
          if (found != std::string_view::npos) {
            return {};  // a chain
          }
          found = i;
          found_size = each.size();
          i += each.size() - 1;
          break;
        }
      }
    }
  }
  if (found == std::string_view::npos) {
    return {};
  }
  return {std::string(trimmed(text.substr(0, found))),
          std::string(trimmed(text.substr(found + found_size)))};
}

CheckAction::CheckAction(RunQuery run_query)
    : run_query_(std::move(run_query)), schema_(make_schema()) {}

// tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
Task<Preview> CheckAction::plan(rt::Context&, const AttemptInfo&, Value with) {
  Preview preview;
  Preview::Step step{.what = "check an expression", .detail = std::string(with.get_string("expr"))};
  if (!with["query"].is_null()) {
    step = {.what = fmt::format("check a query in {}", with.get_string("connection")),
            .detail = std::string(with.get_string("query"))};
  } else if (with["expr"].is_null()) {
    step = {.what = "check a value against a JSON Schema",
            .detail = with["schema"].is_string() ? with["schema"].as_string() : ""};
  }
  preview.steps.push_back(std::move(step));
  co_return preview;
}

Task<Outcome> CheckAction::run(rt::Context& ctx, Attempt& attempt, Value with) {
  CO_OK(ctx.check());
  if (with["expr"].is_bool()) {
    co_return with["expr"].as_bool() ? done(true) : not_true("expected true; saw: false", false);
  }
  if (with["expr"].is_string()) {
    co_return check_expression(attempt, with["expr"].as_string());
  }
  if (!with["query"].is_null()) {
    co_return co_await check_query(ctx, attempt, std::move(with));
  }
  if (with["schema"].is_null()) {
    co_return wrong({.code = Code::bad_input,
                     .what = "there is nothing to check",
                     .remedy = "give expr, or value and schema, or connection and query"});
  }
  co_return co_await check_schema(ctx, attempt, std::move(with));
}

Task<Outcome> CheckAction::check_schema(rt::Context& ctx, Attempt& attempt, Value with) {
  Value schema = with["schema"];
  if (schema.is_string()) {
    const std::string path = schema.as_string();
    CO_TRY(const std::string text, co_await attempt.project_file(ctx, path));
    auto parsed = parse_json(text);
    if (!parsed.has_value()) {
      Error error = std::move(parsed).error();
      error.where = path;
      error.what = "the schema is not JSON: " + error.what;
      co_return wrong(std::move(error));
    }
    schema = std::move(*parsed);
  }
  auto compiled = JsonSchema::compile(std::move(schema));
  if (!compiled.has_value()) {
    co_return wrong(std::move(compiled).error());
  }
  auto violations = compiled->validate(with["value"]);
  if (!violations.has_value()) {
    co_return wrong(std::move(violations).error());
  }
  if (violations->empty()) {
    co_return done(with["value"]);
  }
  std::string what = "the value is not as its schema says: " + violations->front().text();
  if (violations->size() > 1) {
    what += fmt::format(" (and {} more, see the log)", violations->size() - 1);
    std::string lines;
    for (const Violation& each : *violations) {
      lines += each.text() + "\n";
    }
    CO_OK(co_await attempt.log(ctx, Stream::system, std::move(lines)));
  }
  co_return not_true(std::move(what), with["value"]);
}

Task<Outcome> CheckAction::check_query(rt::Context& ctx, Attempt& attempt, Value with) {
  const std::string query(with.get_string("query"));
  if (!run_query_ || with.get_string("connection").empty()) {
    co_return wrong({.code = Code::bad_input,
                     .what = "a query needs the connection it runs in",
                     .where = "with.connection"});
  }
  CO_TRY(Outcome outcome, co_await run_query_(ctx, attempt.info(),
                                              std::string(with.get_string("connection")), query));
  if (std::holds_alternative<Failed>(outcome)) {
    co_return outcome;
  }
  const Value rows = std::get<Done>(outcome).output["rows"];
  if (!rows.is_list() || rows.as_list().empty()) {
    co_return not_true("expected a row whose cells are true; the query gave no row", Value());
  }
  const Value row = rows.as_list().front();
  const ValueMap cells = cells_of(row);
  std::string wrong_cells;
  for (const auto& [name, cell] : cells) {
    if (!expr::truth(cell)) {
      wrong_cells += fmt::format("{}{} is {}", wrong_cells.empty() ? "" : ", ", name, shown(cell));
    }
  }
  if (!wrong_cells.empty() || cells.empty()) {
    co_return not_true(
        fmt::format("expected every cell of the first row to be true; saw: {}", wrong_cells), row);
  }
  co_return done(row);
}

}  // namespace tutti::action
