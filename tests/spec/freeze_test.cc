// SPDX-License-Identifier: Apache-2.0
#include "core/spec/freeze.h"

#include <cmath>
#include <iterator>

#include "fixture.h"

#include "base/doctest.h"

namespace tutti::spec {

namespace {

Workflow workflow_of(const std::string& text, std::string file = "w.yaml") {
  const ParsedProject project =
      parse_project({"tutti.yaml", read_file("tests/golden/validate/project.yaml")});
  const Catalogue catalogue = test_catalogue();
  ParsedWorkflow parsed = parse_workflow({std::move(file), text}, project.project, catalogue);
  REQUIRE_MESSAGE(!parsed.report.has_errors(), to_text(parsed.report));
  return parsed.workflow;
}

Workflow full() { return workflow_of(read_file("tests/golden/validate/full.yaml")); }

}  // namespace

TEST_CASE("thaw gives back what freeze took, places and files included") {
  Workflow workflow = full();
  pin_files(workflow, {{"sql/join.sql", "select 1"}, {"steps/clean.py", "def run(): pass"}});
  const auto back = thaw(freeze(workflow));
  REQUIRE_OK(back);
  CHECK(back->workflow == workflow);
  CHECK(back->version == version_of(workflow));
  CHECK(version_of(back->workflow) == version_of(workflow));
}

TEST_CASE("the version that thaw takes from the bytes is the workflow's") {
  const ParsedProject project =
      parse_project({"tutti.yaml", read_file("tests/golden/validate/project.yaml")});
  std::vector<std::string> paths = files_in("tests/golden/validate", ".yaml");
  std::ranges::move(files_in("examples", ".yaml"), std::back_inserter(paths));
  size_t known = 0;
  for (const std::string& path : paths) {  // broken ones too: what could be made out of them
    INFO(path);
    const Workflow workflow =
        parse_workflow({path, read_file(path)}, project.project, test_catalogue()).workflow;
    const auto back = thaw(freeze(workflow));
    if (back.has_value()) {
      ++known;
      CHECK(back->version == version_of(workflow));
    }
  }
  CHECK(known >= 60);
}

TEST_CASE("numbers and texts of any kind keep the version") {
  Workflow workflow = full();
  const Value odd = Value::of({{"reals", ValueList{0.1, 1.0, -0.0, 1e16, 1e-7, 5e-324, 1.7e308}},
                               {"not JSON's", ValueList{std::nan(""), HUGE_VAL, -HUGE_VAL}},
                               {"integers", ValueList{INT64_MIN, INT64_MAX, 0, -1}},
                               {"texts", ValueList{"", "\u00e9\u4e16\U0001f600", "\x01\x7f\"\\/\n",
                                                   "bad \xff\xc3( bytes", std::string("a\0b", 3)}},
                               {"", ValueMap{}},
                               {"kl\u00fcmpchen", ValueList{Value(), true, ValueList{}}}});
  workflow.tasks[0].with = odd;
  workflow.description = "bad \xff byte";
  workflow.tags["cost_center"] = "\u00fc";
  const auto back = thaw(freeze(workflow));
  REQUIRE_OK(back);
  CHECK(back->version == version_of(workflow));
  CHECK(back->version == version_of(back->workflow));
  CHECK(back->workflow.tasks[0].with["integers"] == odd["integers"]);
  CHECK(back->workflow.tasks[0].with["reals"] == odd["reals"]);
}

TEST_CASE("format 1 is written as it was, and read") {
  const std::string path = "tests/golden/validate/full.frozen.json";
  CHECK(matches_file(path, freeze(full())));
  const auto back = thaw(read_file(path));
  REQUIRE_OK(back);
  CHECK(back->workflow.find_task("archive").has_value());
}

TEST_CASE("the files of a version are found in inputs and runtime") {
  CHECK(named_files(full(), test_catalogue()) ==
        std::vector<std::string>{"requirements.txt", "sql/join.sql", "steps/clean.py"});
}

TEST_CASE("a JSON Schema in the workflow names no files") {
  const auto files_with = [](const std::string& schema) {
    return named_files(
        workflow_of("workflow: w\ntags: {cost_center: a}\ntasks:\n  a: {uses: check, "
                    "with: {value: 1, schema: " +
                    schema + "}}\n"),
        test_catalogue());
  };
  CHECK(files_with("{type: object, required: [id]}").empty());
  CHECK(files_with("schemas/a.json") == std::vector<std::string>{"schemas/a.json"});
}

TEST_CASE("each place that names a file is known") {
  const Workflow workflow = workflow_of(R"(workflow: w
tags: {cost_center: a}
tasks:
  b: {uses: python, with: {call: nomodule:f}}
  c: {uses: python, with: {call: nomodule:g}, runtime: {requirements: r.txt}}
  d: {uses: sql, with: {connection: warehouse, file: {duckdb: a.sql, x: a.sql, y: b.sql}}}
)");
  CHECK(file_uses(workflow, test_catalogue()) == std::vector<FileUse>{{"nomodule.py", {4, 34}},
                                                                      {"r.txt", {5, 3}},
                                                                      {"nomodule.py", {5, 34}},
                                                                      {"a.sql", {6, 54}},
                                                                      {"b.sql", {6, 54}}});
  CHECK(named_files(workflow, test_catalogue()) ==
        std::vector<std::string>{"a.sql", "b.sql", "nomodule.py", "r.txt"});
}

TEST_CASE("comments, layout and the file's name do not change the version; content does") {
  const std::string text =
      "workflow: w\ntags: {cost_center: a}\ntasks:\n  a: {uses: process, with: {run: echo 1}}\n";
  const Digest version = version_of(workflow_of(text));
  CHECK(version == version_of(workflow_of("# comment\n" + text, "other.yaml")));
  CHECK(version == version_of(workflow_of("workflow: w\ntags: {cost_center: a}\ntasks:\n  a:\n"
                                          "    uses: process\n    with:\n      run: echo 1\n")));
  std::string other = text;
  other.replace(other.find("echo 1"), 6, "echo 2");
  CHECK(version != version_of(workflow_of(other)));
  CHECK(version != version_of(workflow_of(text + "timeout: 1h\n")));
  Workflow pinned = workflow_of(text);
  pin_files(pinned, {{"a.sql", "1"}});
  const Digest one = version_of(pinned);
  pin_files(pinned, {{"a.sql", "2"}});
  CHECK(one != version);
  CHECK(one != version_of(pinned));
}

TEST_CASE("a default of the project is part of the version") {
  const std::string text = "workflow: w\ntasks:\n  a: {uses: noop}\n";
  const Catalogue catalogue = test_catalogue();
  Project project = default_project("p");
  const Digest before = version_of(parse_workflow({"w", text}, project, catalogue).workflow);
  project.retry.attempts = 3;
  CHECK(before != version_of(parse_workflow({"w", text}, project, catalogue).workflow));
}

TEST_CASE("bytes that freeze did not write are corrupt, never a crash") {
  const std::string bytes = freeze(full());
  CHECK(thaw("").error().code == Code::corrupt);
  CHECK(thaw("{}").error().code == Code::corrupt);
  CHECK(thaw("{\"format\":2}").error().code == Code::corrupt);
  // every scalar replaced, one after the other
  size_t corrupt = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != ':' && bytes[at] != ',' && bytes[at] != '[') {
      continue;
    }
    std::string broken = bytes;
    broken.insert(at + 1, bytes[at] == ':' ? "{}," : "0,");
    corrupt += thaw(broken).has_value() ? 0 : 1;
  }
  CHECK(corrupt > 100);
}

}  // namespace tutti::spec
