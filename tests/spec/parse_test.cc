// SPDX-License-Identifier: Apache-2.0
#include "core/spec/parse.h"

#include <fmt/format.h>

#include "fixture.h"

#include "base/doctest.h"

namespace tutti::spec {

namespace {

Project project() {
  const ParsedProject parsed =
      parse_project({"tutti.yaml", read_file("tests/golden/validate/project.yaml")});
  REQUIRE_MESSAGE(parsed.report.problems.empty(), to_text(parsed.report));
  return parsed.project;
}

ParsedWorkflow parse(std::string text) {
  static const Catalogue catalogue = test_catalogue();
  return parse_workflow({"w.yaml", std::move(text)}, project(), catalogue);
}

Workflow good(std::string text) {
  ParsedWorkflow parsed = parse(std::move(text));
  REQUIRE_MESSAGE(parsed.report.problems.empty(), to_text(parsed.report));
  return parsed.workflow;
}

TEST_CASE("a project without tag_keys takes any tag") {
  const std::string text =
      "workflow: w\ntags: {owner: me}\ntasks: {a: {uses: noop, tags: {x: 1}}}\n";
  CHECK(
      parse_workflow({"w", text}, default_project("p"), test_catalogue()).report.problems.empty());
}

}  // namespace

TEST_CASE("the whole language becomes typed values with defaults applied") {
  const Workflow w = good(read_file("tests/golden/validate/full.yaml"));
  CHECK(w.name == "full");
  CHECK(w.tags.at("cost_center") == "pos");
  CHECK(*w.timeout == hours(4));
  REQUIRE(w.params.size() == 3);
  CHECK(w.params[0].name == "migration");
  CHECK(w.params[0].type == ParamType::boolean);
  CHECK(*w.params[0].default_value == Value(false));
  const Task& extract = w.task(*w.find_task("extract"));
  CHECK(extract.uses == "http");
  CHECK(extract.mark == Mark{.line = 18, .column = 3});
  CHECK(extract.retry.attempts == 2);
  CHECK(extract.retry.delay == minutes(5));
  CHECK(extract.retry.backoff_milli == 1500);
  CHECK(extract.retry.jitter_permille == 200);
  CHECK(*extract.timeout == minutes(10));
  CHECK(extract.with["auth"]["bearer"] == Value("{{ secrets.pos_api_key }}"));
  CHECK(extract.with_marks[0].first == "url");
  CHECK_FALSE(extract.action.unknown_if_lost);
  const Task& mode = w.task(*w.find_task("mode"));
  CHECK(mode.action.is_branch);
  CHECK(mode.needs == std::vector<TaskNo>{*w.find_task("extract")});
  CHECK(mode.retry.attempts == 4);
  CHECK(*mode.timeout == minutes(30));
  const Task& load = w.task(*w.find_task("load"));
  CHECK(load.trigger_rule == TriggerRule::none_failed_min_one_success);
  CHECK(load.needs.size() == 2);
  const Task& daily = w.task(*w.find_task("daily"));
  CHECK(daily.files_in["raw"] == Value("landing://raw/{{ ds_nodash }}.json"));
  CHECK(daily.env["LEVEL"] == Value("3"));
  CHECK(daily.runtime.python == "3.12");
  const Task& tell = w.task(*w.find_task("tell"));
  CHECK(tell.when->text == "tasks.load.outputs.rows > 0");
  CHECK(tell.allow_failure);
  CHECK(tell.action.unknown_if_lost == false);
}

TEST_CASE("a write without a key is not idempotent, whatever its action is otherwise") {
  Catalogue catalogue = test_catalogue();
  const auto http = std::ranges::find(catalogue.actions, "http", &ActionSchema::name);
  REQUIRE(http != catalogue.actions.end());
  http->idempotent = true;  // as the real one
  const auto traits = [&](const std::string& with) {
    const std::string text =
        "workflow: w\ntags: {cost_center: a}\ntasks:\n  t: {uses: http, with: {url: 'http://h', " +
        with + "}}\n";
    return parse_workflow({"w.yaml", text}, project(), catalogue).workflow.tasks.at(0).action;
  };
  CHECK(traits("method: GET").idempotent);
  CHECK(traits("method: PUT").idempotent);
  CHECK_FALSE(traits("method: POST").idempotent);
  CHECK(traits("method: POST").unknown_if_lost);
  CHECK(traits("method: POST, idempotency_key: k").idempotent);
  CHECK_FALSE(traits("method: '{{ params.x }}'").idempotent);
}

TEST_CASE("a file with thousands of mistakes is answered with the first thousand") {
  std::string text = "workflow: w\ntags: {cost_center: a}\ntasks:\n";
  for (int i = 0; i < 5000; ++i) {
    text += fmt::format("  task_{}: {{uses: nop, nedes: nowhere, needs: task_x{}}}\n", i, i);
  }
  const Report report = parse(text).report;
  CHECK(report.problems.size() == 1001);
  CHECK(report.problems.back().id == "too_many_problems");
}

TEST_CASE("a project has its profiles and the built-in one") {
  const Project p = project();
  CHECK(p.name == "retail");
  REQUIRE(p.find_profile("local") != nullptr);
  CHECK(p.find_profile("local")->sandbox);
  CHECK(p.find_profile("local")->find("gs")->settings.get_string("buckets") == "clouds/gs");
  CHECK(p.find_profile("local")->find("landing")->type == "local");
  CHECK(p.find_profile("prod")->find("landing")->type == "gcs");
  CHECK_FALSE(p.find_profile("prod")->sandbox);
  CHECK(p.find_secret("pos_api_key")->kind == SecretKind::env);
}

}  // namespace tutti::spec
