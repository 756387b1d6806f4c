// SPDX-License-Identifier: Apache-2.0
#include "store/log_files.h"

#include <sys/stat.h>

#include <list>
#include <set>
#include <unordered_map>

#include <boost/asio/post.hpp>

#include "base/check.h"
#include "rt/loop.h"
#include "rt/wait.h"
#include "store/log_run.h"

namespace tutti::store {
namespace {

namespace asio = rt::asio;

constexpr size_t run_buffer_bytes = 256u << 10;    // of one run: then it is written at once
constexpr Duration write_within = seconds(1);      // else
constexpr Duration write_soon = milliseconds(50);  // when somebody follows a run
constexpr size_t open_runs_max = 32;               // whose index is kept in memory
constexpr size_t finished_max = 1000;              // runs known to be over

// What entries wait in until the log's thread takes them. Thread-safe.
class Inbox {
 public:
  explicit Inbox(size_t bytes_max) : bytes_max_(bytes_max) {}

  struct Put {
    std::shared_ptr<rt::Waiter> full;  // wait for it and try again; else it was taken
    size_t run_bytes = 0;              // of this run, now waiting
    bool first = false;                // nothing waited before
  };
  Put put(LogEntry& entry) {
    const std::lock_guard lock(mutex_);
    if (bytes_ >= bytes_max_) {
      waiting_.push_back(rt::Waiter::make());
      return {.full = waiting_.back()};
    }
    Put result{.full = nullptr, .first = runs_.empty()};
    Pending& pending = runs_[entry.id.run];
    const size_t size = entry.bytes.size() + sizeof(LogEntry);
    bytes_ += size;
    pending.bytes += size;
    result.run_bytes = pending.bytes;
    pending.entries.push_back(std::move(entry));
    return result;
  }

  std::vector<LogEntry> take(const RunId& run) {
    std::vector<std::shared_ptr<rt::Waiter>> woken;
    std::vector<LogEntry> entries;
    {
      const std::lock_guard lock(mutex_);
      const auto it = runs_.find(run);
      if (it == runs_.end()) {
        return {};
      }
      entries = std::move(it->second.entries);
      bytes_ -= it->second.bytes;
      runs_.erase(it);
      woken.swap(waiting_);
    }
    for (const auto& waiter : woken) {
      waiter->complete();
    }
    return entries;
  }

  std::vector<RunId> runs() const {
    const std::lock_guard lock(mutex_);
    std::vector<RunId> ids;
    for (const auto& [run, pending] : runs_) {
      ids.push_back(run);
    }
    return ids;
  }

 private:
  struct Pending {
    std::vector<LogEntry> entries;
    size_t bytes = 0;
  };
  size_t bytes_max_;
  mutable std::mutex mutex_;
  size_t bytes_ = 0;
  std::unordered_map<RunId, Pending> runs_;
  std::vector<std::shared_ptr<rt::Waiter>> waiting_;
};

class LogFiles final : public Logs {
 public:
  explicit LogFiles(LogFilesOptions options)
      : options_(std::move(options)), inbox_(options_.limits.buffer_bytes_max) {
    mkdir(options_.folder.c_str(), 0700);
    loop_.start("logs");
  }
  ~LogFiles() override {
    loop_.stop();
    timer_.reset();
  }

  Task<Unit> append(rt::Context& ctx, LogEntry entry) override {
    const RunId run = entry.id.run;
    while (true) {
      CO_OK(ctx.check());
      const Inbox::Put put = inbox_.put(entry);
      if (put.full != nullptr) {
        asio::post(loop_.executor(), [this] { write_all(false); });
        CO_OK(co_await put.full->wait(ctx));
        continue;
      }
      if (put.run_bytes >= run_buffer_bytes) {
        asio::post(loop_.executor(), [this, run] { write_run(run); });
      } else {
        wake_writer(run, put.first);
      }
      co_return Unit{};
    }
  }

  Task<LogPage> read(rt::Context& ctx, LogRead query) override {
    const BootInstant until = ctx.clock().boot() + query.wait;
    while (true) {
      CO_OK(ctx.check());
      const bool may_wait = query.wait.us > 0 && ctx.clock().boot() < until;
      CO_TRY(Looked looked, co_await rt::offload(loop_.executor(), [this, query, may_wait] {
               return look(query, may_wait);
             }));
      if (looked.news == nullptr) {
        co_return std::move(looked.page);
      }
      rt::Context soon = ctx.with_deadline(until);
      (void)co_await looked.news->wait(soon);
      query.cursor = looked.page.cursor;
    }
  }

  Task<Unit> finish(rt::Context& ctx, RunId run) override {
    CO_OK(ctx.check());
    co_return co_await rt::offload(loop_.executor(), [this, run] { return finish_run(run); });
  }

  Task<Unit> close(rt::Context&) override {
    co_return co_await rt::offload(loop_.executor(), [this]() -> Result<Unit> {
      for (const RunId& run : inbox_.runs()) {
        write_run(run);
      }
      while (!live_.empty()) {
        TRY_OK(finish_run(live_.begin()->first));
      }
      for (auto& [run, log] : open_) {
        log.sync();
      }
      timer_.reset();
      return Unit{};
    });
  }

 private:
  // A run that is being written; on the log's thread.
  struct Live {
    explicit Live(size_t line_bytes_max) : lines(line_bytes_max) {}
    LineMaker lines;
    std::vector<std::shared_ptr<rt::Waiter>> followers = {};
  };
  struct Looked {
    LogPage page;
    std::shared_ptr<rt::Waiter> news;  // nothing yet: wait for it
  };

  // ---- any thread

  void wake_writer(const RunId& run, bool first) {
    bool followed = false;
    {
      const std::lock_guard lock(followed_mutex_);
      followed = followed_.contains(run);
    }
    if (followed) {
      asio::post(loop_.executor(), [this] { arm(write_soon); });
    } else if (first) {
      asio::post(loop_.executor(), [this] { arm(write_within); });
    }
  }

  void set_followed(const RunId& run, bool followed) {
    const std::lock_guard lock(followed_mutex_);
    if (followed) {
      followed_.insert(run);
    } else {
      followed_.erase(run);
    }
  }

  // ---- the log's thread

  void arm(Duration within) {
    const BootInstant at = options_.clock->boot() + within;
    if (timer_ != nullptr && timer_at_ <= at) {
      return;
    }
    timer_at_ = at;
    timer_ = options_.clock->arm(loop_.executor(), at, [this] {
      timer_.reset();
      write_all(true);
    });
  }

  // On time: lines that nobody has finished for a while are written too, and the disk is asked to
  // keep it all.
  void write_all(bool on_time) {
    for (const RunId& run : inbox_.runs()) {
      write_run(run);
    }
    if (!on_time) {
      return;
    }
    bool unfinished = false;
    for (auto& [run, live] : live_) {
      std::vector<LogRecord> records;
      live.lines.give_waiting(records);
      put_down(run, std::move(records));
      unfinished = unfinished || !live.lines.empty();
    }
    if (options_.clock->boot() - synced_ >= write_within) {
      synced_ = options_.clock->boot();
      for (auto& [run, log] : open_) {
        log.sync();
      }
    }
    if (unfinished) {
      arm(write_within);
    }
  }

  std::vector<LogRecord> take_entries(const RunId& run) {
    std::vector<LogRecord> records;
    for (LogEntry& entry : inbox_.take(run)) {
      auto live = live_.try_emplace(run, options_.limits.line_bytes_max).first;
      finished_.erase(run);
      live->second.lines.take(std::move(entry), records);
    }
    return records;
  }

  void write_run(const RunId& run) {
    put_down(run, take_entries(run));
    if (const auto live = live_.find(run); live != live_.end() && !live->second.lines.empty()) {
      arm(write_within);
    }
  }

  void put_down(const RunId& run, std::vector<LogRecord> records) {
    if (records.empty()) {
      return;
    }
    if (RunLog* log = open_log(run)) {
      log->write(std::move(records));
    }
    tell_followers(run);
  }

  void tell_followers(const RunId& run) {
    const auto live = live_.find(run);
    if (live != live_.end()) {
      for (const auto& follower : std::exchange(live->second.followers, {})) {
        follower->complete();
      }
      set_followed(run, false);
    }
  }

  // The run's log, newest used first; the oldest beyond the limit is closed.
  RunLog* open_log(const RunId& run) {
    const auto known = std::ranges::find(open_, run, &std::pair<RunId, RunLog>::first);
    if (known != open_.end()) {
      open_.splice(open_.begin(), open_, known);
      return &open_.front().second;
    }
    auto log = RunLog::open(options_.folder / to_text(run), options_.limits);
    if (!log.has_value()) {
      return nullptr;
    }
    open_.emplace_front(run, std::move(*log));
    for (auto it = std::prev(open_.end()); open_.size() > open_runs_max && it != open_.begin();) {
      auto old = it--;
      if (!live_.contains(old->first)) {
        open_.erase(old);
      }
    }
    return &open_.front().second;
  }

  Result<Looked> look(const LogRead& query, bool may_wait) {
    write_run(query.run);
    RunLog* log = open_log(query.run);
    if (log == nullptr) {
      return fail(Code::unavailable, "the log of the run cannot be read",
                  "check the permissions of .tutti/logs");
    }
    Looked looked{.page = log->read(query), .news = nullptr};
    if (may_wait && looked.page.lines.empty() && !looked.page.more &&
        !finished_.contains(query.run)) {
      auto live = live_.try_emplace(query.run, options_.limits.line_bytes_max).first;
      looked.news = rt::Waiter::make();
      live->second.followers.push_back(looked.news);
      set_followed(query.run, true);
    }
    return looked;
  }

  // A copy of the id: the key it may come from goes.
  Result<Unit> finish_run(RunId run) {
    std::vector<LogRecord> records = take_entries(run);
    if (const auto live = live_.find(run); live != live_.end()) {
      live->second.lines.give_all(records);
    }
    if (finished_.size() >= finished_max) {
      finished_.clear();
    }
    finished_.insert(run);
    put_down(run, std::move(records));
    tell_followers(run);
    live_.erase(run);
    const auto known = std::ranges::find(open_, run, &std::pair<RunId, RunLog>::first);
    if (known != open_.end()) {
      known->second.forget_attempts();
    }
    return Unit{};
  }

  LogFilesOptions options_;
  Inbox inbox_;
  std::mutex followed_mutex_;
  std::set<RunId> followed_;  // runs somebody waits for
  std::map<RunId, Live> live_;
  std::set<RunId> finished_;
  std::list<std::pair<RunId, RunLog>> open_;
  std::unique_ptr<rt::Timer> timer_;
  BootInstant timer_at_;
  BootInstant synced_;
  rt::Loop loop_;
};

}  // namespace

std::unique_ptr<Logs> open_log_files(LogFilesOptions options) {
  CHECK(options.clock != nullptr);
  return std::make_unique<LogFiles>(std::move(options));
}

}  // namespace tutti::store
