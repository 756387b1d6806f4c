// SPDX-License-Identifier: Apache-2.0
// ./dev bench validate: what checking a large workflow file costs, from its text to the report.
// 5,000 tasks in 1 MB, each with needs, templates that read outputs upstream, retry and
// environment.
#include <fmt/format.h>

#include "bench/figure.h"
#include "core/spec/parse.h"

namespace tutti::spec {
namespace {

Catalogue catalogue() {
  return {{{.name = "process",
            .summary = {},
            .params = {{.name = "run", .kind = ParamKind::command, .doc = {}, .required = true}},
            .outputs_open = true,
            .takes_env = true}}};
}

std::string task(int number) {
  std::string needs;
  for (int back : {1, 2, 70}) {
    if (number >= back) {
      needs += fmt::format("{}task_{}", needs.empty() ? "" : ", ", number - back);
    }
  }
  const std::string reads =
      number == 0 ? "nothing" : fmt::format("{{{{ tasks.task_{}.outputs.path }}}}", number - 1);
  return fmt::format(
      "  task_{0}:\n"
      "    uses: process\n"
      "    needs: [{1}]\n"
      "    when: params.day != ''\n"
      "    with:\n"
      "      run: \"convert --day {{{{ params.day }}}} {2}\"\n"
      "    env: {{LEVEL: \"{0}\"}}\n",
      number, needs, reads);
}

std::string file_of(int tasks) {
  std::string text =
      "workflow: large\nparams: {day: {type: date, default: \"{{ ds }}\"}}\ntasks:\n";
  for (int i = 0; i < tasks; ++i) {
    text += task(i);
  }
  return text;
}

}  // namespace
}  // namespace tutti::spec

int main(int argc, char** argv) {
  using namespace tutti;
  bench::Report report(argc, argv);
  const spec::Source source{"large.yaml", spec::file_of(5000)};
  const spec::Project project = spec::default_project("bench");
  const spec::Catalogue actions = spec::catalogue();
  std::vector<double> times;
  for (int i = 0; i < report.options().repeats; ++i) {
    spec::ParsedWorkflow parsed;
    times.push_back(
        bench::time_ms([&] { parsed = spec::parse_workflow(source, project, actions); }));
    if (!parsed.report.problems.empty() || parsed.workflow.tasks.size() != 5000) {
      fmt::print(stderr, "{}", spec::to_text(parsed.report));
      return 1;
    }
  }
  report.add({.name = "validate.5000",
              .unit = "ms",
              .ours = times,
              .target = "<= 300",
              .note = fmt::format("5,000 tasks in {} bytes, text to report", source.text.size())});
  return report.finish();
}
