// SPDX-License-Identifier: Apache-2.0
// The project on disk: where it is, what its files say. Reads files; starts nothing.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/output.h"
#include "core/spec/parse.h"

namespace tutti::cli {

struct LoadedProject {
  std::filesystem::path folder;  // absolute
  spec::Project project;
  spec::Report report;  // of tutti.yaml
};

// The folder of --project, else the nearest one at or above the working folder that has tutti.yaml.
Result<std::filesystem::path> find_project(const Globals& globals);
// A missing tutti.yaml is an error; problems in it are in the report.
Result<LoadedProject> load_project(const Globals& globals);
// load_project, and its problems as an error.
Result<LoadedProject> load_good_project(const Globals& globals);

// The profile in force: --profile, TUTTI_PROFILE, "local"; not_found when the project has none
// such.
Result<std::string> profile_of(const Globals& globals, const spec::Project& project);

struct WorkflowFile {
  std::filesystem::path path;
  std::string shown;  // as messages name it: relative to the working folder where that is shorter
};
// workflows/*.yaml and *.yml, sorted by name.
Result<std::vector<WorkflowFile>> workflow_files(const LoadedProject& project);
// A file by path, or the file of the project that holds the workflow of that name.
Result<WorkflowFile> find_workflow(const LoadedProject& project, const std::string& name_or_file);

struct LoadedWorkflow {
  WorkflowFile file;
  spec::Workflow workflow;
  spec::Report report;
};
Result<LoadedWorkflow> load_workflow(const LoadedProject& project, const WorkflowFile& file,
                                     const spec::Catalogue& catalogue, const std::string& profile);

// Prints the warnings; with errors, prints all problems and gives the exit status to end with.
std::optional<int> refuse(Output& output, const spec::Report& report);

// Reads every SQL, script and module the workflow names and pins them into it: path -> content.
Result<std::map<std::string, std::string>> pin_named_files(const LoadedProject& project,
                                                           spec::Workflow& workflow,
                                                           const spec::Catalogue& catalogue);

// The run's parameters from the command line, each converted to its declared type. Unknown and
// missing ones are errors.
Result<Value> params_of(const spec::Workflow& workflow, const RunInput& input);

}  // namespace tutti::cli
