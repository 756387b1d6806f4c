// SPDX-License-Identifier: Apache-2.0
// The tables as texts for people and editors: JSON Schemas (draft 2020-12) and the generated parts
// of docs. A test writes them into api/ and docs/ and fails when they have drifted.
#pragma once

#include <string>

#include "base/value.h"
#include "core/spec/catalogue.h"

namespace tutti::spec {

Value project_schema();
// With a catalogue, `with` of each action too.
Value workflow_schema(const Catalogue& catalogue);

std::string workflow_reference();  // Markdown: keys of workflow and project files, template names
std::string problem_reference();   // Markdown: every problem id

}  // namespace tutti::spec
