// SPDX-License-Identifier: Apache-2.0
// tutti-sql: DuckDB in a program of its own, so that a crash, a full memory or a stuck statement
// never touches Tutti. Started by Tutti, speaks tutti.action/1 on descriptors 3 and 4.
#include <csignal>
#include <cstdio>
#include <string_view>

#include <fcntl.h>

#include <fmt/format.h>

#include <duckdb.h>
#include "action/protocol/peer.h"
#include "rt/loop.h"
#include "sql/program.h"

namespace {

int usage() {
  fmt::print(stderr,
             "tutti-sql runs SQL for Tutti (DuckDB {}). It is started by `tutti`, not by hand.\n",
             duckdb_library_version());
  return 2;
}

int run() {
  using namespace tutti;
  const auto clock = rt::make_system_clock();
  const auto random = rt::make_system_random();
  rt::Context ctx(*clock, *random);
  rt::Loop loop;
  const std::unique_ptr<action::Program> program = sql::make_program();
  const std::unique_ptr<action::Peer> peer = action::make_fd_peer(loop.executor(), 3, 4);
  const Result<Unit> served = loop.run(action::serve(ctx, *peer, *program));
  if (!served.has_value()) {
    fmt::print(stderr, "tutti-sql: {}\n", served.error().text());
    return 1;
  }
  return 0;
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
  (void)std::signal(SIGPIPE, SIG_IGN);
  // Whoever wants it to end closes the stream: then what runs is interrupted and the file closed.
  (void)std::signal(SIGTERM, SIG_IGN);
  (void)std::signal(SIGINT, SIG_IGN);
  return run();
}
