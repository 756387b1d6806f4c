// SPDX-License-Identifier: Apache-2.0
// The owner: the process that holds a project's lock, keeps its state, decides, and runs its tasks.
#pragma once

#include <string>
#include <vector>

namespace tutti::app {

// The whole life of `tutti owner ...`; returns the exit status. What goes wrong before it is ready
// is told to the command that started it.
int run_owner_process(const std::vector<std::string>& arguments);

}  // namespace tutti::app
