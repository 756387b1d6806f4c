// SPDX-License-Identifier: Apache-2.0
// The connections and secrets of a project as the data plane and the worker know them.
#pragma once

#include <filesystem>

#include "cloud/connections.h"
#include "core/spec/spec.h"
#include "worker/secrets.h"

namespace tutti::app {

cloud::ConnectionTable connection_table(const spec::Project& project);
worker::SecretSource secret_source(const spec::Project& project, std::filesystem::path folder);

}  // namespace tutti::app
