// SPDX-License-Identifier: Apache-2.0
// The form of a published number: one Figure a claim, printed as a table for people and appended as
// JSON Lines for machines. A program of bench/ makes one Report in main, measures, adds its figures
// and returns finish(). Only ratios count: what is compared is measured in one run, interleaved.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/value.h"

namespace tutti::bench {

struct Options {
  int repeats = 5;         // at least 5; 3 with --quick
  bool quick = false;      // the same figures on smaller input, without peers, in under two minutes
  uint64_t seed = 1;       // of generated input
  std::string jsonl = {};  // file to append to; none when empty
};

struct Series {
  std::string name;            // "ours", a peer with its version, or what the limit is
  std::vector<double> values;  // one a repetition, in the figure's unit
};

struct Figure {
  std::string name;  // stable: "engine.chain40"
  std::string unit;  // "ms", "tasks/s"
  std::vector<double> ours;
  std::vector<Series> peers = {};
  std::optional<Series> limit =
      std::nullopt;         // what the machine itself allows, measured beside ours
  std::string target = {};  // "<= 1.5 x limit"
  std::string note = {};    // what a task is, what durable means
};

class Report {
 public:
  // Understands --quick, --repeats N, --seed N, --jsonl FILE; anything else ends the program with a
  // usage line and status 2.
  Report(int argc, char** argv);

  const Options& options() const { return options_; }
  // Prints the figure's row and appends its line.
  void add(const Figure& figure);
  // 0, or 1 when the JSON Lines could not be written.
  int finish();

 private:
  Options options_;
  bool printed_header_ = false;
  bool write_failed_ = false;
};

double median(std::vector<double> values);

// Milliseconds `work` took on the monotonic clock.
double time_ms(const std::function<void()>& work);

// Calls each contender once a repetition, in turn, and gives the values of each in their order:
//   auto v = interleaved(report.options().repeats, {chain, floor});  // v[0] ours, v[1] the limit
std::vector<std::vector<double>> interleaved(
    int repeats, const std::vector<std::function<double()>>& contenders);

Value to_value(const Figure& figure, const Options& options);

}  // namespace tutti::bench
