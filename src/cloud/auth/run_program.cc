// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/run_program.h"

#include "rt/program.h"
#include "rt/scope.h"

namespace tutti::cloud::auth {
namespace {

Task<std::string> run_on(rt::Context& ctx, rt::Executor pool, std::vector<std::string> argv) {
  CO_OK(ctx.check());
  co_return co_await rt::offload(
      pool, [argv = std::move(argv)] { return rt::run_program(argv, minutes(1)); });
}

}  // namespace

RunProgram programs_on(rt::Executor pool) {
  return [pool](rt::Context& ctx, std::vector<std::string> argv) {
    return run_on(ctx, pool, std::move(argv));
  };
}

}  // namespace tutti::cloud::auth
