// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word nearest to one that is unknown.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tutti {

// Letters to insert, remove, replace or swap with a neighbour to get from one to the other; bytes,
// ASCII case ignored.
size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `name` when it is near enough to be meant (a third of the letters, at
// least one), else empty. The first of equals. Names longer than 64 bytes find nothing.
std::string_view closest(std::string_view name, std::span<const std::string_view> candidates);
std::string_view closest(std::string_view name, std::span<const std::string> candidates);

// "did you mean 'x'?", or empty: ready to be a remedy.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace tutti
