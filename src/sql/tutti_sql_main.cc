// SPDX-License-Identifier: Apache-2.0
// tutti-sql: DuckDB in a program of its own, so that a crash, a full memory or a stuck statement
// never touches Tutti. Started by Tutti, speaks tutti.action/1 on descriptors 3 and 4.
#include <cstdio>
#include <string_view>

#include <fcntl.h>

#include <fmt/format.h>

#include <duckdb.h>
#include "sql/program.h"

namespace {

int usage() {
  fmt::print(stderr,
             "tutti-sql runs SQL for Tutti (DuckDB {}). It is started by `tutti`, not by hand.\n",
             duckdb_library_version());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    fmt::print("tutti-sql, DuckDB {}\n", duckdb_library_version());
    return 0;
  }
  if (argc != 1 || fcntl(3, F_GETFD) < 0 || fcntl(4, F_GETFD) < 0) {
    return usage();
  }
  return tutti::sql::serve_host(*tutti::sql::make_program());
}
