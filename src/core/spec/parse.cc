// SPDX-License-Identifier: Apache-2.0
#include "core/spec/parse.h"

#include <fmt/format.h>

#include <map>

#include "core/spec/build.h"
#include "core/spec/check.h"
#include "core/spec/check_project.h"
#include "core/spec/structure.h"
#include "core/spec/table.h"

namespace tutti::spec {

ParsedProject parse_project(const Source& source) {
  ParsedProject parsed;
  std::vector<Problem>& problems = parsed.report.problems;
  const YamlDocument document = parse_yaml(source.file, source.text, problems);
  if (document.complete) {
    Reporter reporter(source.file, document.text, problems);
    check_structure(document.root, document.root, project_table(), {}, reporter);
    parsed.project = build_project(source.file, document);
    check_project(document, parsed.project, reporter);
    reporter.finish();
  } else {
    parsed.project = default_project({});
    parsed.project.file = source.file;
  }
  sort_problems(problems);
  return parsed;
}

ParsedWorkflow parse_workflow(const Source& source, const Project& project,
                              const Catalogue& catalogue, std::string_view profile) {
  ParsedWorkflow parsed;
  std::vector<Problem>& problems = parsed.report.problems;
  const YamlDocument document = parse_yaml(source.file, source.text, problems);
  parsed.workflow.file = source.file;
  if (document.complete) {
    Reporter reporter(source.file, document.text, problems);
    check_structure(document.root, document.root, workflow_table(), {}, reporter);
    BuiltWorkflow built = build_workflow(source.file, document, project, catalogue);
    Check check(document, project, catalogue, profile, built, reporter);
    check_needs(check);
    check_tags(check);
    check_params(check);
    check_tasks(check);
    check_branches(check);
    if (!parsed.report.has_errors()) {  // what is wrong would make warnings that are not true
      lint(check);
    }
    reporter.finish();
    parsed.workflow = std::move(built.workflow);
  }
  sort_problems(problems);
  return parsed;
}

std::vector<Problem> check_names(std::span<const WorkflowName> names) {
  std::map<std::string_view, const WorkflowName*> first;
  std::vector<Problem> problems;
  for (const WorkflowName& each : names) {
    if (each.name.empty()) {
      continue;
    }
    const auto [at, is_new] = first.emplace(each.name, &each);
    if (!is_new) {
      problems.push_back(
          {.id = "duplicate_workflow",
           .file = each.file,
           .mark = each.mark,
           .what = fmt::format("the workflow at {} is called '{}' too",
                               to_text(at->second->file, at->second->mark), each.name),
           .remedy = "give one of the two another name"});
    }
  }
  return problems;
}

}  // namespace tutti::spec
