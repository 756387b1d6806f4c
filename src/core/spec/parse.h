// SPDX-License-Identifier: Apache-2.0
// Files to typed values, with every problem of the file at once.
//
// Pure: the caller reads the files. Limits: yaml.h's. Never stops at the first mistake; a value
// with problems is not to be run, but is as complete as could be made out, for editors and
// messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/spec/catalogue.h"
#include "core/spec/spec.h"

namespace tutti::spec {

enum class Severity : uint8_t { error, warning };

struct Problem {
  std::string id;    // docs/errors.md: "unknown_key", "not_yet", ...
  std::string file;  // as given
  Mark mark;
  std::string what;    // one sentence without the final point
  std::string remedy;  // may be empty
  Severity severity = Severity::error;
  auto operator<=>(const Problem&) const = default;
};
// "file:line:column: error: what. remedy"
std::string to_text(const Problem& problem);

struct Report {
  std::vector<Problem> problems;  // by file, line, column; errors before warnings at one place
  bool has_errors() const;
  size_t error_count() const;
  size_t warning_count() const;
};
std::string to_text(const Report& report);  // one line each
Value to_value(const Report& report);       // {errors, warnings, problems: [...]} for -o json
Error to_error(const Report& report);       // the first error, naming how many more; has_errors()

struct Source {
  std::string file;  // for messages
  std::string text;
};

struct ParsedProject {
  Project project;
  Report report;
};
ParsedProject parse_project(const Source& source);

struct ParsedWorkflow {
  Workflow workflow;
  Report report;
};
// Parses and checks one workflow file against its project and the actions that exist.
// `profile`: also check the connections it names against that profile; empty: against all profiles.
ParsedWorkflow parse_workflow(const Source& source, const Project& project,
                              const Catalogue& catalogue, std::string_view profile = {});

}  // namespace tutti::spec
