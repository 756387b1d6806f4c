// SPDX-License-Identifier: Apache-2.0
#include "core/spec/problem.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace tutti::spec {

namespace {

std::string_view severity_name(Severity severity) {
  return severity == Severity::error ? "error" : "warning";
}

}  // namespace

std::string to_text(const Problem& problem) {
  std::string text = fmt::format("{}: {}: {}.", to_text(problem.file, problem.mark),
                                 severity_name(problem.severity), problem.what);
  if (!problem.remedy.empty()) {
    text += ' ' + problem.remedy;
    if (!problem.remedy.ends_with('?') && !problem.remedy.ends_with('.')) {
      text += '.';
    }
  }
  return text;
}

size_t Report::error_count() const {
  return static_cast<size_t>(std::ranges::count(problems, Severity::error, &Problem::severity));
}

size_t Report::warning_count() const { return problems.size() - error_count(); }

bool Report::has_errors() const { return error_count() > 0; }

std::string to_text(const Report& report) {
  std::string text;
  for (const Problem& problem : report.problems) {
    text += to_text(problem);
    text += '\n';
  }
  return text;
}

Value to_value(const Report& report) {
  ValueList problems;
  for (const Problem& problem : report.problems) {
    problems.push_back(Value::of({{"id", problem.id},
                                  {"severity", severity_name(problem.severity)},
                                  {"file", problem.file},
                                  {"line", problem.mark.line},
                                  {"column", problem.mark.column},
                                  {"what", problem.what},
                                  {"remedy", problem.remedy}}));
  }
  return Value::of({{"errors", static_cast<uint64_t>(report.error_count())},
                    {"warnings", static_cast<uint64_t>(report.warning_count())},
                    {"problems", std::move(problems)}});
}

Error to_error(const Report& report) {
  const auto first = std::ranges::find(report.problems, Severity::error, &Problem::severity);
  CHECK(first != report.problems.end());
  Error error{.code = Code::bad_input,
              .what = first->what,
              .where = to_text(first->file, first->mark),
              .remedy = first->remedy,
              .provider_code = first->id};
  if (report.error_count() > 1) {
    error.what += fmt::format(" (and {} more)", report.error_count() - 1);
  }
  return error;
}

}  // namespace tutti::spec
