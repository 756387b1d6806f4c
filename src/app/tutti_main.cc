// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "app/environment.h"
#include "app/owner_process.h"
#include "rt/process_helper.h"

// One program, three lives: a command, the owner of a project's state, the helper that starts
// processes.
int main(int argc, char** argv) {
  const std::string_view life = argc > 1 ? argv[1] : "";
  if (life == "process-helper" && argc == 4) {
    return tutti::rt::run_process_helper(argv[2], argv[3]);
  }
  if (life == "owner") {
    return tutti::app::run_owner_process({argv + 2, argv + argc});
  }
  tutti::app::CommandEnvironment environment;
  return tutti::cli::run_command_line(argc, argv, environment);
}
