// SPDX-License-Identifier: Apache-2.0
// Random workflows: every trigger rule, branches, conditions, retries, time-outs, writes that may
// not be repeated.
#pragma once

#include "sim/world.h"

namespace tutti::sim {

// Fills world.runs: one to a few runs of a few to a few dozen tasks.
void make_runs(World& world);

}  // namespace tutti::sim
