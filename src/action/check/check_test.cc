// SPDX-License-Identifier: Apache-2.0
#include "action/check/check.h"

#include "action/api/testing.h"
#include "action/check/formats.h"
#include "action/check/json_schema.h"
#include "core/expr/expr.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

Value json(std::string_view text) {
  auto value = parse_json(text);
  REQUIRE_OK(value);
  return *value;
}

// "": valid; else the first violation.
std::string violation(std::string_view schema, std::string_view value) {
  auto compiled = JsonSchema::compile(json(schema));
  REQUIRE_OK(compiled);
  auto violations = compiled->validate(json(value));
  REQUIRE_OK(violations);
  return violations->empty() ? "" : violations->front().text();
}

std::string schema_error(std::string_view schema) {
  auto compiled = JsonSchema::compile(json(schema));
  return compiled.has_value() ? "" : compiled.error().text();
}

TEST_CASE("each keyword accepts what it should and refuses the rest") {
  struct Case {
    const char* schema;
    const char* good;
    const char* bad;
  };
  for (const Case& c : {
           Case{R"({"type": "integer"})", "1.0", "1.5"},
           Case{R"({"type": ["string", "null"]})", "null", "1"},
           Case{R"({"type": "number"})", "1", "\"1\""},
           Case{R"({"type": "boolean"})", "true", "0"},
           Case{R"({"type": "array"})", "[]", "{}"},
           Case{R"({"type": "object"})", "{}", "[]"},
           Case{R"({"enum": [1, "a", [2]]})", "[2.0]", "\"b\""},
           Case{R"({"const": {"a": 1}})", R"({"a": 1.0})", "{}"},
           Case{R"({"minimum": 3})", "3", "2.9"},
           Case{R"({"maximum": 3})", "3.0", "4"},
           Case{R"({"exclusiveMinimum": 3})", "3.1", "3"},
           Case{R"({"exclusiveMaximum": 3})", "2", "3.0"},
           Case{R"({"multipleOf": 0.01})", "19.99", "19.999"},
           Case{R"({"multipleOf": 3})", "-9", "10"},
           Case{R"({"minLength": 2, "maxLength": 3})", "\"éé\"", "\"éééé\""},
           Case{R"({"pattern": "^[A-Z]{3}$"})", "\"EUR\"", "\"EURO\""},
           Case{R"({"pattern": "b"})", "\"abc\"", "\"ac\""},
           Case{R"({"format": "date"})", "\"2024-02-29\"", "\"2023-02-29\""},
           Case{R"({"minItems": 1, "maxItems": 2})", "[1]", "[]"},
           Case{R"({"uniqueItems": true})", "[1, \"1\"]", "[1, 2, 1.0]"},
           Case{R"({"uniqueItems": true})", "[{\"a\":1}]", R"([{"a":1,"b":2},{"b":2,"a":1}])"},
           Case{R"({"items": {"type": "string"}})", "[\"a\"]", "[\"a\", 1]"},
           Case{R"({"prefixItems": [{"type": "string"}], "items": false})", "[\"a\"]",
                "[\"a\", 1]"},
           Case{R"({"contains": {"const": 1}})", "[0, 1]", "[0]"},
           Case{R"({"contains": {"const": 1}, "minContains": 2, "maxContains": 2})", "[1, 1]",
                "[1, 1, 1]"},
           Case{R"({"required": ["a"]})", R"({"a": null})", "{}"},
           Case{R"({"properties": {"a": {"type": "string"}}})", R"({"b": 1})", R"({"a": 1})"},
           Case{R"({"properties": {"a": true}, "additionalProperties": false})", R"({"a": 1})",
                R"({"b": 1})"},
           Case{R"({"additionalProperties": {"type": "integer"}})", R"({"b": 1})", R"({"b": "1"})"},
           Case{R"({"patternProperties": {"^x_": {"type": "integer"}},
                    "additionalProperties": false})",
                R"({"x_a": 1})", R"({"x_a": "1"})"},
           Case{R"({"propertyNames": {"maxLength": 2}})", R"({"ab": 1})", R"({"abc": 1})"},
           Case{R"({"minProperties": 1, "maxProperties": 1})", R"({"a": 1})", "{}"},
           Case{R"({"dependentRequired": {"a": ["b"]}})", R"({"b": 1})", R"({"a": 1})"},
           Case{R"({"allOf": [{"minimum": 1}, {"maximum": 2}]})", "2", "3"},
           Case{R"({"anyOf": [{"type": "string"}, {"minimum": 5}]})", "5", "4"},
           Case{R"({"oneOf": [{"minimum": 1}, {"minimum": 5}]})", "3", "6"},
           Case{R"({"not": {"type": "string"}})", "1", "\"a\""},
           Case{R"({"if": {"minimum": 5}, "then": {"multipleOf": 2}, "else": {"const": 1}})", "6",
                "3"},
           Case{R"({"$ref": "#/$defs/p~1x", "$defs": {"p/x": {"type": "string"}}})", "\"a\"", "1"},
           Case{R"({"$defs": {"t": {"type": "object", "properties": {"next": {"$ref": "#/$defs/t"}},
                    "required": ["v"]}}, "$ref": "#/$defs/t"})",
                R"({"v": 1, "next": {"v": 2}})", R"({"v": 1, "next": {}})"},
           Case{"true", "1", nullptr},
           Case{"false", nullptr, "1"},
       }) {
    CAPTURE(c.schema);
    if (c.good != nullptr) {
      CHECK(violation(c.schema, c.good).empty());
    }
    if (c.bad != nullptr) {
      CHECK_FALSE(violation(c.schema, c.bad).empty());
    }
  }
}

TEST_CASE("a violation says where, what was expected and what was seen") {
  const char* schema = R"({"properties": {"lines": {"items": {"properties":
                           {"a/b": {"type": "number", "minimum": 0}}, "required": ["a/b"]}}}})";
  CHECK(violation(schema, R"({"lines": [{"a/b": 1}, {"a/b": -1}]})") ==
        "at /lines/1/a~1b: expected a number of at least 0, saw -1");
  CHECK(violation(schema, R"({"lines": [{}]})") == "at /lines/0: expected a member 'a/b', saw {}");
  CHECK(violation(R"({"type": "string"})", "1") == "expected type string, saw 1");
}

TEST_CASE("schemas that cannot be checked are refused, never half used") {
  CHECK(schema_error(R"({"unevaluatedProperties": false})") ==
        "schema /unevaluatedProperties: the keyword unevaluatedProperties is not known. ignoring "
        "it could let pass what it forbids");
  CHECK(schema_error(R"({"properties": {"a": {"tpye": "string"}}})").find("/properties/a/tpye") !=
        std::string::npos);
  CHECK(schema_error(R"({"type": "int"})").find("is no type") != std::string::npos);
  CHECK(schema_error(R"x({"pattern": "(?=x)"})x").find("RE2") != std::string::npos);
  CHECK(schema_error(R"({"format": "iri"})").find("not known") != std::string::npos);
  CHECK(schema_error(R"({"$ref": "http://x/y"})").find("same document") != std::string::npos);
  CHECK(schema_error(R"({"$ref": "#/$defs/none"})").find("not in this schema") !=
        std::string::npos);
  CHECK(schema_error(R"({"minLength": -1})").find("count") != std::string::npos);
  CHECK(schema_error(R"({"items": 3})").find("a schema is an object") != std::string::npos);
  CHECK(schema_error(R"({"x-note": 3, "title": "t", "examples": []})").empty());
  auto loop = JsonSchema::compile(json(R"({"$ref": "#"})"));
  REQUIRE_OK(loop);
  CHECK(loop->validate(Value(1)).error().code == Code::bad_input);
}

TEST_CASE("formats") {
  const auto ok = [](const char* format, const char* text) { return has_format(text, format); };
  CHECK(ok("date-time", "2024-01-31T10:20:30Z"));
  CHECK(ok("date-time", "2024-01-31T10:20:30.123+01:00"));
  CHECK_FALSE(ok("date-time", "2024-01-31T10:20:30"));
  CHECK_FALSE(ok("date-time", "2024-01-31"));
  CHECK_FALSE(ok("date-time", "2024-01-32T10:20:30Z"));
  CHECK(ok("time", "10:20:30Z"));
  CHECK(ok("email", "a.b+c@example.co.uk"));
  for (const char* bad : {"a", "a@", "@b", "a..b@c", "a b@c", "a@b-.c", "a@-b"}) {
    CHECK_FALSE(ok("email", bad));
  }
  CHECK(ok("uri", "https://h/p?q=%20#f"));
  CHECK(ok("uri", "urn:isbn:1"));
  for (const char* bad : {"", "h/p", "1a:b", "a:b c", "a:%2", "a:"}) {
    CHECK_FALSE(ok("uri", bad));
  }
  CHECK(ok("uuid", "123e4567-e89b-12d3-a456-426614174000"));
  CHECK_FALSE(ok("uuid", "123e4567e89b12d3a456426614174000"));
  CHECK(ok("ipv4", "10.0.0.255"));
  CHECK_FALSE(ok("ipv4", "10.0.0.256"));
  CHECK_FALSE(ok("ipv4", "010.0.0.1"));
  CHECK_FALSE(is_known_format("iri"));
}

struct World : rt::TestWorld {
  RecordingAttempt attempt;
  Outcome answer = Done{};
  std::string asked;
  CheckAction check{
      [this](rt::Context&, const AttemptInfo&, std::string connection, std::string query) {
        asked = connection + ": " + query;
        return give(answer);
      }};

  static Task<Outcome> give(Outcome outcome) { co_return outcome; }

  World() {
    attempt.on_evaluate = [](std::string_view expression, const ValueMap&) -> Result<Value> {
      const auto parsed = expr::parse_expression(expression);
      if (!parsed) {
        return fail(expr::to_error(parsed.error(), expression));
      }
      expr::Context context;
      context.set("rows", Value(3));
      context.set("name", Value("x"));
      TRY(expr::Rendered rendered, expr::render(*parsed, context));
      return std::move(rendered.value);
    };
  }
  Outcome run(const std::string& with) {
    auto outcome = loop.run(check.run(ctx, attempt, json(with)));
    REQUIRE_OK(outcome);
    return *outcome;
  }
  Value seen(const std::string& with) { return std::get<Done>(run(with)).output["seen"]; }
  Failed failed(const std::string& with) { return std::get<Failed>(run(with)); }
};

TEST_CASE("an expression that is not true shows the values it compared") {
  World w;
  CHECK(to_json(w.seen(R"({"expr": "rows > 2"})")) == "[3,2]");
  CHECK(w.seen(R"({"expr": "rows > 2 and name"})") == Value("x"));
  Failed f = w.failed(R"({"expr": "rows + 1 == 5"})");
  CHECK(f.error.what == "expected `rows + 1 == 5`; saw: rows + 1 is 4, 5 is 5");
  CHECK(f.reason == FailReason::data);
  CHECK(f.retryable);
  CHECK(to_json(f.output["seen"]) == "[4,5]");
  f = w.failed(R"({"expr": "rowz > 1"})");
  CHECK(f.error.what.starts_with("with.expr:"));
  CHECK_FALSE(f.retryable);
}

TEST_CASE("only a single comparison has sides") {
  using Sides = std::vector<std::string>;
  CHECK(sides_of_comparison("a.b >= 3") == Sides{"a.b", "3"});
  CHECK(sides_of_comparison("f(a < b) == ' == '") == Sides{"f(a < b)", "' == '"});
  CHECK(sides_of_comparison("1 < a < 3").empty());
  CHECK(sides_of_comparison("a == 1 and b == 2").empty());
  CHECK(sides_of_comparison("not a == 1").empty());
  CHECK(sides_of_comparison("android == 1") == Sides{"android", "1"});
  CHECK(sides_of_comparison("a").empty());
}

TEST_CASE("a value is held against a schema of the project or of the task") {
  World w;
  w.attempt.files["schemas/sale.json"] =
      R"({"required": ["id"], "properties": {"id": {"type": "integer"}}})";
  CHECK(w.seen(R"({"value": {"id": 1}, "schema": "schemas/sale.json"})")["id"] == Value(1));
  Failed f = w.failed(R"({"value": {"id": "x"}, "schema": "schemas/sale.json"})");
  CHECK(f.error.what ==
        R"(the value is not as its schema says: at /id: expected type integer, saw "x")");
  f = w.failed(R"({"value": {}, "schema": {"required": ["a", "b"]}})");
  CHECK(f.error.what.find("(and 1 more, see the log)") != std::string::npos);
  CHECK(w.attempt.system == "expected a member 'a', saw {}\nexpected a member 'b', saw {}\n");
  w.attempt.files["bad.json"] = "{";
  CHECK(w.failed(R"({"value": 1, "schema": "bad.json"})").error.where == "bad.json");
  CHECK(w.failed(R"({"value": 1})").error.code == Code::bad_input);
  CHECK(w.loop.run(w.check.run(w.ctx, w.attempt, json(R"({"value": 1, "schema": "no"})")))
            .error()
            .code == Code::not_found);
}

TEST_CASE("every cell of a query's first row must be true") {
  World w;
  const std::string with = R"({"connection": "warehouse", "query": "select 1"})";
  const auto rows = [&](std::string_view text) {
    w.answer = Done{.output = Value::of({{"rows", json(text)}})};
  };
  rows(R"([{"a": true, "b": 3}, {"a": false}])");
  CHECK(w.seen(with)["b"] == Value(3));
  CHECK(w.asked == "warehouse: select 1");
  rows(R"([{"a": true, "enough": false, "c": null}])");
  Failed f = w.failed(with);
  CHECK(f.error.what ==
        "expected every cell of the first row to be true; saw: enough is false, c is null");
  rows("[]");
  CHECK(w.failed(with).error.what.find("no row") != std::string::npos);
  w.answer = Failed{.error = {.code = Code::bad_input, .what = "no such table"}};
  CHECK(w.failed(with).error.what == "no such table");
  CHECK(w.failed(R"({"query": "select 1"})").error.code == Code::bad_input);
}

}  // namespace
}  // namespace tutti::action
