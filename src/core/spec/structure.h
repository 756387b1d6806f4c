// SPDX-License-Identifier: Apache-2.0
// A tree against the table of keys: unknown, missing and later keys, and values of the wrong form.
// Private to this folder.
#pragma once

#include <string_view>

#include "core/spec/reporter.h"
#include "core/spec/table.h"
#include "core/spec/yaml.h"

namespace tutti::spec {

// Where a value stands, for messages: "tasks.extract.retry". Lives on the stack of the walk.
struct Path {
  const Path* up = nullptr;
  std::string_view step = {};
};
std::string to_text(const Path& path);

// Reports everything in `node` that the table does not allow. `owner` is where a missing key is
// reported: the key that holds the map, or the map itself.
void check_structure(const YamlNode& node, const YamlNode& owner, const Table& table,
                     const Path& path, Reporter& reporter);

// The remedy for an unknown word: the nearest of `known`, else all of them when they are few.
std::string remedy_for(std::string_view word, const std::vector<std::string_view>& known);

// "an integer", "a list": what a value is.
std::string_view kind_text(Kind kind);

// True where the text has {{, {% or {# in it.
bool has_template(std::string_view text);

// `none`: a plain text never passes for a value of the form; else the problem's id, what and
// remedy.
struct FormProblem {
  std::string_view id;
  std::string what;
  std::string remedy;
};
std::optional<FormProblem> check_form(const YamlNode& node, const Type& type, const Path& path);

}  // namespace tutti::spec
