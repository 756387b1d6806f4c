// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/run_program.h"

#include <fmt/format.h>

#include "rt/program.h"
#include "rt/scope.h"

namespace tutti::cloud::auth {
namespace {

Result<std::string> run(const Program& program) {
  std::vector<std::string> variables;
  for (const auto& [name, value] : program.variables) {
    variables.push_back(fmt::format("{}={}", name, value));
  }
  return rt::run_program(program.argv, program.within, variables);
}

Task<std::string> run_on(rt::Context& ctx, rt::Executor pool, Program program) {
  CO_OK(ctx.check());
  co_return co_await rt::offload(pool, [program = std::move(program)] { return run(program); });
}

}  // namespace

RunProgram programs_on(rt::Executor pool) {
  return
      [pool](rt::Context& ctx, Program program) { return run_on(ctx, pool, std::move(program)); };
}

}  // namespace tutti::cloud::auth
