// SPDX-License-Identifier: Apache-2.0
// Identities: distinct ids are distinct types.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti {

// A run: a UUIDv7 (RFC 9562) handed in by the shell, printed as 26 Crockford base-32 characters in
// lower case, so that text order is time order.
struct RunId {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const RunId&) const = default;
};
// `at` gives the first 48 bits (milliseconds), `random` the rest.
RunId make_run_id(Instant at, uint64_t random_high, uint64_t random_low);
std::string to_text(const RunId& id);
Result<RunId> parse_run_id(std::string_view text);  // upper case too; I, L and O read as 1, 1 and 0

// A task's place in its workflow version's list of tasks (0-based).
struct TaskNo {
  uint32_t value = 0;
  auto operator<=>(const TaskNo&) const = default;
};

// 1 for the first try; only rises for the whole life of a task run, so an old attempt's report is
// refused by number.
using AttemptNo = uint32_t;

// One attempt of one task of one run: what a worker holds and reports about.
struct AttemptId {
  RunId run;
  TaskNo task;
  AttemptNo attempt = 0;
  auto operator<=>(const AttemptId&) const = default;
};
std::string to_text(const AttemptId& id);  // RUN/TASK/ATTEMPT
Result<AttemptId> parse_attempt_id(std::string_view text);

// Token handed to services that take one: `t` + 31 lower-case base-32 characters of SHA-256 over
// the identity; valid as DNS label, client token and job id.
std::string attempt_token(const AttemptId& id);

// Names of workflows, tasks and connections: [a-z0-9_-]{1,63}.
bool is_name(std::string_view text);

}  // namespace tutti

template <>
struct std::hash<tutti::RunId> {
  size_t operator()(const tutti::RunId& id) const noexcept {
    size_t h = 0;
    for (size_t i = 8; i < 16; ++i) {
      h = h << 8U | id.bytes[i];
    }
    return h;
  }
};
