// SPDX-License-Identifier: Apache-2.0
// The connections of a project as the data plane knows them.
#pragma once

#include <filesystem>

#include "cloud/connections.h"
#include "core/spec/spec.h"

namespace tutti::app {

cloud::ConnectionTable connection_table(const spec::Project& project);

}  // namespace tutti::app
