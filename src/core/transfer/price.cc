// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/price.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

namespace tutti::transfer {
namespace {

constexpr double free_units = 100;
constexpr double between_regions = 0.02;  // within North America or Europe
constexpr double unlimited = std::numeric_limits<double>::infinity();

struct Tier {
  double up_to;  // units of a month
  double price;  // for a unit
};

struct Cloud {
  std::string_view provider;  // ObjectRef::provider
  std::string_view host;      // part of the endpoint of the service itself
  std::string_view name;
  double unit;  // bytes
  std::array<Tier, 4> tiers;
};

constexpr std::array<Cloud, 3> clouds{
    {{"s3",
      "amazonaws.com",
      "Amazon",
      1e9,
      {{{10'000, 0.09}, {50'000, 0.085}, {150'000, 0.07}, {unlimited, 0.05}}}},
     {"gcs", "googleapis.com", "Google", 1024.0 * 1024 * 1024, {{{unlimited, 0.12}, {}, {}, {}}}},
     {"azure",
      "windows.net",
      "Azure",
      1e9,
      {{{10'000, 0.087}, {50'000, 0.083}, {150'000, 0.07}, {unlimited, 0.05}}}}}};

const Cloud* cloud_of(const ObjectRef& ref) {
  const auto* at = std::ranges::find(clouds, ref.provider, &Cloud::provider);
  const bool own = at == clouds.end() ||
                   (!ref.endpoint.empty() && ref.endpoint.find(at->host) == std::string::npos);
  return own ? nullptr : at;
}

double at_tiers(const Cloud& cloud, double units) {
  double cost = 0;
  double below = 0;
  for (const Tier& each : cloud.tiers) {
    if (units <= below) {
      break;
    }
    cost += (std::min(units, each.up_to) - below) * each.price;
    below = each.up_to;
  }
  return cost;
}

}  // namespace

std::optional<EgressCost> egress_cost(const ObjectRef& from, const ObjectRef& to, uint64_t bytes) {
  const Cloud* source = cloud_of(from);
  if (source == nullptr) {
    return std::nullopt;
  }
  const double units = static_cast<double>(bytes) / source->unit;
  if (cloud_of(to) == source) {
    return EgressCost{.least = 0,
                      .most = units * between_regions,
                      .basis = fmt::format("{}: free within a region, list price between two of "
                                           "North America or Europe",
                                           source->name)};
  }
  return EgressCost{
      .least = at_tiers(*source, std::max(0.0, units - free_units)),
      .most = at_tiers(*source, units),
      .basis = fmt::format("list price of {} in North America and Europe in 2026; the first 100 GB "
                           "of a month are free",
                           source->name)};
}

}  // namespace tutti::transfer
