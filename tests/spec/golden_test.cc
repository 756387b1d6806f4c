// SPDX-License-Identifier: Apache-2.0
// Every file of tests/golden/validate with the messages it must give. `project*.yaml` is read as a
// project; a first line `# profile: NAME` checks a workflow against that profile. The expectation
// is one line a problem: its text, and its id in brackets. The files of
// tests/golden/validate_together/same_name are good ones, but not in one project.
#include <fmt/format.h>

#include <set>

#include "core/spec/parse.h"
#include "core/spec/problem_kinds.h"
#include "fixture.h"

#include "base/doctest.h"

namespace tutti::spec {

namespace {

constexpr std::string_view folder = "tests/golden/validate/";

Report report_of(const std::string& path, const Project& project, const Catalogue& catalogue) {
  const std::string name = path.substr(folder.size());
  std::string text = read_file(path);
  if (name.starts_with("project")) {
    return parse_project({name, std::move(text)}).report;
  }
  constexpr std::string_view mark = "# profile: ";
  std::string profile;
  if (text.starts_with(mark)) {
    profile = text.substr(mark.size(), text.find('\n') - mark.size());
  }
  return parse_workflow({name, std::move(text)}, project, catalogue, profile).report;
}

// The files of a folder, as one project's.
Report report_together(const std::string& of, const Project& project, const Catalogue& catalogue) {
  std::vector<WorkflowName> names;
  for (const std::string& path : files_in(of, ".yaml")) {
    const std::string name = path.substr(of.size() + 1);
    const ParsedWorkflow parsed = parse_workflow({name, read_file(path)}, project, catalogue);
    CHECK_MESSAGE(parsed.report.problems.empty(), to_text(parsed.report));
    names.push_back({parsed.workflow.name, name, parsed.workflow.mark});
  }
  return {check_names(names)};
}

std::string expected_text(const Report& report) {
  std::string text;
  for (const Problem& problem : report.problems) {
    text += fmt::format("{} [{}]\n", to_text(problem), problem.id);
  }
  return text;
}

}  // namespace

TEST_CASE("every broken file gives the expected messages") {
  const ParsedProject project =
      parse_project({"project.yaml", read_file(std::string(folder) + "project.yaml")});
  const Catalogue catalogue = test_catalogue();
  std::set<std::string> ids;
  size_t broken = 0;
  for (const std::string& path : files_in(std::string(folder), ".yaml")) {
    INFO(path);
    const Report report = report_of(path, project.project, catalogue);
    const std::string expected = path.substr(0, path.size() - 5) + ".expected";
    CHECK(matches_file(expected, expected_text(report)));
    broken += report.problems.empty() ? 0 : 1;
    for (const Problem& problem : report.problems) {
      CHECK(problem.mark.line > 0);
      ids.insert(problem.id);
    }
  }
  const std::string together = "tests/golden/validate_together/same_name";
  const Report report = report_together(together, project.project, catalogue);
  CHECK(matches_file(together + ".expected", expected_text(report)));
  for (const Problem& problem : report.problems) {
    ids.insert(problem.id);
  }
  CHECK(broken >= 60);
  std::set<std::string> documented;
  for (const ProblemKind& kind : problem_kinds()) {
    documented.insert(std::string(kind.id));
    INFO(kind.id);
    CHECK((ids.contains(std::string(kind.id)) || !kind.in_golden));
  }
  for (const std::string& id : ids) {
    INFO(id);
    CHECK(documented.contains(id));
  }
  MESSAGE(broken << " broken files, " << ids.size() << " ids");
}

TEST_CASE("-o json says the same as the text") {
  const Report report =
      parse_workflow({"w.yaml", "workflow: w\nsteps: {}\n"}, default_project("p"), test_catalogue())
          .report;
  const Value json = to_value(report);
  CHECK(json.get_int("errors") == 2);
  CHECK(json["problems"].as_list()[1].get_string("id") == "unknown_key");
  CHECK(json["problems"].as_list()[1].get_int("line") == 2);
  CHECK(json["problems"].as_list()[1].get_string("remedy") == "did you mean 'tasks'?");
  const Error error = to_error(report);
  CHECK(error.code == Code::bad_input);
  CHECK(error.text().starts_with("w.yaml:1:1: "));
}

}  // namespace tutti::spec
