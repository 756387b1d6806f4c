// SPDX-License-Identifier: Apache-2.0
// The JSON Schemas that editors use take what `tutti validate` takes, and complete `with`.
#include <fmt/format.h>

#include "action/check/json_schema.h"
#include "core/spec/describe.h"
#include "core/spec/yaml.h"
#include "fixture.h"

#include "base/doctest.h"

namespace tutti::spec {

namespace {

Value yaml_value(const std::string& path) {
  std::vector<Problem> problems;
  return to_value(parse_yaml(path, read_file(path), problems).root);
}

Value published(const std::string& path) {
  auto schema = parse_json(read_file(path));
  REQUIRE_OK(schema);
  return std::move(*schema);
}

// Where the value is not as the schema wants it, one line each.
std::string misfits(const Value& schema, const Value& value) {
  const auto compiled = action::JsonSchema::compile(schema);
  REQUIRE_OK(compiled);
  const auto violations = compiled->validate(value);
  REQUIRE_OK(violations);
  std::string lines;
  for (const action::Violation& violation : *violations) {
    lines += violation.text() + "\n";
  }
  return lines;
}

// A workflow of the one task `a`.
Value one_task(std::string_view task) {
  std::vector<Problem> problems;
  const std::string text = fmt::format("workflow: w\ntasks:\n  a: {}\n", task);
  Value value = to_value(parse_yaml("w.yaml", text, problems).root);
  REQUIRE_MESSAGE(problems.empty(), task);
  return value;
}

}  // namespace

TEST_CASE("the schemas take what validate takes, and refuse unknown and later keys") {
  const Value full = yaml_value("tests/golden/validate/full.yaml");
  CHECK(misfits(workflow_schema({}), full) == "");
  CHECK(misfits(workflow_schema(test_catalogue()), full) == "");
  CHECK(misfits(project_schema(), yaml_value("tests/golden/validate/project.yaml")) == "");
  for (const char* key : {"timout", "triggers"}) {
    Value broken = full;
    broken.edit_map().set(key, "1h");
    CHECK(misfits(workflow_schema({}), broken) != "");
  }
  Value no_name = full;
  no_name.edit_map().erase("workflow");
  CHECK(misfits(workflow_schema({}), no_name) != "");
}

TEST_CASE("every file of the examples fits the published schemas") {
  const Value workflow = published("api/workflow.schema.json");
  const Value project = published("api/project.schema.json");
  const std::vector<std::string> files = files_in("examples", ".yaml");
  CHECK(files.size() >= 15);
  for (const std::string& path : files) {
    const bool is_project = path.ends_with("/tutti.yaml");
    CHECK_MESSAGE(misfits(is_project ? project : workflow, yaml_value(path)) == "", path);
  }
}

TEST_CASE("the published schema knows what each action takes") {
  const Value schema = published("api/workflow.schema.json");
  for (const char* good : {
           "{uses: noop}",
           "{uses: copy, with: {from: 's3://b/k', to: ['gs://b/k', 'az://b/k']}}",
           "{uses: copy, with: {from: 's3://b/k', to: 'gs://b/k', if_exists: '{{ params.how }}'}}",
           "{uses: process, with: {argv: [echo, 1]}}",
           "{uses: list, with: {from: 's3://b/', limit: 10}}",
           "{uses: list, with: {from: 's3://b/', limit: '{{ params.n }}'}}",
           "{uses: branch, with: {cases: [{when: true, to: [b, c]}], else: d}}",
           "{uses: check, with: {connection: warehouse, query: select true}}",
           "{uses: load, with: {from: 's3://b/k', into: warehouse.t}}",
           "{uses: load, with: {from: 's3://b/k', into: warehouse.t, mode: merge, key: id}}",
           "{uses: load, with: {from: 's3://b/k', into: warehouse.t, mode: '{{ params.m }}'}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', verify: 'sample:2.5%'}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', compress: zstd, keep_names: true, "
           "encrypt: {with: fernet, secret: key}, order: newest}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', include: ['*.csv'], larger: 10MB}}",
       }) {
    CHECK_MESSAGE(misfits(schema, one_task(good)) == "", good);
  }
  for (const char* bad : {
           "{uses: cpy, with: {from: 's3://b/k', to: 'gs://b/k'}}",           // no such action
           "{uses: copy}",                                                    // no `with`
           "{uses: copy, with: {from: 's3://b/k'}}",                          // one is missing
           "{uses: copy, with: {from: 's3://b/k', to: 'gs://b/k', too: 1}}",  // one too many
           "{uses: copy, with: {from: 's3://b/k', to: []}}",                  // nowhere
           "{uses: copy, with: {from: 's3://b/k', to: 'gs://b/k', if_exists: replce}}",
           "{uses: list, with: {from: 's3://b/', limit: ten}}",
           "{uses: list, with: {from: 's3://b/', limit: -1}}",
           "{uses: process, with: {run: echo, argv: [echo]}}",  // two of one group
           "{uses: process, with: {cwd: x}}",                   // none of it
           "{uses: process, with: {argv: echo 1}}",             // no list
           "{uses: load, with: {from: 's3://b/k', into: warehouse.t, mode: merge}}",  // no key
           "{uses: branch, with: {cases: [{if: true, to: b}]}}",
           "{uses: noop, with: {a: 1}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', verify: 'sample:x%'}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', encrypt: {with: fernet}}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', encrypt: {with: des, secret: k}}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', compress: zstd, if_exists: "
           "verify}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', decompress: true, order: newest}}",
           "{uses: copy, with: {from: 's3://b/', to: 's3://c/', keep_names: true}}",
       }) {
    CHECK_MESSAGE(misfits(schema, one_task(bad)) != "", bad);
  }
}

}  // namespace tutti::spec
