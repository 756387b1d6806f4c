// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/doctest.h"
#include "bench/figure.h"

namespace tutti::bench {

TEST_CASE("the median of an even count lies between the two in the middle") {
  CHECK(median({3}) == 3);
  CHECK(median({5, 1, 3}) == 3);
  CHECK(median({4, 1, 3, 2}) == 2.5);
}

TEST_CASE("contenders take turns, so that a slow minute hits all of them") {
  std::string order;
  const auto values = interleaved(2, {[&] {
                                        order += 'a';
                                        return 1.0;
                                      },
                                      [&] {
                                        order += 'b';
                                        return 2.0;
                                      }});
  CHECK(order == "abab");
  CHECK(values == std::vector<std::vector<double>>{{1, 1}, {2, 2}});
}

TEST_CASE("a figure becomes one JSON object with the names of the published form") {
  const Figure figure{.name = "engine.chain40",
                      .unit = "ms",
                      .ours = {9.5, 10},
                      .peers = {{"luigi 3", {26}}},
                      .limit = Series{"40 x fdatasync", {4}},
                      .target = "<= 1.5 x limit"};
  const Value value = to_value(figure, {.seed = 7});
  CHECK(value["figure"] == "engine.chain40");
  CHECK(to_json(value["ours"]) == "[9.5,10.0]");
  CHECK(to_json(value["peers"]) == R"({"luigi 3":[26.0]})");
  CHECK(to_json(value["limit"]) == R"({"what":"40 x fdatasync","values":[4.0]})");
  CHECK(value["target"] == "<= 1.5 x limit");
  CHECK(value["seed"] == 7);
  CHECK(value["machine"].is_string());
}

TEST_CASE("figures are appended as lines, and a file that cannot be written fails the bench") {
  const auto path = std::filesystem::temp_directory_path() /
                    ("tutti-bench-test-" + std::to_string(getpid()) + ".jsonl");
  std::filesystem::remove(path);
  std::string program = "bench", flag = "--jsonl", file = path.string(), bad = "/proc/no/such/file";
  char* good_argv[] = {program.data(), flag.data(), file.data()};
  Report report(3, good_argv);
  report.add({.name = "a.b", .unit = "ms", .ours = {1}});
  report.add({.name = "a.c", .unit = "ms", .ours = {2}});
  CHECK(report.finish() == 0);
  std::ifstream lines(path);
  std::string first, second, third;
  CHECK((std::getline(lines, first) && std::getline(lines, second) && !std::getline(lines, third)));
  CHECK(parse_json(second).value()["figure"] == "a.c");
  std::filesystem::remove(path);

  char* bad_argv[] = {program.data(), flag.data(), bad.data()};
  Report unwritable(3, bad_argv);
  unwritable.add({.name = "a.b", .unit = "ms", .ours = {1}});
  CHECK(unwritable.finish() == 1);
}

}  // namespace tutti::bench
