// SPDX-License-Identifier: Apache-2.0
// Runs a short program for what it prints: a helper that has credentials. Not for tasks, which are
// children of the helper process (process.h).
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace tutti::rt {

// With this process's environment, `variables` (NAME=VALUE) in it, and no input; at most 1 MiB of
// output. Blocking: for a pool's thread. Errors: not_found (no such program), timed_out (it was
// killed), denied (it ended with another status than 0; with the first line of what it said about
// it).
Result<std::string> run_program(const std::vector<std::string>& argv, Duration within,
                                const std::vector<std::string>& variables = {});

}  // namespace tutti::rt
