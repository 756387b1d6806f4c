// SPDX-License-Identifier: Apache-2.0
// tutti-sim: tells stories, seed after seed, and prints what they were like.
//   tutti-sim [--seconds N] [--seeds N] [--first-seed S] [--trace] [--check-probes] [--shortest N]
// Without a first seed it begins at the day's: fresh seeds every day, the same all day long.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "rt/clock.h"
#include "sim/probes.h"
#include "sim/story.h"

namespace {

using namespace tutti;

struct Options {
  std::optional<int64_t> seconds;
  uint64_t seeds = UINT64_MAX;
  std::optional<uint64_t> first_seed;
  bool trace = false;
  bool check_probes = false;
  size_t shortest_tries = 1'000;  // stories told to shorten a failing one
};

int usage() {
  fmt::print(stderr,
             "tutti-sim [--seconds N] [--seeds N] [--first-seed S] [--trace] [--check-probes] "
             "[--shortest N]\n");
  return 2;
}

std::optional<Options> parse(const std::vector<std::string_view>& arguments) {
  Options out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--trace") {
      out.trace = true;
      continue;
    }
    if (arguments[i] == "--check-probes") {
      out.check_probes = true;
      continue;
    }
    uint64_t number = 0;
    if (i + 1 == arguments.size()) {
      return std::nullopt;
    }
    const std::string_view text = arguments[i + 1];
    if (std::from_chars(text.data(), text.data() + text.size(), number).ptr !=
        text.data() + text.size()) {
      return std::nullopt;
    }
    if (arguments[i] == "--seconds") {
      out.seconds = static_cast<int64_t>(number);
    } else if (arguments[i] == "--seeds") {
      out.seeds = number;
    } else if (arguments[i] == "--shortest") {
      out.shortest_tries = number;
    } else if (arguments[i] == "--first-seed") {
      out.first_seed = number;
    } else {
      return std::nullopt;
    }
    ++i;
  }
  return out;
}

class Figures {
 public:
  void add(const sim::Told& told) {
    add("runs", told.runs);
    add("tasks", told.tasks);
    add("facts", told.facts);
    add("commits", told.commits);
    add("crashes", told.crashes);
    add("virtual seconds", static_cast<uint64_t>(told.time.us / 1'000'000));
  }
  void print() {
    for (auto& [name, values] : values_) {
      std::ranges::sort(values);
      const auto at = [&values](size_t percent) {
        return values[(values.size() - 1) * percent / 100];
      };
      fmt::print("  {:<16} median {:>5}   p5 {:>5}   p95 {:>5}   most {:>6}\n", name, at(50), at(5),
                 at(95), at(100));
    }
  }

 private:
  void add(const std::string& name, uint64_t value) { values_[name].push_back(value); }
  std::map<std::string, std::vector<uint64_t>> values_;
};

// A failure as short as it can be made, and how to see it again.
void print_failure(uint64_t seed, const sim::Told& told, size_t tries) {
  fmt::print("seed {} fails: {}\n", seed, told.failure);
  if (tries == 0) {
    return;
  }
  const sim::Told least = sim::shorten(seed, told, tries);
  fmt::print("with the fewest oddities ({} of {}): {}\n", least.oddities.size(),
             told.oddities.size(), least.failure);
  for (const sim::Oddity& oddity : least.oddities) {
    fmt::print("  {}\n", oddity.text);
  }
  fmt::print("what happens then:\n");
  for (const std::string& line : least.trace) {
    fmt::print("{}\n", line);
  }
  fmt::print("again: tutti-sim --first-seed {} --seeds 1\n", seed);
}

std::map<std::string_view, unsigned long> probe_hits() {
  std::map<std::string_view, unsigned long> hits;
  for (const std::string_view name : sim::known_probes()) {
    hits[name] = 0;
  }
  for (const Probe* probe = first_probe(); probe != nullptr; probe = probe->next) {
    if (hits.contains(probe->name)) {
      hits[probe->name] += probe->count;
    }
  }
  return hits;
}

bool all_probes_hit() {
  return std::ranges::none_of(probe_hits(), [](const auto& hit) { return hit.second == 0; });
}

void print_probes() {
  const auto hits = probe_hits();
  const auto missed = std::ranges::count(hits, 0UL, [](const auto& hit) { return hit.second; });
  fmt::print("probes: {} of {} hit\n", hits.size() - static_cast<size_t>(missed), hits.size());
  const auto rarest =
      std::ranges::min_element(hits, {}, [](const auto& hit) { return hit.second; });
  fmt::print("  rarest: {} ({} times)\n", rarest->first, rarest->second);
  for (const auto& [name, count] : hits) {
    if (count == 0) {
      fmt::print("  not hit: {}\n", name);
    }
  }
}

// Probes are a matter of luck: what is still missing gets as much time again.
bool is_time_up(const Options& options, Duration elapsed) {
  if (!options.seconds || elapsed < seconds(*options.seconds)) {
    return false;
  }
  return !options.check_probes || elapsed >= seconds(2 * *options.seconds) || all_probes_hit();
}

int tell_all(const Options& options) {
  const auto clock = rt::make_system_clock();
  const BootInstant begin = clock->boot();
  // Fresh ones in each call: fewer than a hundred are told in a second.
  const uint64_t first =
      options.first_seed.value_or(static_cast<uint64_t>(clock->wall().us / 10'000));
  Figures figures;
  uint64_t told_twice = 0;
  uint64_t seed = first;
  for (; seed - first < options.seeds; ++seed) {
    if (is_time_up(options, clock->boot() - begin)) {
      break;
    }
    const sim::Told told = sim::tell({.seed = seed, .trace = options.trace});
    for (const std::string& line : told.trace) {
      fmt::print("{}\n", line);
    }
    if (!told.failure.empty()) {
      print_failure(seed, told, options.shortest_tries);
      fmt::print("first failing seed: {}\n", seed);
      return 1;
    }
    figures.add(told);
    if (seed % 20 == 0) {
      ++told_twice;
      if (sim::tell({.seed = seed}).hash != told.hash) {
        fmt::print("seed {} is told differently the second time\nfirst failing seed: {}\n", seed,
                   seed);
        return 1;
      }
    }
  }
  const Duration took = clock->boot() - begin;
  const auto cpu_ms = static_cast<double>(std::clock()) * 1'000.0 / CLOCKS_PER_SEC;
  const uint64_t stories = seed - first;
  fmt::print("{} seeds from {} in {:.1f} s ({:.0f} seeds/s, {:.4f} CPU s a seed), {} told twice\n",
             stories, first, took.seconds(), static_cast<double>(stories) / took.seconds(),
             cpu_ms / 1'000.0 / static_cast<double>(std::max<uint64_t>(stories, 1)), told_twice);
  if (stories > 0) {
    figures.print();
  }
  print_probes();
  fmt::print("first failing seed: none\n");
  return options.check_probes && !all_probes_hit() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse({argv + 1, argv + argc});
  if (!options) {
    return usage();
  }
  if (const char* soak = std::getenv("TUTTI_SOAK_SECONDS"); soak != nullptr && options->seconds) {
    Options longer = *options;
    longer.seconds = std::atoll(soak);
    return tell_all(longer);
  }
  return tell_all(*options);
}
