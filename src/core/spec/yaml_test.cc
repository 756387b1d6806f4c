// SPDX-License-Identifier: Apache-2.0
#include "core/spec/yaml.h"

#include <fmt/format.h>

#include "base/doctest.h"

namespace tutti::spec {

namespace {

struct Read {
  YamlDocument document;
  std::vector<Problem> problems;
};

Read read(std::string text, YamlLimits limits = {}) {
  std::vector<Problem> problems;
  YamlDocument document = parse_yaml("f.yaml", std::move(text), problems, limits);
  return {std::move(document), std::move(problems)};
}

Value value(std::string text) {
  Read result = read(std::move(text));
  REQUIRE_MESSAGE(result.document.complete,
                  (result.problems.empty() ? "" : to_text(result.problems[0])));
  return to_value(result.document.root);
}

// "id line:column" of the first problem; "ok" when there is none.
std::string first_problem(std::string text, YamlLimits limits = {}) {
  const Read result = read(std::move(text), limits);
  if (result.problems.empty()) {
    return "ok";
  }
  const Problem& problem = result.problems[0];
  return fmt::format("{} {}:{}", problem.id, problem.mark.line, problem.mark.column);
}

std::string mark_text(Mark mark) { return fmt::format("{}:{}", mark.line, mark.column); }

}  // namespace

TEST_CASE("scalars follow the YAML 1.2 core schema") {
  const Value v = value(R"(
no: no
on: on
time: 22:30
date: 2023-05-01
version: 1.2.3
t: true
f: False
n: null
tilde: ~
empty:
i: 42
negative: -7
plus: +7
hex: 0x1F
octal: 0o17
leading: 0123
underscore: 1_000
r: 1.5
e: 1e3
dot: .5
inf: .inf
quoted: "42"
single: 'true'
str: !!str 42
big: 123456789012345678901234567890
)");
  CHECK(v["no"] == Value("no"));
  CHECK(v["on"] == Value("on"));
  CHECK(v["time"] == Value("22:30"));
  CHECK(v["date"] == Value("2023-05-01"));
  CHECK(v["version"] == Value("1.2.3"));
  CHECK(v["t"] == Value(true));
  CHECK(v["f"] == Value(false));
  CHECK(v["n"].is_null());
  CHECK(v["tilde"].is_null());
  CHECK(v["empty"].is_null());
  CHECK(v["i"].is_int());
  CHECK(v["i"] == Value(42));
  CHECK(v["negative"] == Value(-7));
  CHECK(v["plus"] == Value(7));
  CHECK(v["hex"] == Value(31));
  CHECK(v["octal"] == Value(15));
  CHECK(v["leading"] == Value(123));
  CHECK(v["underscore"] == Value("1_000"));
  CHECK(v["r"] == Value(1.5));
  CHECK(v["e"].is_real());
  CHECK(v["dot"] == Value(0.5));
  CHECK(v["inf"].is_real());
  CHECK(v["quoted"] == Value("42"));
  CHECK(v["single"] == Value("true"));
  CHECK(v["str"] == Value("42"));
  CHECK(v["big"].is_real());
}

TEST_CASE("every node and key knows its place") {
  const Read result =
      read("a: 1\nlist:\n  - x\n  - {k: \"v\"}\n\xC3\xA4\xC3\xB6: \xC3\xBC z\nb: c # d\n");
  REQUIRE(result.document.complete);
  const YamlText& text = result.document.text;
  const YamlNode& root = result.document.root;
  CHECK(mark_text(text.mark_of(root.members[0].key)) == "1:1");
  CHECK(mark_text(text.mark_of(*root.get("a"))) == "1:4");
  const YamlNode& list = *root.get("list");
  CHECK(mark_text(text.mark_of(list.items[0])) == "3:5");
  CHECK(mark_text(text.mark_of(list.items[1])) == "4:5");
  CHECK(mark_text(text.mark_of(list.items[1].members[0].key)) == "4:6");
  CHECK(mark_text(text.mark_of(list.items[1].members[0].value)) == "4:9");
  CHECK(mark_text(text.mark_of(root.members[2].key)) == "5:1");
  CHECK(mark_text(text.mark_of(root.members[2].value)) == "5:5");
  CHECK(mark_text(text.mark_of(root.members[3].value)) == "6:4");
}

TEST_CASE("a byte of a scalar is found again in the file") {
  const Read result = read(
      "plain: ab XX\n"
      "single: 'it''s XX'\n"
      "double: \"\\u00e4\\t\\\"XX\"\n"
      "literal: |\n"
      "    one\n"
      "      two XX\n"
      "folded: >-\n"
      "  some words\n"
      "  and XX\n"
      "long: \"first\n"
      "   second XX\"\n"
      "umlaut: \xC3\xA4 XX\n");
  REQUIRE(result.document.complete);
  const auto place = [&](std::string_view key) {
    const YamlNode& node = *result.document.root.get(key);
    return mark_text(result.document.text.mark_in(node, node.text.find("XX")));
  };
  CHECK(place("plain") == "1:11");
  CHECK(place("single") == "2:16");
  CHECK(place("double") == "3:20");
  CHECK(place("literal") == "6:11");
  CHECK(place("folded") == "9:7");
  CHECK(place("long") == "11:11");
  CHECK(place("umlaut") == "12:11");
}

TEST_CASE("marks are exact behind the first KiB of text that is not ASCII") {
  std::string line = "k: ";
  for (int i = 0; i < 3000; ++i) {
    line += "\xE2\x82\xAC";
  }
  const Read result = read("{" + line + ", last: x}");
  REQUIRE(result.document.complete);
  CHECK(mark_text(result.document.text.mark_of(*result.document.root.get("last"))) ==
        fmt::format("1:{}", 1 + 3 + 3000 + 2 + 6 + 1));
}

TEST_CASE("hostile and broken files are refused at the right place") {
  CHECK(first_problem("") == "empty_file 1:1");
  CHECK(first_problem("# only a comment\n") == "empty_file 1:1");
  CHECK(first_problem("- a\n- b\n") == "yaml_root 1:1");
  CHECK(first_problem("just text") == "yaml_root 1:1");
  CHECK(first_problem("a: 1\nb: 2\na: 3\n") == "duplicate_key 3:1");
  CHECK(first_problem("a: {b: 1, b: 2}\n") == "duplicate_key 1:11");
  CHECK(first_problem("a: 1\n---\nb: 2\n") == "yaml_documents 2:1");
  CHECK(first_problem("---\na: 1\n...\n") == "ok");
  CHECK(first_problem("\xEF\xBB\xBF"
                      "a: 1\n") == "ok");
  CHECK(first_problem("a: &x [1, *x]\n") == "yaml_alias_loop 1:11");
  CHECK(first_problem("a: *nope\n") == "yaml_alias 1:4");
  CHECK(first_problem("a: &x 1\nb:\n  <<: *x\n") == "yaml_merge_key 3:3");
  CHECK(first_problem("a: !!python/object x\n") == "yaml_tag 1:4");
  CHECK(first_problem("? [a]\n: b\n") == "yaml_key 1:3");
  CHECK(first_problem("a: 1\n\tb: 2\n") == "yaml_tab 2:1");
  CHECK(first_problem("a:\n  b: 1\n\tc: 2\n") == "yaml_tab 3:1");
  CHECK(first_problem("a: b: c\n") == "yaml_syntax 1:5");
  CHECK(first_problem("a: 'x\n") == "yaml_syntax 1:4");
  CHECK(first_problem("a: [1, 2\nb: 3\n") == "yaml_syntax 1:4");
  CHECK(first_problem("a: @x\n") == "yaml_syntax 1:4");
  CHECK(first_problem("%TAG ! x\n---\na: 1\n") == "yaml_directive 1:1");
  CHECK(first_problem("%YAML 1.2\n---\na: 1\n") == "ok");
  CHECK(first_problem("a: x\xFFy\n") == "yaml_encoding 1:5");
  CHECK(first_problem("a: \xED\xA0\x80\n") == "yaml_encoding 1:4");
  CHECK(first_problem("\xFF\xFE"
                      "a\0:\0") == "yaml_encoding 1:1");
  CHECK(first_problem(std::string("a\0:\0 \0", 6)) == "yaml_nul 1:2");
  CHECK(first_problem(std::string("a: 1\nb: x\0y\n", 12)) == "yaml_nul 2:5");
  CHECK(first_problem("a: \x01\n") == "yaml_control 1:4");
}

TEST_CASE("an unquoted template is named, wherever YAML stumbles over it") {
  CHECK(first_problem("a: {{ ds }}\n") == "unquoted_template 1:4");
  CHECK(first_problem("a: {{ ds }}/x\n") == "unquoted_template 1:4");
  CHECK(first_problem("a:\n  - {{ ds }}\n") == "unquoted_template 2:5");
  CHECK(first_problem("a: [--date, {{ ds }}]\n") == "unquoted_template 1:13");
  CHECK(first_problem("a: {url: s3://x/{{ ds }}}\n") == "unquoted_template 1:17");
  CHECK(first_problem("a: {% if x %}b{% endif %}\n") == "unquoted_template 1:4");
  CHECK(first_problem("a: s3://x/{{ ds }}/y\n") == "ok");
  CHECK(first_problem("a: \"{{ ds }}\"\n") == "ok");
}

TEST_CASE("bombs end early") {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += fmt::format("a{0}: &a{0} [*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1}]\n", i,
                        i - 1);
  }
  CHECK(first_problem(bomb).starts_with("yaml_too_many"));
  std::string tower = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) {
    tower += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  }
  CHECK(first_problem(tower).starts_with("yaml_too_deep"));
  CHECK(first_problem(std::string(100'000, '[')).starts_with("yaml_too_deep"));
  CHECK(first_problem("a: " + std::string(5000, '{')).starts_with("unquoted_template"));
  CHECK(first_problem(std::string(17u << 20, 'a')) == "yaml_too_big 1:1");
  CHECK(first_problem("a: 1\n", {.bytes_max = 4}) == "yaml_too_big 1:1");
}

TEST_CASE("an alias repeats the value and its place") {
  const Read result = read("a: &x {k: v}\nb: *x\n");
  REQUIRE(result.document.complete);
  CHECK(to_value(*result.document.root.get("b")) == Value::of({{"k", "v"}}));
  CHECK(result.document.root.get("b")->aliased);
}

}  // namespace tutti::spec
