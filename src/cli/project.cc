// SPDX-License-Identifier: Apache-2.0
#include "cli/project.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/closest.h"
#include "core/spec/freeze.h"
#include "rt/file.h"

namespace tutti::cli {
namespace fs = std::filesystem;
namespace {

std::string shown_path(const fs::path& path) {
  std::error_code ec;
  const fs::path relative = fs::relative(path, fs::current_path(ec), ec);
  return ec || relative.empty() || relative.string().starts_with("../..") ? path.string()
                                                                          : relative.string();
}

bool is_workflow_file(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

// The name a workflow file gives itself, without checking the rest of it.
std::string name_in(const fs::path& path) {
  const auto text = rt::read_file(path, {.bytes_max = 16u << 20});
  if (!text) {
    return {};
  }
  size_t at = 0;
  while (at < text->size()) {
    const size_t end = std::min(text->find('\n', at), text->size());
    std::string_view line = std::string_view(*text).substr(at, end - at);
    if (line.starts_with("workflow:")) {
      line.remove_prefix(9);
      const size_t from = line.find_first_not_of(" \t\"'");
      const size_t to = line.find_first_of(" \t\r\"'#", from == std::string_view::npos ? 0 : from);
      return from == std::string_view::npos ? std::string()
                                            : std::string(line.substr(from, to - from));
    }
    at = end + 1;
  }
  return {};
}

}  // namespace

Result<fs::path> find_project(const Globals& globals) {
  std::error_code ec;
  if (!globals.project.empty()) {
    const fs::path folder = fs::weakly_canonical(fs::absolute(globals.project, ec), ec);
    if (!fs::exists(folder / "tutti.yaml", ec)) {
      return fail(Error{
          .code = Code::not_found,
          .what = "there is no tutti.yaml in this folder",
          .where = globals.project,
          .remedy =
              "give the folder of a project with --project, or make one with `tutti init NAME`"});
    }
    return folder;
  }
  for (fs::path folder = fs::current_path(ec); !folder.empty(); folder = folder.parent_path()) {
    if (fs::exists(folder / "tutti.yaml", ec)) {
      return fs::canonical(folder, ec);
    }
    if (folder == folder.parent_path()) {
      break;
    }
  }
  return fail(Error{
      .code = Code::not_found,
      .what = "there is no tutti.yaml in this folder or above it",
      .where = fs::current_path(ec).string(),
      .remedy = "go into a project, give one with --project, or make one with `tutti init NAME`"});
}

Result<LoadedProject> load_project(const Globals& globals) {
  LoadedProject loaded;
  TRY(loaded.folder, find_project(globals));
  const fs::path path = loaded.folder / "tutti.yaml";
  TRY(std::string text, rt::read_file(path, {.bytes_max = 16u << 20}));
  auto parsed = spec::parse_project({.file = shown_path(path), .text = std::move(text)});
  loaded.project = std::move(parsed.project);
  loaded.report = std::move(parsed.report);
  return loaded;
}

Result<LoadedProject> load_good_project(const Globals& globals) {
  TRY(LoadedProject loaded, load_project(globals));
  if (loaded.report.has_errors()) {
    return fail(spec::to_error(loaded.report));
  }
  return loaded;
}

Result<std::string> profile_of(const Globals& globals, const spec::Project& project) {
  const char* from_environment = std::getenv("TUTTI_PROFILE");
  const std::string name = !globals.profile.empty() ? globals.profile
                           : from_environment != nullptr && *from_environment != '\0'
                               ? from_environment
                               : "local";
  if (project.find_profile(name) != nullptr) {
    return name;
  }
  std::vector<std::string> names;
  for (const spec::Profile& each : project.profiles) {
    names.push_back(each.name);
  }
  const std::string near = did_you_mean(name, names);
  return fail(
      Error{.code = Code::not_found,
            .what = fmt::format("the project has no profile '{}'", name),
            .where = project.file,
            .remedy = near.empty() ? fmt::format("it has: {}", fmt::join(names, ", ")) : near});
}

Result<std::vector<WorkflowFile>> workflow_files(const LoadedProject& project) {
  std::vector<WorkflowFile> files;
  std::error_code ec;
  for (fs::directory_iterator at(project.folder / "workflows", ec), end; !ec && at != end;
       at.increment(ec)) {
    if (is_workflow_file(at->path())) {
      files.push_back({.path = at->path(), .shown = shown_path(at->path())});
    }
  }
  if (files.empty()) {
    return fail(Error{.code = Code::not_found,
                      .what = "the project has no workflow files",
                      .where = shown_path(project.folder / "workflows"),
                      .remedy = "put a file NAME.yaml there; `tutti init` makes an example"});
  }
  std::ranges::sort(files, {}, &WorkflowFile::path);
  return files;
}

Result<WorkflowFile> find_workflow(const LoadedProject& project, const std::string& name_or_file) {
  std::error_code ec;
  const fs::path as_path = name_or_file;
  if (is_workflow_file(as_path) || name_or_file.find('/') != std::string::npos) {
    if (!fs::exists(as_path, ec)) {
      return fail(Error{.code = Code::not_found,
                        .what = "there is no such file",
                        .where = name_or_file,
                        .remedy = "give the name of a workflow, or the path of its file"});
    }
    return WorkflowFile{.path = fs::canonical(as_path, ec), .shown = name_or_file};
  }
  TRY(const std::vector<WorkflowFile> files, workflow_files(project));
  const WorkflowFile* found = nullptr;
  std::vector<std::string> names;
  for (const WorkflowFile& each : files) {
    names.push_back(name_in(each.path));
    if (names.back() != name_or_file) {
      continue;
    }
    if (found != nullptr) {
      return fail(Error{.code = Code::bad_input,
                        .what = fmt::format("{} is called '{}' too", each.shown, name_or_file),
                        .where = found->shown,
                        .remedy = "give one of the two another name, or say which file you mean"});
    }
    found = &each;
  }
  if (found != nullptr) {
    return *found;
  }
  const std::string near = did_you_mean(name_or_file, names);
  return fail(
      Error{.code = Code::not_found,
            .what = fmt::format("the project has no workflow '{}'", name_or_file),
            .where = shown_path(project.folder / "workflows"),
            .remedy = near.empty() ? fmt::format("it has: {}", fmt::join(names, ", ")) : near});
}

Result<LoadedWorkflow> load_workflow(const LoadedProject& project, const WorkflowFile& file,
                                     const spec::Catalogue& catalogue, const std::string& profile) {
  TRY(std::string text, rt::read_file(file.path, {.bytes_max = 64u << 20}));
  auto parsed = spec::parse_workflow({.file = file.shown, .text = std::move(text)}, project.project,
                                     catalogue, profile);
  return LoadedWorkflow{
      .file = file, .workflow = std::move(parsed.workflow), .report = std::move(parsed.report)};
}

std::optional<int> refuse(Output& output, const spec::Report& report) {
  if (report.has_errors() && output.json()) {
    output.value(spec::to_value(report));
    return 2;
  }
  for (const spec::Problem& problem : report.problems) {
    if (report.has_errors() || !output.quiet()) {
      output.complain(spec::to_text(problem));
    }
  }
  return report.has_errors() ? std::optional(2) : std::nullopt;
}

Result<std::map<std::string, std::string>> pin_named_files(const LoadedProject& project,
                                                           spec::Workflow& workflow,
                                                           const spec::Catalogue& catalogue) {
  std::map<std::string, std::string> contents;
  for (const std::string& path : spec::named_files(workflow, catalogue)) {
    auto text = rt::read_file(project.folder / path);
    if (!text) {
      Error error = std::move(text).error();
      error.where = path;
      return fail(with_context(std::move(error),
                               fmt::format("workflow '{}' names this file", workflow.name)));
    }
    contents.emplace(path, std::move(*text));
  }
  spec::pin_files(workflow, contents);
  return contents;
}

Result<Value> params_of(const spec::Workflow& workflow, const RunInput& input) {
  ValueMap params;
  std::vector<std::string> names;
  for (const spec::Param& each : workflow.params) {
    names.push_back(each.name);
  }
  for (const auto& [name, text] : input.params) {
    const spec::Param* param = workflow.find_param(name);
    if (param == nullptr) {
      const std::string near = did_you_mean(name, names);
      return fail(
          Error{.code = Code::bad_input,
                .what = fmt::format("workflow '{}' has no parameter '{}'", workflow.name, name),
                .where = "--param " + name,
                .remedy = !near.empty()   ? near
                          : names.empty() ? "it takes no parameters"
                                          : fmt::format("it takes: {}", fmt::join(names, ", "))});
    }
    auto value = spec::param_from_text(*param, text);
    if (!value) {
      Error error = std::move(value).error();
      error.where = "--param " + name;
      return fail(std::move(error));
    }
    params.set(name, std::move(*value));
  }
  for (const spec::Param& each : workflow.params) {
    if (!each.default_value && !params.contains(each.name)) {
      return fail(Error{
          .code = Code::bad_input,
          .what = fmt::format("workflow '{}' needs the parameter '{}'", workflow.name, each.name),
          .where = spec::to_text(workflow.file, each.mark),
          .remedy = fmt::format("give it: --param {}=VALUE", each.name)});
    }
  }
  return Value(std::move(params));
}

}  // namespace tutti::cli
