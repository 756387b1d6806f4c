// SPDX-License-Identifier: Apache-2.0
// tutti validate, graph, plan: what can be said of files without running them.
#include <algorithm>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/project.h"
#include "core/graph/graph.h"
#include "core/spec/freeze.h"
#include "core/spec/run_context.h"

namespace tutti::cli {
namespace {

constexpr size_t indents_max = 40;  // of a graph as text: deeper tasks say after whom they come

Result<LoadedWorkflow> check_file(Invocation& call, const LoadedProject& project,
                                  const WorkflowFile& file, const std::string& profile) {
  TRY(LoadedWorkflow loaded, load_workflow(project, file, call.environment.catalogue(), profile));
  for (const spec::FileUse& use : file_uses(loaded.workflow, call.environment.catalogue())) {
    std::error_code ec;
    if (!std::filesystem::exists(project.folder / use.path, ec)) {
      loaded.report.problems.push_back(
          {.id = "missing_file",
           .file = file.shown,
           .mark = use.mark,
           .what = fmt::format("the project has no file '{}', which a task names", use.path),
           .remedy = "create it, or correct the path (it counts from the project's folder)"});
    }
  }
  return loaded;
}

// The files that `validate` is to check, each once: those named, or all.
Result<std::vector<WorkflowFile>> files_to_check(const LoadedProject& project,
                                                 const std::vector<std::string>& named) {
  if (named.empty()) {
    return workflow_files(project);
  }
  std::vector<WorkflowFile> list;
  for (const std::string& each : named) {
    TRY(WorkflowFile file, find_workflow(project, each));
    if (std::ranges::find(list, file.path, &WorkflowFile::path) == list.end()) {
      list.push_back(std::move(file));
    }
  }
  return list;
}

// Adds to the checked files what they show only beside the others of the project. A file from
// elsewhere may have any name.
Result<Unit> check_together(Invocation& call, const LoadedProject& project,
                            std::vector<LoadedWorkflow>& checked) {
  const auto name_of = [](const LoadedWorkflow& of) -> spec::WorkflowName {
    return {.name = of.workflow.name, .file = of.file.shown, .mark = of.workflow.mark};
  };
  const auto files = workflow_files(project).value_or(std::vector<WorkflowFile>());
  std::vector<spec::WorkflowName> names;
  for (const WorkflowFile& file : files) {
    const auto same = [&file](const LoadedWorkflow& each) { return each.file.path == file.path; };
    if (std::ranges::none_of(checked, same)) {
      TRY(const LoadedWorkflow other,
          load_workflow(project, file, call.environment.catalogue(), {}));
      names.push_back(name_of(other));
    }
  }
  for (const LoadedWorkflow& each : checked) {
    if (std::ranges::find(files, each.file.path, &WorkflowFile::path) != files.end()) {
      names.push_back(name_of(each));
    }
  }
  for (spec::Problem& problem : spec::check_names(names)) {
    const auto at = std::ranges::find_if(
        checked, [&](const LoadedWorkflow& each) { return each.file.shown == problem.file; });
    if (at != checked.end()) {
      at->report.problems.push_back(std::move(problem));
    }
  }
  return Unit{};
}

Result<spec::Report> check_workflows(Invocation& call, const LoadedProject& project,
                                     std::span<const WorkflowFile> files) {
  std::string profile;
  if (!call.globals.profile.empty()) {
    TRY(profile, profile_of(call.globals, project.project));
  }
  std::vector<LoadedWorkflow> checked;
  for (const WorkflowFile& file : files) {
    TRY(checked.emplace_back(), check_file(call, project, file, profile));
  }
  TRY_OK(check_together(call, project, checked));
  spec::Report all;
  for (LoadedWorkflow& each : checked) {
    std::ranges::sort(each.report.problems, {}, &spec::Problem::mark);
    std::ranges::move(each.report.problems, std::back_inserter(all.problems));
  }
  return all;
}

graph::Graph graph_of(const spec::Workflow& workflow) {
  std::vector<std::vector<graph::Node>> needs;
  for (const spec::Task& task : workflow.tasks) {
    auto& mine = needs.emplace_back();
    for (const TaskNo need : task.needs) {
      mine.push_back(need.value);
    }
  }
  return graph::Graph(needs);
}

std::string names_of(const spec::Workflow& workflow, std::span<const graph::Node> nodes) {
  std::vector<std::string_view> names;
  for (const graph::Node node : nodes) {
    names.push_back(workflow.tasks[node].name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

// How many levels of needs are above each task.
std::vector<size_t> levels_of(const graph::Graph& graph, const std::vector<graph::Node>& order) {
  std::vector<size_t> level(graph.size(), 0);
  for (const graph::Node node : order) {
    for (const graph::Node up : graph.upstream(node)) {
      level[node] = std::max(level[node], level[up] + 1);
    }
  }
  return level;
}

struct Loaded {
  LoadedProject project;
  std::string profile;
  LoadedWorkflow loaded;
};
Result<Loaded> load(Invocation& call, const std::string& name) {
  Loaded good;
  TRY(good.project, load_good_project(call.globals));
  TRY(good.profile, profile_of(call.globals, good.project.project));
  TRY(const WorkflowFile file, find_workflow(good.project, name));
  TRY(good.loaded, load_workflow(good.project, file, call.environment.catalogue(), good.profile));
  return good;
}

std::string dot_of(const spec::Workflow& workflow) {
  std::string out =
      fmt::format("digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box];\n", workflow.name);
  for (const spec::Task& task : workflow.tasks) {
    out += fmt::format("  \"{}\" [label=\"{}\\n{}\"];\n", task.name, task.name, task.uses);
    for (const TaskNo need : task.needs) {
      out += fmt::format("  \"{}\" -> \"{}\";\n", workflow.task(need).name, task.name);
    }
  }
  return out + "}\n";
}

std::string mermaid_of(const spec::Workflow& workflow) {
  std::string out = "graph LR\n";
  for (size_t i = 0; i < workflow.tasks.size(); ++i) {
    out += fmt::format("  t{}[\"{}<br/>{}\"]\n", i, workflow.tasks[i].name, workflow.tasks[i].uses);
    for (const TaskNo need : workflow.tasks[i].needs) {
      out += fmt::format("  t{} --> t{}\n", need.value, i);
    }
  }
  return out;
}

std::string text_of(const spec::Workflow& workflow, const Output& output) {
  const graph::Graph graph = graph_of(workflow);
  const auto order = graph.order().value();
  const auto level = levels_of(graph, order);
  std::string out;
  for (const graph::Node node : order) {
    const spec::Task& task = workflow.tasks[node];
    const size_t indent = std::min<size_t>(level[node], indents_max) * 2;
    out += fmt::format("{}{}  {}", std::string(indent, ' '), task.name,
                       output.paint(Color::dim, task.uses));
    if (!graph.upstream(node).empty()) {
      out += output.paint(Color::dim, "  after " + names_of(workflow, graph.upstream(node)));
    }
    if (task.trigger_rule != spec::TriggerRule::all_success) {
      out += output.paint(Color::dim,
                          fmt::format("  ({})", spec::trigger_rule_name(task.trigger_rule)));
    }
    out += "\n";
  }
  return out;
}

Value graph_value(const spec::Workflow& workflow) {
  ValueList tasks;
  for (const spec::Task& task : workflow.tasks) {
    ValueList needs;
    for (const TaskNo need : task.needs) {
      needs.emplace_back(workflow.task(need).name);
    }
    tasks.push_back(Value::of({{"task", task.name},
                               {"uses", task.uses},
                               {"needs", Value(std::move(needs))},
                               {"trigger_rule", spec::trigger_rule_name(task.trigger_rule)}}));
  }
  return Value::of({{"workflow", workflow.name}, {"tasks", Value(std::move(tasks))}});
}

Value preview_value(const TaskPreview& preview) {
  ValueList steps;
  for (const TaskPreview::Step& step : preview.steps) {
    steps.push_back(Value::of({{"what", step.what},
                               {"objects", step.objects ? Value(*step.objects) : Value()},
                               {"bytes", step.bytes ? Value(*step.bytes) : Value()},
                               {"detail", step.detail}}));
  }
  ValueList unknown(preview.unknown.begin(), preview.unknown.end());
  return Value::of({{"task", preview.task},
                    {"steps", Value(std::move(steps))},
                    {"unknown", Value(std::move(unknown))},
                    {"error", preview.error ? Value(preview.error->text()) : Value()}});
}

// "for 2026-02-28 (2026-02-28 00:00:00 to 2026-03-01 00:00:00 UTC)"
std::string dates_text(const spec::RunDates& dates) {
  return dates.interval_start == dates.interval_end
             ? fmt::format("for {} UTC, with an empty interval", utc_text(dates.logical_date))
             : fmt::format("for {} ({} to {} UTC)", to_text(date_of(dates.logical_date)),
                           utc_text(dates.interval_start), utc_text(dates.interval_end));
}

void print_preview(Invocation& call, const spec::Workflow& workflow, const spec::Task& task,
                   const TaskPreview& preview) {
  const std::string indent(2, ' ');
  std::string head = fmt::format("{}  {}", call.output.paint(Color::bold, task.name),
                                 call.output.paint(Color::dim, task.uses));
  if (!task.needs.empty()) {
    std::vector<std::string_view> needs;
    for (const TaskNo need : task.needs) {
      needs.push_back(workflow.task(need).name);
    }
    head += call.output.paint(Color::dim, fmt::format("  after {}", fmt::join(needs, ", ")));
  }
  if (task.when) {
    head += call.output.paint(Color::dim, fmt::format("  when {}", task.when->text));
  }
  call.output.line(head);
  for (const TaskPreview::Step& step : preview.steps) {
    std::string line = indent + step.what;
    if (step.bytes) {
      line += ", " + human_bytes(*step.bytes);
    }
    call.output.line(printable(line));
    size_t at = 0;
    while (at < step.detail.size()) {
      const size_t end = std::min(step.detail.find('\n', at), step.detail.size());
      call.output.line(indent + "  " +
                       call.output.paint(Color::dim, printable(step.detail.substr(at, end - at))));
      at = end + 1;
    }
  }
  for (const std::string& unknown : preview.unknown) {
    call.output.line(indent + call.output.paint(Color::yellow, "known only when it runs: ") +
                     printable(unknown));
  }
  if (preview.error) {
    call.output.line(indent + call.output.paint(Color::red, "would fail: ") +
                     printable(preview.error->text()));
  }
}

}  // namespace

Result<int> validate(Invocation& call, const ValidateArgs& args) {
  TRY(LoadedProject project, load_project(call.globals));
  spec::Report all = project.report;
  size_t files = 0;
  if (!all.has_errors()) {
    TRY(const std::vector<WorkflowFile> list, files_to_check(project, args.workflows));
    TRY(spec::Report report, check_workflows(call, project, list));
    std::ranges::move(report.problems, std::back_inserter(all.problems));
    files = list.size();
  }
  if (call.output.json()) {
    call.output.value(spec::to_value(all));
  } else {
    call.output.text(spec::to_text(all));
    call.output.note(
        all.problems.empty()
            ? fmt::format("{} {} good", files, files == 1 ? "workflow is" : "workflows are")
            : fmt::format("{}, {}", counted(static_cast<int64_t>(all.error_count()), "error"),
                          counted(static_cast<int64_t>(all.warning_count()), "warning")));
  }
  return all.has_errors() ? 2 : 0;
}

Result<int> graph(Invocation& call, const GraphArgs& args) {
  TRY(const Loaded good, load(call, args.workflow));
  if (const auto status = refuse(call.output, good.loaded.report)) {
    return *status;
  }
  const spec::Workflow& workflow = good.loaded.workflow;
  if (call.output.json()) {
    call.output.value(graph_value(workflow));
  } else if (args.format == "dot") {
    call.output.text(dot_of(workflow));
  } else if (args.format == "mermaid") {
    call.output.text(mermaid_of(workflow));
  } else {
    call.output.text(text_of(workflow, call.output));
  }
  return 0;
}

Result<int> plan(Invocation& call, const PlanArgs& args) {
  TRY(Loaded good, load(call, args.input.workflow));
  if (const auto status = refuse(call.output, good.loaded.report)) {
    return *status;
  }
  spec::Workflow& workflow = good.loaded.workflow;
  TRY(Value params, params_of(workflow, args.input));
  TRY(const auto files, pin_named_files(good.project, workflow, call.environment.catalogue()));
  PreviewRequest request{.workflow = workflow,
                         .project = good.project.project,
                         .project_folder = good.project.folder.string(),
                         .profile = good.profile,
                         .params = std::move(params),
                         .dates = spec::dates_of_manual_run(
                             args.input.date, call.environment.context().clock().wall())};
  const spec::RunDates dates = request.dates;
  TRY(const std::vector<TaskPreview> previews,
      call.environment.loop().run(
          call.environment.preview(call.environment.context(), std::move(request))));
  const graph::Graph graph = graph_of(workflow);
  const auto order = graph.order().value();
  std::vector<Duration> weights(workflow.tasks.size(), seconds(1));
  const auto critical = graph.critical_path(weights);
  bool would_fail = false;
  ValueList values;
  for (const TaskPreview& each : previews) {
    would_fail = would_fail || each.error.has_value();
    values.push_back(preview_value(each));
  }
  if (call.output.json()) {
    ValueList path;
    for (const graph::Node node : critical.nodes) {
      path.emplace_back(workflow.tasks[node].name);
    }
    call.output.value(Value::of({{"workflow", workflow.name},
                                 {"profile", good.profile},
                                 {"logical_date", to_text(dates.logical_date)},
                                 {"interval_start", to_text(dates.interval_start)},
                                 {"interval_end", to_text(dates.interval_end)},
                                 {"files", static_cast<int64_t>(files.size())},
                                 {"tasks", Value(std::move(values))},
                                 {"critical_path", Value(std::move(path))}}));
    return would_fail ? 1 : 0;
  }
  call.output.line(fmt::format("{}: {}, profile {}, {}", workflow.name,
                               counted(static_cast<int64_t>(workflow.tasks.size()), "task"),
                               good.profile, dates_text(dates)));
  for (const graph::Node node : order) {
    print_preview(call, workflow, workflow.tasks[node], previews[node]);
  }
  int64_t bytes = 0;
  for (const TaskPreview& each : previews) {
    for (const auto& step : each.steps) {
      bytes += step.bytes.value_or(0);
    }
  }
  std::vector<std::string_view> path;
  for (const graph::Node node : critical.nodes) {
    path.push_back(workflow.tasks[node].name);
  }
  call.output.line(fmt::format("longest chain: {}", fmt::join(path, " -> ")));
  call.output.line(
      fmt::format("bytes to move as far as known: {}. Nothing was done.", human_bytes(bytes)));
  return would_fail ? 1 : 0;
}

}  // namespace tutti::cli
