// SPDX-License-Identifier: Apache-2.0
// ./dev bench store: what a commit costs. A task is one attempt row and its share of the pages of
// its run; durable means fdatasync before the commit returns.
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "bench/figure.h"
#include "bench/limits.h"
#include "rt/loop.h"
#include "store/sqlite.h"

namespace tutti {
namespace {

void must(const std::expected<Unit, Error>& result) {
  if (!result.has_value()) {
    fmt::print(stderr, "{}\n", result.error().text());
    std::exit(1);
  }
}

// A store in a fresh folder here, with one run in it.
class Bench {
 public:
  Bench() {
    std::filesystem::remove_all(folder_);
    auto opened = store::open_sqlite_store({.folder = folder_, .clock = clock_.get()});
    if (!opened.has_value()) {
      must(fail(opened.error()));
    }
    store_ = std::move(*opened);
    epoch_ = loop_.run(store_->claim(ctx_, {})).value().epoch;
    must(commit({.runs = {row_}}));
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() {
    must(loop_.run(store_->close(ctx_)));
    std::filesystem::remove_all(folder_);
  }

  // `tasks` tasks end: their attempt rows, the run's row and its changed pages.
  store::Commit change(uint32_t tasks) {
    store::Commit change{.runs = {row_}};
    for (uint32_t i = 0; i < tasks; ++i, ++next_task_) {
      change.attempts.push_back({.run = row_.run,
                                 .task = {next_task_},
                                 .attempt = 1,
                                 .task_name = fmt::format("task_{}", next_task_),
                                 .state = "success",
                                 .started = {1'700'000'000'000'000},
                                 .ended = {1'700'000'000'100'000}});
    }
    const uint32_t pages = tasks / 64 + 1;
    for (uint32_t i = 0; i < pages; ++i) {
      change.pages.push_back({row_.run, (next_task_ / 64 + i) % 1000, std::string(2000, 'p')});
    }
    return change;
  }

  std::expected<Unit, Error> commit(store::Commit change) {
    change.epoch = epoch_;
    return loop_.run(store_->commit(ctx_, std::move(change)));
  }

 private:
  std::filesystem::path folder_ = "bench_store.tmp";
  std::unique_ptr<rt::Clock> clock_ = rt::make_system_clock();
  std::unique_ptr<rt::Random> random_ = rt::make_system_random();
  rt::Context ctx_{*clock_, *random_};
  rt::Loop loop_;
  std::unique_ptr<store::SqliteStore> store_;
  store::Epoch epoch_ = 0;
  store::RunRow row_ = {.run = {}, .run_no = 1, .workflow = "bench", .state = "running"};
  uint32_t next_task_ = 0;
};

struct Commits {
  double ms = 0;
  double p99_ms = 0;
  double syncs = 0;
};

Commits run_commits(Bench& bench, int count, uint32_t tasks) {
  std::vector<double> times;
  const uint64_t syncs = store::sync_count();
  for (int i = 0; i < count; ++i) {
    auto change = bench.change(tasks);
    times.push_back(bench::time_ms([&] { must(bench.commit(std::move(change))); }));
  }
  Commits result;
  result.syncs = static_cast<double>(store::sync_count() - syncs) / count;
  for (const double ms : times) {
    result.ms += ms;
  }
  std::ranges::sort(times);
  result.p99_ms = times[times.size() * 99 / 100];
  return result;
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  using namespace tutti;
  bench::Report report(argc, argv);
  const int rounds = report.options().quick ? 2000 : 10'000;
  std::vector<double> syncs;
  std::vector<double> p99;
  {
    Bench chain;
    run_commits(chain, 200, 1);
    const auto v = bench::interleaved(report.options().repeats,
                                      {[&] {
                                         const Commits done = run_commits(chain, 40, 1);
                                         syncs.push_back(done.syncs);
                                         return done.ms;
                                       },
                                       [] { return bench::overwrite_synced_ms(".", 40); }});
    report.add({.name = "store.chain40",
                .unit = "ms",
                .ours = v[0],
                .limit = bench::Series{"40 x preallocated 4 KiB overwrite + fdatasync", v[1]},
                .target = "<= 2 x limit",
                .note = "40 commits of one task, one after the other"});
    report.add({.name = "store.syncs_per_commit", .unit = "calls", .ours = syncs});
  }
  for (const uint32_t tasks : {1U, 32U, 128U, 512U}) {
    Bench bulk;
    std::vector<double> rates;
    p99.clear();
    for (int i = 0; i < report.options().repeats; ++i) {
      const int count = tasks < 128 ? rounds / 4 : rounds / static_cast<int>(tasks / 16);
      const Commits done = run_commits(bulk, count, tasks);
      rates.push_back(count * tasks / done.ms * 1000);
      p99.push_back(done.p99_ms);
    }
    report.add({.name = fmt::format("store.throughput.{}", tasks),
                .unit = "tasks/s",
                .ours = rates,
                .target = tasks == 128 ? ">= 100,000" : "",
                .note = fmt::format("{} tasks a commit", tasks)});
    report.add({.name = fmt::format("store.commit_p99.{}", tasks),
                .unit = "ms",
                .ours = p99,
                .note = "checkpoints beside it"});
  }
  return report.finish();
}
