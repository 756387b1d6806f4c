// SPDX-License-Identifier: Apache-2.0
// For tests: tutti-sql that is killed after its work and before its reply, whenever there is a file
// `kill_tutti_sql` in the project's folder; it removes the file first.
#include <csignal>
#include <filesystem>
#include <system_error>

#include "sql/program.h"

int main() {
  const auto die_if_asked = [] {
    std::error_code failed;
    if (std::filesystem::remove("kill_tutti_sql", failed)) {
      (void)std::raise(SIGKILL);
    }
  };
  return tutti::sql::serve_host(*tutti::sql::make_program(die_if_asked));
}
