// SPDX-License-Identifier: Apache-2.0
// How fast a connection may be used, at which time. Values; pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace tutti::cloud::wrap {

struct Rates {
  uint64_t bytes = 0;     // a second, read and written together; 0: as many as there are
  uint64_t requests = 0;  // a second, calls of ObjectStore and Upload; 0: the same
  bool operator==(const Rates&) const = default;
};

// A time of the week, of the machine's own clock.
struct WeekTime {
  int day = 0;     // 0: Sunday
  int minute = 0;  // of the day
};

class RatePlan {
 public:
  // {bandwidth: 50MB/s, requests: 200/s, times: [{from: "08:00", to: "18:00", days: [mon, fri],
  // bandwidth: 10MB/s}]}. The first time that fits wins; what it does not name is as without it.
  // `to` before `from`: over midnight, of the days it begins on. bad_input names the key.
  static Result<RatePlan> parse(const Value& settings);

  Rates at(WeekTime now) const;

 private:
  struct Time {
    int from = 0;  // minutes of the day
    int to = 0;
    uint8_t days = 0x7F;  // bit 0: Sunday
    Rates rates;
  };
  static Result<Time> parse_time(const Value& settings, Rates otherwise);

  Rates always_;
  std::vector<Time> times_;
};

}  // namespace tutti::cloud::wrap
