// SPDX-License-Identifier: Apache-2.0
// Programs that have credentials: credential_process of the AWS files, the Azure CLI.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::cloud::auth {

// What a program prints; the errors of rt::run_program.
using RunProgram = std::function<Task<std::string>(rt::Context&, std::vector<std::string>)>;

// Runs them on a pool, for at most a minute: some ask a browser.
RunProgram programs_on(rt::Executor pool);

}  // namespace tutti::cloud::auth
