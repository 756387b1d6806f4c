// SPDX-License-Identifier: Apache-2.0
// The names of all PROBEs in what the simulator runs, read from the sources when the build is
// configured: a probe that was never reached does not know of itself.
#pragma once

#include <span>
#include <string_view>

namespace tutti::sim {

std::span<const std::string_view> known_probes();

}  // namespace tutti::sim
