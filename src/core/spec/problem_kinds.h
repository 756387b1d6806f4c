// SPDX-License-Identifier: Apache-2.0
// The closed set of problem ids, with what each means; docs/errors.md is made from it.
#pragma once

#include <span>
#include <string_view>

namespace tutti::spec {

struct ProblemKind {
  std::string_view id;
  std::string_view meaning;
  bool warning = false;
  bool in_golden = true;  // tests/golden/validate has a file that gives it
};

std::span<const ProblemKind> problem_kinds();

}  // namespace tutti::spec
