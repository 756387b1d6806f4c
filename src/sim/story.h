// SPDX-License-Identifier: Apache-2.0
// Story: everything that happens under one seed, and what came of it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sim/world.h"

namespace tutti::sim {

struct Told {
  std::string failure;  // empty: all held
  uint64_t hash = 0;    // of all that happened; equal for equal seeds
  uint64_t runs = 0;
  uint64_t tasks = 0;
  uint64_t facts = 0;  // changes of tasks and runs that became durable
  uint64_t crashes = 0;
  uint64_t commits = 0;
  Duration time;  // virtual
  std::vector<Oddity> oddities;
  std::vector<std::string> trace;  // if asked for
  uint64_t salt = 0;
  std::set<uint64_t> calm;
};

struct Telling {
  uint64_t seed = 1;
  uint64_t salt = 0;             // another order of things under the same choices
  std::set<uint64_t> calm = {};  // keys of oddities to do without
  bool trace = false;
};
Told tell(const Telling& telling);

// The same failure with as few oddities, runs and tasks as can be found within `tries`.
Told shorten(uint64_t seed, const Told& failed, size_t tries);

}  // namespace tutti::sim
