// SPDX-License-Identifier: Apache-2.0
// Files to typed values, with every problem of the file at once.
//
// Pure: the caller reads the files. Limits: yaml.h's. Never stops at the first mistake; a value
// with problems is not to be run, but is as complete as could be made out, for editors and
// messages.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/spec/catalogue.h"
#include "core/spec/problem.h"
#include "core/spec/spec.h"

namespace tutti::spec {

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

// The name a workflow file gives itself, and where.
struct WorkflowName {
  std::string name;  // empty: it has none
  std::string file;
  Mark mark;
};
// What only the files of a project together can show: two workflows have one name. The problem
// stands at the later of the two and names the place of the first.
std::vector<Problem> check_names(std::span<const WorkflowName> names);

}  // namespace tutti::spec
