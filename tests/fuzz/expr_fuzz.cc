// SPDX-License-Identifier: Apache-2.0
// Hostile templates: the first byte chooses how they are read and rendered, the rest is the text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "core/expr/expr.h"

namespace {

using namespace tutti;

expr::Context context_of(bool redact) {
  expr::Context context;
  context.set("s", Value("Hello, Wörld"));
  context.set("n", Value(7));
  context.set("f", Value(2.5));
  context.set("l", Value(ValueList{Value(3), Value("b"), Value()}));
  context.set("m", Value::of({{"k", 1}, {"o", Value::of({{"x", "y"}})}}));
  context.set_secrets([](std::string_view) -> Result<Value> { return Value("top5ecret"); });
  if (redact) {
    context.redact_secrets();
  }
  return context;
}

// Positions that a Problem or Reference names lie inside the text.
void check_static(const expr::Template& parsed) {
  const std::vector<std::string> roots{"s", "n", "f", "l", "m", "secrets"};
  for (const expr::Problem& problem : expr::check(parsed, roots)) {
    CHECK(problem.offset <= parsed.text().size() && !problem.what.empty());
  }
  for (const expr::Reference& reference : expr::references(parsed)) {
    CHECK(!reference.path.empty() && reference.offset < parsed.text().size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool redact = (data[0] & 2) != 0;
  auto parsed = (data[0] & 1) != 0 ? expr::parse_expression(text) : expr::parse_template(text);
  if (!parsed) {
    CHECK(parsed.error().offset <= text.size() && !parsed.error().what.empty());
    return 0;
  }
  CHECK(parsed->text() == text);
  check_static(*parsed);
  const expr::Limits limits{.steps_max = 20'000, .depth_max = 50, .output_bytes_max = 1u << 20};
  auto first = expr::render(*parsed, context_of(redact), limits);
  auto second = expr::render(*parsed, context_of(redact), limits);
  CHECK(first.has_value() == second.has_value());
  if (!first) {
    CHECK(!first.error().what.empty());
    return 0;
  }
  CHECK(first->value == second->value || to_json(first->value) == to_json(second->value));
  CHECK(is_utf8(expr::to_text(first->value)));
  if (!redact && !first->secret() && !text.contains("top5ecret")) {
    CHECK(!to_json(first->value).contains("top5ecret"));  // an unmarked result holds no secret
  }
  return 0;
}
