// SPDX-License-Identifier: Apache-2.0
#include "rt/wait.h"
#include "store/log_lines.h"

namespace tutti::store {
namespace {

class MemoryLogs final : public Logs {
 public:
  explicit MemoryLogs(LogLimits limits) : limits_(limits) {}

  Task<Unit> append(rt::Context& ctx, LogEntry entry) override {
    CO_OK(ctx.check());
    Run& run = runs_.try_emplace(entry.id.run, limits_.line_bytes_max).first->second;
    run.finished = false;
    std::vector<LogRecord> records;
    run.lines.take(std::move(entry), records);
    put_down(run, std::move(records));
    co_return Unit{};
  }

  Task<LogPage> read(rt::Context& ctx, LogRead query) override {
    const BootInstant until = ctx.clock().boot() + query.wait;
    while (true) {
      CO_OK(ctx.check());
      Run& run = runs_.try_emplace(query.run, limits_.line_bytes_max).first->second;
      LogPage page = page_of(run, query);
      if (!page.lines.empty() || run.finished || ctx.clock().boot() >= until) {
        co_return page;
      }
      auto news = rt::Waiter::make();
      run.followers.push_back(news);
      rt::Context soon = ctx.with_deadline(until);
      (void)co_await news->wait(soon);
    }
  }

  Task<Unit> finish(rt::Context&, RunId id) override {
    finish(runs_.try_emplace(id, limits_.line_bytes_max).first->second);
    co_return Unit{};
  }

  Task<Unit> close(rt::Context&) override {
    for (auto& [id, run] : runs_) {
      finish(run);
    }
    co_return Unit{};
  }

 private:
  struct Run {
    explicit Run(size_t line_bytes_max) : lines(line_bytes_max) {}
    LineMaker lines;
    std::vector<LogLine> kept = {};  // the cursor counts them
    uint64_t bytes = 0;
    bool finished = false;
    std::vector<std::shared_ptr<rt::Waiter>> followers = {};
  };

  void finish(Run& run) {
    std::vector<LogRecord> records;
    run.lines.give_all(records);
    run.finished = true;
    put_down(run, std::move(records));
    tell(run);
  }

  void put_down(Run& run, std::vector<LogRecord> records) {
    for (const LogRecord& record : records) {
      for (size_t at = 0; at < record.text.size() && run.bytes < limits_.run_bytes_max;) {
        const size_t end = record.text.find('\n', at);
        run.kept.push_back({.task = record.task,
                            .attempt = record.attempt,
                            .stream = record.stream,
                            .at = record.at,
                            .text = record.text.substr(at, end - at)});
        run.bytes += end + 1 - at;
        at = end + 1;
      }
    }
    if (!records.empty()) {
      tell(run);
    }
  }

  static void tell(Run& run) {
    for (const auto& follower : std::exchange(run.followers, {})) {
      follower->complete();
    }
  }

  static LogPage page_of(const Run& run, const LogRead& query) {
    LogPage page{.cursor = query.cursor};
    size_t bytes = 0;
    while (page.cursor < run.kept.size()) {
      if (bytes >= query.bytes_max || page.lines.size() == log_page_lines_max) {
        page.more = true;
        return page;
      }
      const LogLine& line = run.kept[page.cursor++];
      if ((!query.task || *query.task == line.task) &&
          (!query.attempt || *query.attempt == line.attempt)) {
        page.lines.push_back(line);
        bytes += line.text.size() + 1;
      }
    }
    return page;
  }

  LogLimits limits_;
  std::map<RunId, Run> runs_;
};

}  // namespace

std::unique_ptr<Logs> make_memory_logs(LogLimits limits) {
  return std::make_unique<MemoryLogs>(limits);
}

}  // namespace tutti::store
