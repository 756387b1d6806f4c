// SPDX-License-Identifier: Apache-2.0
// Collects the problems of one file and places them. Private to this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/spec/problem.h"
#include "core/spec/yaml.h"

namespace tutti::spec {

class Reporter {
 public:
  // Both outlive the reporter.
  Reporter(std::string_view file, const YamlText& text, std::vector<Problem>& problems)
      : file_(file), text_(text), problems_(problems) {}

  void error(std::string_view id, const YamlNode& at, std::string what, std::string remedy) {
    add(Severity::error, id, text_.mark_of(at), std::move(what), std::move(remedy));
  }
  void error_in(std::string_view id, const YamlNode& scalar, size_t offset, std::string what,
                std::string remedy) {
    add(Severity::error, id, text_.mark_in(scalar, offset), std::move(what), std::move(remedy));
  }
  void warning(std::string_view id, const YamlNode& at, std::string what, std::string remedy) {
    add(Severity::warning, id, text_.mark_of(at), std::move(what), std::move(remedy));
  }
  const YamlText& text() const { return text_; }
  // So many problems that more would help nobody; what is added now is not kept.
  bool full() const { return problems_.size() >= problems_max; }
  // Call at the end: says so when some were left out.
  void finish() {
    if (full()) {
      problems_.push_back({.id = "too_many_problems",
                           .file = std::string(file_),
                           .mark = text_.mark_at(text_.text().size()),
                           .what = "the file has more problems than are shown",
                           .remedy = "mend these first"});
    }
  }

 private:
  static constexpr size_t problems_max = 1000;

  void add(Severity severity, std::string_view id, Mark mark, std::string what,
           std::string remedy) {
    if (full()) {
      return;
    }
    problems_.push_back({.id = std::string(id),
                         .file = std::string(file_),
                         .mark = mark,
                         .what = std::move(what),
                         .remedy = std::move(remedy),
                         .severity = severity});
  }

  std::string_view file_;
  const YamlText& text_;
  std::vector<Problem>& problems_;
};

// By place; errors before warnings; the same words at the same place once (aliases).
void sort_problems(std::vector<Problem>& problems);

}  // namespace tutti::spec
