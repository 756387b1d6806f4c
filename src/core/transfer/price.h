// SPDX-License-Identifier: Apache-2.0
// What it costs that bytes leave a cloud, at list price. Pure.
//
// Prices of North America and Europe in US dollars: Amazon (June 2026) and Azure (January 2026) for
// 10^9 bytes, Google (September 2026) for 2^30; the first 100 GB of a month are free in all three.
// Requests, storage and contracts are not counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/address.h"

namespace tutti::transfer {

struct EgressCost {
  double least = 0;   // dollars: nothing else left the cloud this month; or one region
  double most = 0;    // nothing of the free part is left; or two regions
  std::string basis;  // one line for people
};
// nullopt: no price is known, as of folders and servers of one's own.
std::optional<EgressCost> egress_cost(const ObjectRef& from, const ObjectRef& to, uint64_t bytes);

}  // namespace tutti::transfer
