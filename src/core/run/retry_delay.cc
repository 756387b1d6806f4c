// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/run/run.h"

namespace tutti::run {
namespace {

// splitmix64's mixing step.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

uint64_t hash_of(const AttemptId& id) {
  uint64_t hash = 0;
  for (const uint8_t byte : id.run.bytes) {
    hash = mix(hash ^ byte);
  }
  return mix(mix(hash ^ id.task.value) ^ id.attempt);
}

}  // namespace

Duration retry_delay(const spec::Retry& retry, uint32_t tries, const AttemptId& failed) {
  const int64_t most = std::max<int64_t>(retry.max_delay.us, 0);
  int64_t us = std::clamp<int64_t>(retry.delay.us, 0, most);
  const auto backoff = static_cast<int64_t>(retry.backoff_milli);
  for (uint32_t i = 1; i < tries && us > 0 && us < most && backoff > 1000; ++i) {
    us = us > most / backoff * 1000 ? most : us / 1000 * backoff + us % 1000 * backoff / 1000;
    us = std::min(us, most);
  }
  // us * permille could overflow for delays of centuries; divide first where it is long.
  const int64_t spread =
      us / 1000 * retry.jitter_permille + us % 1000 * retry.jitter_permille / 1000;
  if (spread > 0) {
    const uint64_t width = 2 * static_cast<uint64_t>(spread) + 1;
    us += static_cast<int64_t>(hash_of(failed) % width) - spread;
  }
  return {us};
}

}  // namespace tutti::run
