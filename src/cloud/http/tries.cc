// SPDX-License-Identifier: Apache-2.0
#include "cloud/http/tries.h"

#include <fmt/format.h>

namespace tutti::cloud::http {
namespace {

std::unexpected<Error> bad(std::string_view connection, std::string_view what,
                           std::string_view remedy) {
  return fail(Code::bad_input, fmt::format("connection '{}': {}", connection, what),
              std::string(remedy));
}

Result<Unit> read_attempts(std::string_view connection, const Value& given,
                           rt::RetryPolicy& policy) {
  constexpr int most = 100;
  if (!given.is_int() || given.as_int() < 1 || given.as_int() > most) {
    return bad(connection, fmt::format("{} attempts", to_json(given)), "attempts is 1 to 100");
  }
  policy.attempts_max = static_cast<int>(given.as_int());
  return Unit{};
}

Result<Unit> read_patience(std::string_view connection, const Value& given,
                           rt::RetryPolicy& policy) {
  constexpr std::string_view remedy = "write a duration such as 90s or 15m; 0s for none";
  if (!given.is_string()) {
    return bad(connection, fmt::format("its patience is {}", to_json(given)), remedy);
  }
  const auto patience = parse_duration(given.as_string());
  if (!patience.has_value()) {
    return bad(connection, fmt::format("its patience: {}", patience.error().what), remedy);
  }
  policy.throttled_max = *patience;
  return Unit{};
}

}  // namespace

bool is_setting_of_tries(std::string_view name) { return name == "attempts" || name == "patience"; }

Result<Unit> read_tries(std::string_view connection, const Value& settings,
                        rt::RetryPolicy& policy) {
  if (const Value* attempts = settings.as_map().find("attempts")) {
    TRY_OK(read_attempts(connection, *attempts, policy));
  }
  if (const Value* patience = settings.as_map().find("patience")) {
    TRY_OK(read_patience(connection, *patience, policy));
  }
  return Unit{};
}

}  // namespace tutti::cloud::http
