// SPDX-License-Identifier: Apache-2.0
// Templates: Jinja2 for the part of it that docs/templates.md lists, with strict undefined, typed
// results, limits, and secrets that stay marked through every operation.
//
// Use: parse once (parse_template for text with {{ }}, parse_expression for `when` and `check`),
// ask references() and check() while validating, render() with a Context when the values are known.
// Everything here is pure and a value type; nothing is shared between threads but immutable trees.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace tutti::expr {

struct Program;  // the parsed tree; ast.h, private to this folder

// What is wrong with the text of a template, found without any value.
struct Problem {
  size_t offset = 0;   // bytes into the text
  std::string what;    // one sentence without the final point
  std::string remedy;  // may be empty
  bool operator==(const Problem&) const = default;
};

struct Place {
  size_t line = 1;    // from 1
  size_t column = 1;  // from 1, in code points
};
Place place_of(std::string_view text, size_t offset);
// The Problem as bad_input whose `where` is "line:column" of the text.
Error to_error(const Problem& problem, std::string_view text);

// A parsed template: immutable and cheap to copy. Made by parse_template and parse_expression only.
class Template {
 public:
  explicit Template(std::shared_ptr<const Program> program);
  std::string_view text() const;  // as it was given
  const Program& program() const { return *program_; }

 private:
  std::shared_ptr<const Program> program_;
};

// Text with {{ }}, {% %} and {# #}. Linear in the length of the text. Limits: 16 MiB, nesting 200.
std::expected<Template, Problem> parse_template(std::string_view text);
// One expression without braces.
std::expected<Template, Problem> parse_expression(std::string_view text);

// No template syntax at all: render() gives the text back.
bool is_plain(const Template& tmpl);
// Nothing but one {{ }} (or made by parse_expression): the result keeps its type.
bool is_single_expression(const Template& tmpl);

// A name taken from the context, with the constant part of the path after it: params.start,
// tasks.extract.outputs.x, tasks['extract']. Names made by `set`, `for` and `with` are not among
// them.
struct Reference {
  std::vector<std::string> path;  // at least one part
  size_t offset = 0;              // of the first part
  bool guarded =
      false;          // under `is defined`, `is undefined` or `default`: may be absent at run time
  bool whole = true;  // false: a computed index follows (params[name]), so more may be read
  bool in_condition = false;  // decides what is rendered: if, inline-if, for, and, or
};
std::vector<Reference> references(const Template& tmpl);

// What can be known before the run: unknown filters, tests, methods and functions, wrong number or
// names of their arguments, constant regular expressions that do not compile, a secret that is not
// named literally, and (when `roots` is not empty) names that are neither a root nor local.
// Sorted by offset.
std::vector<Problem> check(const Template& tmpl, std::span<const std::string> roots = {});

struct Limits {
  size_t steps_max = 1'000'000;         // evaluation steps; work of filters is charged by its size
  size_t depth_max = 100;               // nesting of values
  size_t output_bytes_max = 16u << 20;  // of the result, and of any one string or list on the way
};

// The values a template can name. A value type; copies are cheap.
class Context {
 public:
  // Asked at most once per name and rendering. not_found makes `secrets.NAME` undefined; any other
  // error ends the rendering with that error.
  using Secrets = std::function<Result<Value>(std::string_view name)>;

  void set(std::string name, Value value);
  // Makes the root `secrets`; only members of it can be used, never the map itself.
  void set_secrets(Secrets secrets) { secrets_ = std::move(secrets); }
  // Secrets are never asked for: whatever depends on one becomes the text ‹secret:NAME›.
  void redact_secrets() { redact_ = true; }
  // A path whose value is not known yet ("tasks.extract.outputs"): whatever depends on it becomes
  // the text ‹tasks.extract.outputs.path›. Used by plan.
  void set_unknown(std::span<const std::string> path);

  const ValueMap& roots() const { return roots_; }
  const Secrets& secrets() const { return secrets_; }
  bool redacts() const { return redact_; }
  const Value& unknown() const { return unknown_; }

 private:
  ValueMap roots_;
  Value unknown_;  // a tree of maps; a leaf `true` is an unknown value
  Secrets secrets_;
  bool redact_ = false;
};

struct Rendered {
  Value value;
  std::vector<std::string> secrets;  // names of all secrets read on the way, used or not; sorted
  // JSON pointers (RFC 6901) of the parts of `value` that hold or depend on a secret; "" is the
  // whole.
  std::vector<std::string> secret_parts;
  bool unknown = false;  // some part of the value stands for what is not known yet

  bool secret() const { return !secret_parts.empty(); }
};

// The text, or the typed value of a single expression (tuples, ranges and lazy sequences become
// lists, what an inline `if` without `else` leaves out becomes none). Errors: bad_input with
// `where` = "line:column" of the template's text; what the secrets function returned.
Result<Rendered> render(const Template& tmpl, const Context& context, const Limits& limits = {});

// Python's truth of a value: what `when` and `check` ask of the result.
bool truth(const Value& value);
// What a value looks like inside text: True, None, 1.0, ['a', 1], {'k': 'v'}.
std::string to_text(const Value& value);

// For docs and completion: the names of all filters, tests, string/map methods and functions,
// sorted.
std::vector<std::string_view> filter_names();
std::vector<std::string_view> test_names();
std::vector<std::string_view> method_names();
std::vector<std::string_view> function_names();

}  // namespace tutti::expr
