// SPDX-License-Identifier: Apache-2.0
// Renders templates for the comparison with Jinja2: reads lines of {"template", "context"} as JSON
// and answers each with {"ok": true, "text"} or {"ok": false, "error"}. --names: all filters and
// tests.
#include <cstdio>
#include <iostream>
#include <string>

#include "base/value.h"
#include "core/expr/expr.h"

namespace tutti::expr {
namespace {

Value answer_to(const Value& question) {
  const auto failed = [](const std::string& error) {
    return Value::of({{"ok", false}, {"error", error}});
  };
  const std::string_view text = question.get_string("template");
  auto parsed = parse_template(text);
  if (!parsed) {
    return failed(to_error(parsed.error(), text).text());
  }
  if (auto problems = check(*parsed); !problems.empty()) {
    return failed(to_error(problems.front(), text).text());
  }
  Context context;
  if (const Value& roots = question["context"]; roots.is_map()) {
    for (const auto& [name, value] : roots.as_map()) {
      context.set(name, value);
    }
  }
  auto rendered = render(*parsed, context);
  return rendered ? Value::of({{"ok", true}, {"text", to_text(rendered->value)}})
                  : failed(rendered.error().text());
}

Value list_of(const std::vector<std::string_view>& names) {
  return Value(ValueList(names.begin(), names.end()));
}

}  // namespace
}  // namespace tutti::expr

int main(int argc, char** argv) {
  using namespace tutti;
  if (argc == 2 && std::string_view(argv[1]) == "--names") {
    std::puts(to_json(Value::of({{"filters", expr::list_of(expr::filter_names())},
                                 {"tests", expr::list_of(expr::test_names())}}))
                  .c_str());
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);) {
    auto question = parse_json(line);
    if (!question) {
      std::fprintf(stderr, "%s\n", question.error().text().c_str());
      return 2;
    }
    std::puts(to_json(expr::answer_to(*question)).c_str());
  }
  return 0;
}
