// SPDX-License-Identifier: Apache-2.0
// docs/templates.md: every filter, test, method and function is listed with its arguments, every
// example gives the result beside it, and every block of statements the text that follows.
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/expr/expr.h"
#include "core/expr/registry.h"

#include "base/doctest.h"

namespace tutti::expr {
namespace {

struct Row {
  std::string name, example, result;
};

Context sample() {
  Context context;
  context.set("ds", Value("2026-11-21"));
  context.set("params", Value::of({{"region", "eu"}, {"days", 3}, {"note", Value()}}));
  context.set("files", Value(ValueList{Value::of({{"key", "b.csv"}, {"size", 20}}),
                                       Value::of({{"key", "a.csv"}, {"size", 1500}})}));
  context.set("tags", Value(ValueList{Value("eu"), Value("pii"), Value("eu")}));
  return context;
}

std::string docs() {
  std::ifstream file("docs/templates.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The cells of a table row; \| is a bar, the back quotes around a cell are taken off.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> out{""};
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      out.back() += line[++i];
    } else if (line[i] == '|') {
      out.emplace_back();
    } else {
      out.back() += line[i];
    }
  }
  for (std::string& cell : out) {
    cell = cell.size() > 1 ? cell.substr(1, cell.size() - 2) : "";
    if (cell.size() > 1 && cell.front() == '`' && cell.back() == '`') {
      cell = cell.substr(1, cell.size() - 2);
    }
  }
  return out;
}

// The rows of the table whose head begins with this word.
std::vector<Row> table(std::string_view head) {
  std::vector<Row> out;
  std::istringstream lines(docs());
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(std::string("| ") + std::string(head))) {
      inside = true;
    } else if (!line.starts_with("|")) {
      inside = false;
    } else if (inside && !line.starts_with("|---")) {
      const auto cells = cells_of(line);
      REQUIRE(cells.size() >= 4);
      out.push_back({cells[0], cells[2], cells[3]});
    }
  }
  return out;
}

struct Block {
  std::string language, text;
};

// The fenced blocks of the page, in order.
std::vector<Block> blocks() {
  std::vector<Block> out;
  std::istringstream lines(docs());
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) {
        out.push_back({.language = line.substr(3), .text = {}});
      }
    } else if (inside) {
      out.back().text += line + "\n";
    }
  }
  return out;
}

std::string printed(const std::string& text) {
  const auto parsed = parse_template(text);
  REQUIRE(parsed.has_value());
  CHECK(check(*parsed).empty());
  const auto rendered = render(*parsed, sample());
  REQUIRE_OK(rendered);
  return to_text(rendered->value);
}

std::string signature(const Callable& callable) {
  std::string params(callable.params);
  for (size_t at = params.find(' '); at != std::string::npos; at = params.find(' ', at + 2)) {
    params.replace(at, 1, ", ");
  }
  return params.empty() ? std::string(callable.name)
                        : std::string(callable.name) + "(" + params + ")";
}

std::set<std::string> names_in(std::string_view head) {
  std::set<std::string> out;
  for (const Row& row : table(head)) {
    out.insert(row.name);
  }
  return out;
}

void add_methods(std::set<std::string>& out, std::string_view prefix,
                 std::span<const Callable> table) {
  for (const Callable& callable : table) {
    const std::string text = signature(callable);
    out.insert(std::string(prefix) + text + (text.contains('(') ? "" : "()"));
  }
}

}  // namespace

TEST_CASE("every example of docs/templates.md gives the result beside it") {
  size_t examples = 0;
  for (const char* head : {"filter |", "test |", "method or function |"}) {
    for (const Row& row : table(head)) {
      CAPTURE(row.example);
      // Text in front of it: alone, the value would be a typed result, in which tuples are lists.
      CHECK(printed("> {{ " + row.example + " }}") == "> " + row.result);
      ++examples;
    }
  }
  CHECK(examples > 100);
}

TEST_CASE("every block of statements in docs/templates.md gives the text after it") {
  const std::vector<Block> all = blocks();
  size_t examples = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].language != "jinja") {
      continue;
    }
    CAPTURE(all[i].text);
    REQUIRE(i + 1 < all.size());
    REQUIRE(all[i + 1].language == "text");
    CHECK(printed(all[i].text) == all[i + 1].text);
    ++examples;
  }
  CHECK(examples == 2);
}

TEST_CASE("docs/templates.md lists every filter, test, method and function with its arguments") {
  std::set<std::string> filters;
  for (const std::string_view name : filter_names()) {
    filters.insert(signature(*find_filter(name)));
  }
  CHECK(names_in("filter |") == filters);
  std::set<std::string> tests;
  for (const std::string_view name : test_names()) {
    if (name[0] >= 'a' && name[0] <= 'z') {
      tests.insert(signature(*find_test(name)));
    }
  }
  CHECK(names_in("test |") == tests);
  std::set<std::string> methods;
  add_methods(methods, "string.", methods_of(Type::string));
  add_methods(methods, "map.", methods_of(Type::map));
  add_methods(methods, "list.", methods_of(Type::list));
  add_methods(methods, "", all_functions());
  CHECK(names_in("method or function |") == methods);
}

}  // namespace tutti::expr
