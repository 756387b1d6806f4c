// SPDX-License-Identifier: Apache-2.0
// Programs that have credentials: credential_process of the AWS files, the Azure CLI, the
// executable of Google's external_account.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cloud/sign/request.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::cloud::auth {

struct Program {
  std::vector<std::string> argv;
  sign::Pairs variables = {};    // of its environment, besides those of this process
  Duration within = minutes(1);  // some ask a browser
};

// What a program prints; the errors of rt::run_program.
using RunProgram = std::function<Task<std::string>(rt::Context&, Program)>;

// Runs them on a pool, without a shell.
RunProgram programs_on(rt::Executor pool);

}  // namespace tutti::cloud::auth
