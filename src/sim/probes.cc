// SPDX-License-Identifier: Apache-2.0
#include "sim/probes.h"

#include <array>

namespace tutti::sim {
namespace {

constexpr auto names = std::to_array<std::string_view>({
#include <probe_names.inc>
});

}  // namespace

std::span<const std::string_view> known_probes() { return names; }

}  // namespace tutti::sim
