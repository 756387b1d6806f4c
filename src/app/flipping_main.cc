// SPDX-License-Identifier: Apache-2.0
// For tests: the commands of tutti, with a bit that flips in its memory, as TUTTI_TEST_FLIP says:
//   CONNECTION OPERATION BYTE TIMES
// as in `s3 part 4711 1`: that byte of the first part sent over the connection s3 is wrong, after
// its digest was computed. OPERATION: get (before the digest is computed), put or part.
#include <cstdlib>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "app/environment.h"
#include "cloud/wrap/faulty.h"

namespace {

using tutti::cloud::wrap::Fault;
using tutti::cloud::wrap::Operation;

struct Flip {
  std::string connection;
  Operation operation = Operation::get;
  uint64_t at = 0;
  int times = 0;
};

Flip read_flip() {
  const char* told = std::getenv("TUTTI_TEST_FLIP");
  std::istringstream words(told == nullptr ? "" : told);
  Flip flip;
  std::string operation;
  words >> flip.connection >> operation >> flip.at >> flip.times;
  flip.operation = operation == "put"    ? Operation::put
                   : operation == "part" ? Operation::part
                                         : Operation::get;
  return flip;
}

std::optional<Fault> next_fault(Flip& flip, Operation operation) {
  if (operation != flip.operation || flip.times == 0) {
    return std::nullopt;
  }
  --flip.times;
  fmt::print(stderr, "flip\n");
  return Fault{.kind = Fault::Kind::flip, .at = flip.at};
}

tutti::cloud::Opener wrapped(tutti::cloud::Opener opener, std::shared_ptr<Flip> flip) {
  opener.open = [open = std::move(opener.open), flip = std::move(flip)](
                    std::string_view connection, const tutti::cloud::ConnectionConfig& config,
                    std::string_view rest) {
    auto located = open(connection, config, rest);
    if (located.has_value() && connection == flip->connection) {
      located->store = tutti::cloud::wrap::make_faulty(
          std::move(located->store),
          [flip](Operation operation, const auto&) { return next_fault(*flip, operation); });
    }
    return located;
  };
  return opener;
}

}  // namespace

int main(int argc, char** argv) {
  const auto flip = std::make_shared<Flip>(read_flip());
  tutti::app::CommandEnvironment environment([flip](tutti::cloud::Openers openers) {
    for (auto& [type, opener] : openers) {
      opener = wrapped(std::move(opener), flip);
    }
    return openers;
  });
  return tutti::cli::run_command_line(argc, argv, environment);
}
