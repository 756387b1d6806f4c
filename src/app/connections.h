// SPDX-License-Identifier: Apache-2.0
// A project's settings: its connections and secrets as the data plane and the worker know them, and
// the digest by which owners are told apart.
#pragma once

#include <filesystem>

#include "cloud/connections.h"
#include "core/spec/spec.h"
#include "worker/secrets.h"

namespace tutti::app {

cloud::ConnectionTable connection_table(const spec::Project& project);
worker::SecretSource secret_source(const spec::Project& project, std::filesystem::path folder);

// The project as its tutti.yaml says now; what it says wrongly is left out, and a file that cannot
// be read is a project without settings.
spec::Project read_project(const std::filesystem::path& folder);

// A digest of what an owner is made with: connections, and secrets with the values that this
// process's environment gives them (files are read anew each time). What a run brings along or is
// pinned to (vars, defaults, workflows) does not count, nor do comments and layout.
std::string settings_digest(const spec::Project& project);

}  // namespace tutti::app
