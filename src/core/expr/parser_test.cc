// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "core/expr/expr.h"

#include "base/doctest.h"

namespace tutti::expr {
namespace {

std::string problem_of(std::string_view text) {
  auto parsed = parse_template(text);
  return parsed ? "ok" : to_error(parsed.error(), text).text();
}

std::string repeated(std::string_view piece, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) {
    out += piece;
  }
  return out;
}

}  // namespace

TEST_CASE("a text without tags is plain, one expression alone is single") {
  const auto plain = [](std::string_view text) { return is_plain(parse_template(text).value()); };
  const auto single = [](std::string_view text) {
    return is_single_expression(parse_template(text).value());
  };
  CHECK(plain(""));
  CHECK(plain("a { b } c {"));
  CHECK_FALSE(plain("a {# b #}"));
  CHECK_FALSE(plain("{% raw %}x{% endraw %}"));
  CHECK(single("{{ x }}"));
  CHECK(single("{{- x -}}"));
  CHECK_FALSE(single("{{ x }} "));
  CHECK_FALSE(single("{{ x }}{{ y }}"));
  CHECK_FALSE(single("x"));
  CHECK(is_single_expression(parse_expression("a == 1").value()));
}

TEST_CASE("a problem says what is wrong, where, and what to do") {
  CHECK(problem_of("a {{ x ") == "1:3: {{ is opened and never closed. end it with }}");
  CHECK(problem_of("a\n é{% if x %}") == "2:13: expected {% endif %}, found the end");
  CHECK(problem_of("{{ 'a }}") == "1:4: a string is opened and never closed. end it with '");
  CHECK(problem_of("{{ }}") == "1:4: expected an expression, found }}");
  CHECK(problem_of("{{ (1 }}") == "1:7: unexpected '}'. ')' is due first");
  CHECK(problem_of("{% macro x() %}") ==
        "1:4: {% macro %} is not part of Tutti's templates. statements are if, for, set, with, "
        "filter and raw");
  CHECK(problem_of("{% iff x %}") == "1:4: there is no statement 'iff'. did you mean 'if'?");
  CHECK(problem_of("{% endif %}") ==
        "1:4: {% endif %} does not belong here. look at the block it should close or continue");
  CHECK(problem_of("{{ a && b }}") ==
        "1:6: unexpected character '&'. the words are `and`, `or`, `not`");
  CHECK(problem_of("{# x") == "1:1: a comment is opened and never closed. end it with #}");
  CHECK(problem_of("{{ 99999999999999999999 }}") ==
        "1:4: this whole number does not fit into 64 bits. write it as a string");
  CHECK(problem_of("{{ x(1)(2) }}").starts_with("1:8: this cannot be called"));
  CHECK(problem_of("{{ x|f(a=1, 2) }}").contains("follows one with a name"));
  CHECK(problem_of("{{ \xff }}").contains("not UTF-8"));
}

TEST_CASE("hostile nesting is refused and big templates are read") {
  CHECK(problem_of(repeated("{{", 20'000)).contains("too deeply"));
  CHECK(problem_of("{{ " + repeated("(", 20'000)).contains("too deeply"));
  CHECK(problem_of("{{ " + repeated("[", 20'000)).contains("too deeply"));
  CHECK(problem_of("{{ " + repeated("not ", 20'000)).contains("too deeply"));
  CHECK(problem_of("{{ " + repeated("-", 20'000) + "1 }}").contains("too deeply"));
  CHECK(problem_of("{{ 1" + repeated("+1", 20'000) + "}}").contains("too deeply"));
  CHECK(problem_of("{{ 1" + repeated("|abs", 20'000) + "}}").contains("too deeply"));
  CHECK(problem_of("{{ 1" + repeated("~1", 20'000) + "}}") == "ok");
  CHECK(problem_of(repeated("{% if x %}", 20'000)).contains("too deeply"));
  CHECK(problem_of("{% if x %}" + repeated("{% elif x %}", 20'000) + "{% endif %}")
            .contains("more than 200 elif"));
  CHECK(problem_of("{% set " + repeated("(", 20'000)).contains("too deeply"));
  CHECK(problem_of(repeated("{{ params.day | upper }} text ", 5'000)) == "ok");
  CHECK(problem_of(repeated("{% raw ", 20'000)).contains("{% raw %} does not belong"));
}

}  // namespace tutti::expr
