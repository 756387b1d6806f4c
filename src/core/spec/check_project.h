// SPDX-License-Identifier: Apache-2.0
// Private to this folder.
#pragma once

#include "core/spec/reporter.h"
#include "core/spec/spec.h"

namespace tutti::spec {

// Connections, secrets and variables of a project file.
void check_project(const YamlDocument& document, const Project& project, Reporter& reporter);

}  // namespace tutti::spec
