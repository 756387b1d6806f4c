// SPDX-License-Identifier: Apache-2.0
// The tables as texts for people and editors: JSON Schemas (draft 2020-12) and the generated parts
// of docs. Tests write them into api/ and docs/ and fail when they have drifted: tests/spec, and
// tests/docs for what needs the program's catalogue.
#pragma once

#include <string>

#include "base/value.h"
#include "core/spec/catalogue.h"

namespace tutti::spec {

Value project_schema();
// `uses` is one of the catalogue's actions (any text when it has none) and `with` what that takes.
Value workflow_schema(const Catalogue& catalogue);

std::string workflow_reference();  // Markdown: keys of workflow and project files, template names
std::string problem_reference();   // Markdown: every problem id

}  // namespace tutti::spec
