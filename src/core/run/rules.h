// SPDX-License-Identifier: Apache-2.0
// The truth table of trigger rules: what a waiting task does, given how many of its direct needs
// ended in which way. A cancelled need counts as failed, a failure with allow_failure as succeeded.
#pragma once

#include <cstdint>

#include "core/spec/spec.h"

namespace tutti::run {

struct NeedCounts {
  uint32_t total = 0;
  uint32_t succeeded = 0;
  uint32_t failed = 0;
  uint32_t upstream_failed = 0;
  uint32_t skipped = 0;
  bool operator==(const NeedCounts&) const = default;
};

enum class Verdict : uint8_t {
  wait,
  run,
  skip,             // skipped (upstream)
  upstream_failed,  // ends without running
};

// A task without needs runs under every rule.
Verdict decide(spec::TriggerRule rule, const NeedCounts& needs);

}  // namespace tutti::run
