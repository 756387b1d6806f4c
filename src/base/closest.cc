// SPDX-License-Identifier: Apache-2.0
#include "base/closest.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"

namespace tutti {
namespace {

constexpr size_t name_bytes_max = 64;

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> cell((a.size() + 1) * width);
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      size_t& here = cell[i * width + j];
      if (i == 0 || j == 0) {
        here = i + j;
        continue;
      }
      const bool same = ascii_lower(a[i - 1]) == ascii_lower(b[j - 1]);
      here = std::min({cell[(i - 1) * width + j] + 1, cell[i * width + j - 1] + 1,
                       cell[(i - 1) * width + j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && ascii_lower(a[i - 1]) == ascii_lower(b[j - 2]) &&
          ascii_lower(a[i - 2]) == ascii_lower(b[j - 1])) {
        here = std::min(here, cell[(i - 2) * width + j - 2] + 1);
      }
    }
  }
  return cell.back();
}

std::string_view closest(std::string_view name, std::span<const std::string_view> candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  if (name.size() > name_bytes_max) {
    return best;
  }
  for (std::string_view candidate : candidates) {
    if (candidate.size() > name_bytes_max) {
      continue;
    }
    const size_t distance = edit_distance(name, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string_view closest(std::string_view name, std::span<const std::string> candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  return closest(name, std::span<const std::string_view>(views));
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
  const std::string_view best = closest(name, candidates);
  return best.empty() ? std::string() : "did you mean '" + std::string(best) + "'?";
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  return did_you_mean(name, std::span<const std::string_view>(views));
}

}  // namespace tutti
