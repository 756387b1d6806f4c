// SPDX-License-Identifier: Apache-2.0
#include "bench/figure.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/check.h"

namespace tutti::bench {
namespace {

[[noreturn]] void usage(const char* program) {
  fmt::print(stderr, "usage: {} [--quick] [--repeats N] [--seed N] [--jsonl FILE]\n", program);
  std::exit(2);
}

uint64_t number(const char* program, std::string_view text) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) {
    usage(program);
  }
  return n;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown processor";
}

std::string machine() {
  utsname name{};
  uname(&name);
  return fmt::format("{} x {}, Linux {}", sysconf(_SC_NPROCESSORS_ONLN), processor(), name.release);
}

Value list(const std::vector<double>& values) {
  ValueList out;
  for (const double v : values) {
    out.emplace_back(v);
  }
  return out;
}

// "12.3 (11.9-14.0)": median, minimum and maximum.
std::string spread(const std::vector<double>& values) {
  const auto [low, high] = std::ranges::minmax(values);
  return fmt::format("{:.4g} ({:.4g}-{:.4g})", median(values), low, high);
}

// Appended in one write, so that two benches cannot mix their lines.
bool append_line(const std::string& path, const std::string& line) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) {
    return false;
  }
  const bool written = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  return close(fd) == 0 && written;
}

}  // namespace

Report::Report(int argc, char** argv) {
  bool repeats_given = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--quick") {
      options_.quick = true;
    } else if (i + 1 == argc) {
      usage(argv[0]);
    } else if (arg == "--repeats") {
      options_.repeats =
          static_cast<int>(std::clamp<uint64_t>(number(argv[0], argv[++i]), 1, 1000));
      repeats_given = true;
    } else if (arg == "--seed") {
      options_.seed = number(argv[0], argv[++i]);
    } else if (arg == "--jsonl") {
      options_.jsonl = argv[++i];
    } else {
      usage(argv[0]);
    }
  }
  if (options_.quick && !repeats_given) {
    options_.repeats = 3;
  }
  fmt::print("{}; medians of {} (minimum-maximum)\n", machine(), options_.repeats);
}

void Report::add(const Figure& figure) {
  CHECK(!figure.ours.empty());
  if (!printed_header_) {
    printed_header_ = true;
    fmt::print("{:<28} {:>9}  {:<28} {:<28} {}\n", "figure", "unit", "ours", "limit", "ours/limit");
  }
  const double ours = median(figure.ours);
  const auto limit = figure.limit ? spread(figure.limit->values) : "";
  const auto ratio = figure.limit ? fmt::format("{:.2f}", ours / median(figure.limit->values)) : "";
  fmt::print("{:<28} {:>9}  {:<28} {:<28} {}{}\n", figure.name, figure.unit, spread(figure.ours),
             limit, ratio,
             figure.target.empty() ? "" : fmt::format("  (target {})", figure.target));
  for (const Series& peer : figure.peers) {
    fmt::print("  {:<36}  {:<28} ours/peer {:.2f}\n", peer.name, spread(peer.values),
               ours / median(peer.values));
  }
  if (figure.limit) {
    fmt::print("  limit: {}\n", figure.limit->name);
  }
  if (!figure.note.empty()) {
    fmt::print("  {}\n", figure.note);
  }
  std::fflush(stdout);
  if (!options_.jsonl.empty()) {
    write_failed_ |= !append_line(options_.jsonl, to_json(to_value(figure, options_)) + "\n");
  }
}

int Report::finish() {
  if (write_failed_) {
    fmt::print(stderr, "cannot append to {}\n", options_.jsonl);
  }
  return write_failed_ ? 1 : 0;
}

double median(std::vector<double> values) {
  CHECK(!values.empty());
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double time_ms(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return took.count();
}

std::vector<std::vector<double>> interleaved(
    int repeats, const std::vector<std::function<double()>>& contenders) {
  std::vector<std::vector<double>> values(contenders.size());
  for (int i = 0; i < repeats; ++i) {
    for (size_t c = 0; c < contenders.size(); ++c) {
      values[c].push_back(contenders[c]());
    }
  }
  return values;
}

Value to_value(const Figure& figure, const Options& options) {
  ValueMap peers;
  for (const Series& peer : figure.peers) {
    peers.set(peer.name, list(peer.values));
  }
  const char* commit = std::getenv("TUTTI_COMMIT");  // set by ./dev bench
  ValueMap out{{"figure", figure.name},
               {"unit", figure.unit},
               {"ours", list(figure.ours)},
               {"peers", peers}};
  if (figure.limit) {
    out.set("limit",
            Value::of({{"what", figure.limit->name}, {"values", list(figure.limit->values)}}));
  }
  out.set("target", figure.target);
  out.set("note", figure.note);
  out.set("machine", machine());
  out.set("commit", commit != nullptr ? commit : "unknown");
  out.set("seed", options.seed);
  return out;
}

}  // namespace tutti::bench
