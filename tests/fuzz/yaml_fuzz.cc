// SPDX-License-Identifier: Apache-2.0
// Hostile bytes as files: the first byte chooses workflow, project or stored version, the rest is
// the text. Whatever is accepted must live through freeze and thaw.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "core/spec/freeze.h"
#include "core/spec/parse.h"

namespace {

using namespace tutti;
using namespace tutti::spec;

ParamSchema param(std::string name, ParamKind kind) {
  return {.name = std::move(name), .kind = kind, .doc = {}};
}

// One action with a parameter of every kind, and a branch.
Catalogue all_kinds() {
  ActionSchema all{.name = "a", .summary = {}, .outputs_open = true, .takes_files = true};
  for (int kind = 0; kind <= static_cast<int>(ParamKind::task); ++kind) {
    all.params.push_back(param(std::string(1, static_cast<char>('a' + kind)), ParamKind(kind)));
  }
  all.params[1].many = true;
  all.params[2].secret_allowed = true;
  all.params[3].choices = {"x", "y"};
  all.one_of = {{{{"a"}, {"b", "c"}}}};
  ActionSchema branch{.name = "b", .summary = {}, .is_branch = true, .only_outputs = true};
  branch.params = {param("cases", ParamKind::branch_cases), param("else", ParamKind::task)};
  return {{all, branch}};
}

void check_report(const Report& report, std::string_view text) {
  const auto lines = static_cast<size_t>(std::ranges::count(text, '\n')) +
                     static_cast<size_t>(std::ranges::count(text, '\r')) + 1;
  for (const Problem& problem : report.problems) {
    CHECK(problem.mark.line >= 1 && problem.mark.line <= lines && problem.mark.column >= 1);
    CHECK(!problem.id.empty() && !problem.what.empty());
  }
}

void workflow(const std::string& text) {
  static const Catalogue catalogue = all_kinds();
  static const Project project = default_project("p");
  ParsedWorkflow parsed = parse_workflow({"w", text}, project, catalogue);
  check_report(parsed.report, text);
  if (!parsed.report.has_errors()) {
    for (const std::string& path : named_files(parsed.workflow, catalogue)) {
      CHECK(!path.empty());
    }
    pin_files(parsed.workflow, {{"x", text}});
    const auto back = thaw(freeze(parsed.workflow));
    CHECK(back.has_value() && back->version == version_of(parsed.workflow));
  }
}

void project(const std::string& text) {
  const ParsedProject parsed = parse_project({"p", text});
  check_report(parsed.report, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 4 == 0) {
    project(text);
  } else if (data[0] % 4 == 1) {
    if (const auto thawed = thaw(text); thawed.has_value()) {
      CHECK(thaw(freeze(thawed->workflow)).has_value());
    }
  } else {
    workflow(text);
  }
  return 0;
}
