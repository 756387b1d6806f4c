// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include <boost/asio/post.hpp>

#include "base/check.h"
#include "rt/loop.h"
#include "store/blob_files.h"
#include "store/disk.h"
#include "store/errors.h"
#include "store/sqlite_rows.h"
#include "store/sqlite_schema.h"

namespace tutti::store {
namespace {

namespace asio = rt::asio;

constexpr uint64_t frame_bytes = 4096 + 24;  // of the log: a page and its header
constexpr Duration idle = seconds(1);        // without a commit, the log is moved
constexpr int rest_frames_max = 1024;        // so few are moved by the writer itself
constexpr uint64_t log_growth_max = 8;       // times checkpoint_bytes: then the writer waits

// Moves the write-ahead log into the database beside the writer. A log is reused from its start
// only when all of it was moved, which a busy writer would put off for ever: so the last few frames
// are moved between two commits.
class Checkpointer {
 public:
  explicit Checkpointer(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)) {}

  // On the background thread. True when so few frames are left that the writer should move them.
  bool move_beside_writer() {
    const std::lock_guard lock(mutex_);
    if (connection_ == nullptr) {
      return false;
    }
    for (int round = 0; round < 4; ++round) {
      const int rest = move(connection_->handle());
      if (rest <= rest_frames_max) {
        return rest > 0;
      }
    }
    return true;
  }

  // On the write thread: waits for a move under way, and moves the rest.
  void move_as_writer(sqlite3* handle) {
    const std::lock_guard lock(mutex_);
    move(handle);
  }

  void close() {
    const std::lock_guard lock(mutex_);
    connection_.reset();
  }

  bool is_open() {
    const std::lock_guard lock(mutex_);
    return connection_ != nullptr;
  }

 private:
  // Frames that are left, or 0 after an error, which the next commit meets too.
  static int move(sqlite3* handle) {
    int frames = 0;
    int moved = 0;
    const int code =
        sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
    return code == SQLITE_OK ? frames - moved : 0;
  }

  std::mutex mutex_;  // two moves at once: the second would find the database busy and do nothing
  std::unique_ptr<Connection> connection_;
};

class Sqlite final : public SqliteStore {
 public:
  explicit Sqlite(SqliteOptions options)
      : options_(std::move(options)),
        reserve_(options_.folder / "reserve", options_.reserve_bytes),
        files_(options_.folder / "blobs") {}

  ~Sqlite() override {
    background_loop_.stop();
    read_loop_.stop();
    write_loop_.stop();
    idle_timer_.reset();
  }

  Result<Unit> open() {
    TRY_OK(prepare_state_folder(options_.folder));
    const auto file = options_.folder / "state.db";
    const std::string vfs = make_counting_vfs(options_.faults);
    TRY(write_connection_, Connection::open(file, {.vfs = vfs, .create = true}));
    TRY_OK(prepare_database(*write_connection_));
    TRY(writer_, Writer::make(*write_connection_));
    TRY(read_connection_, Connection::open(file, {.vfs = vfs}));
    TRY_OK(prepare_connection(*read_connection_));
    TRY(reader_, Reader::make(*read_connection_));
    TRY(auto third, Connection::open(file, {.vfs = vfs}));
    TRY_OK(prepare_connection(*third));
    checkpointer_ = std::make_unique<Checkpointer>(std::move(third));
    sqlite3_wal_hook(write_connection_->handle(), note_frames, this);
    reserve_.take();
    write_loop_.start("store-write");
    read_loop_.start("store-read");
    background_loop_.start("store-move");
    return Unit{};
  }

  Task<Claimed> claim(rt::Context& ctx, std::optional<Epoch> held) override {
    CO_OK(ctx.check());
    CO_TRY(const Epoch epoch, co_await rt::offload(write_loop_.executor(), [this, held] {
             return noted(writer_->claim(held));
           }));
    co_return co_await reading([this, epoch] { return reader_->live(epoch); });
  }

  Task<Unit> commit(rt::Context& ctx, Commit commit) override {
    CO_OK(ctx.check());
    co_return co_await rt::offload(write_loop_.executor(), [this, commit = std::move(commit)] {
      return noted(writer_->commit(commit));
    });
  }

  Task<RunImage> load_run(rt::Context& ctx, RunId run) override {
    CO_OK(ctx.check());
    co_return co_await reading([this, run] { return reader_->image(run); });
  }

  Task<std::vector<RunRow>> runs(rt::Context& ctx, RunsQuery query) override {
    CO_OK(ctx.check());
    co_return co_await reading([this, query = std::move(query)] { return reader_->runs(query); });
  }

  Task<std::vector<AttemptRow>> attempts(rt::Context& ctx, RunId run) override {
    CO_OK(ctx.check());
    co_return co_await reading([this, run] { return reader_->attempts(run); });
  }

  Task<std::vector<OutputRow>> outputs(rt::Context& ctx, std::vector<OutputKey> keys) override {
    CO_OK(ctx.check());
    co_return co_await reading([this, keys = std::move(keys)] { return reader_->outputs(keys); });
  }

  Task<Unit> put_blob(rt::Context& ctx, Digest digest, std::string bytes) override {
    CO_OK(ctx.check());
    const bool small = bytes.size() <= options_.blob_row_bytes_max;
    auto& loop = small ? write_loop_ : background_loop_;
    co_return co_await rt::offload(
        loop.executor(), [this, small, digest, bytes = std::move(bytes)]() -> Result<Unit> {
          TRY_OK(check_blob(digest, bytes));
          if (small) {
            return noted(writer_->put_blob(digest, bytes, options_.clock->wall()));
          }
          return files_.put(digest, bytes);
        });
  }

  Task<std::string> get_blob(rt::Context& ctx, Digest digest) override {
    CO_OK(ctx.check());
    co_return co_await reading([this, digest]() -> Result<std::string> {
      TRY(std::optional<std::string> row, reader_->blob(digest));
      if (!row) {
        return files_.get(digest);
      }
      return sha256(*row) == digest ? Result<std::string>(std::move(*row))
                                    : Result<std::string>(fail(spoilt_blob_error(digest)));
    });
  }

  Task<uint64_t> collect_blobs(rt::Context& ctx, std::vector<Digest> live,
                               Instant put_before) override {
    CO_OK(ctx.check());
    std::ranges::sort(live);
    auto rows = co_await rt::offload(write_loop_.executor(), [this, &live, put_before] {
      return noted(writer_->collect_blobs(live, put_before));
    });
    CO_TRY(const uint64_t removed, std::move(rows));
    auto files = co_await rt::offload(background_loop_.executor(), [this, &live, put_before] {
      return files_.collect({live.begin(), live.end()}, put_before);
    });
    CO_TRY(const uint64_t removed_files, std::move(files));
    co_return removed + removed_files;
  }

  Task<Unit> close(rt::Context&) override {
    co_await rt::offload(background_loop_.executor(), [this] {
      idle_timer_.reset();
      checkpointer_->close();
      return true;
    });
    co_await rt::offload(read_loop_.executor(), [this] {
      reader_.reset();
      read_connection_.reset();
      return true;
    });
    co_await rt::offload(write_loop_.executor(), [this] {
      writer_.reset();
      leave_empty_log(*write_connection_, options_.folder / "state.db");
      write_connection_.reset();
      return true;
    });
    co_return Unit{};
  }

 private:
  template <class F>
  auto reading(F read) -> asio::awaitable<decltype(read())> {
    return rt::offload(read_loop_.executor(), std::move(read));
  }

  // On the write thread, after each transaction.
  template <class T>
  Result<T> noted(Result<T> result) {
    if (!result.has_value() && result.error().code == Code::unavailable) {
      asio::post(background_loop_.executor(), [this] { reserve_.release(); });
    }
    commits_.fetch_add(1, std::memory_order_relaxed);
    const uint64_t log_bytes = frames_ * frame_bytes;
    if (result.has_value() && log_bytes >= log_growth_max * options_.checkpoint_bytes) {
      move_rest();
    } else if (result.has_value() && log_bytes >= options_.checkpoint_bytes) {
      start_moving();
    } else if (!idle_armed_.exchange(true)) {
      asio::post(background_loop_.executor(), [this] { arm_idle(); });
    }
    return result;
  }

  static int note_frames(void* self, sqlite3*, const char*, int frames) {
    static_cast<Sqlite*>(self)->frames_ = static_cast<uint64_t>(frames);
    return SQLITE_OK;
  }

  void start_moving() {
    if (!moving_.exchange(true)) {
      asio::post(background_loop_.executor(), [this] { move_log(); });
    }
  }

  // On the background thread.
  void move_log() {
    if (checkpointer_->move_beside_writer()) {
      asio::post(write_loop_.executor(), [this] {
        move_rest();
        moving_ = false;
      });
    } else {
      moving_ = false;
    }
  }

  // On the write thread.
  void move_rest() {
    if (write_connection_ != nullptr) {
      checkpointer_->move_as_writer(write_connection_->handle());
    }
  }

  void arm_idle() {
    if (!checkpointer_->is_open()) {
      return;
    }
    const uint64_t commits = commits_.load(std::memory_order_relaxed);
    idle_timer_ = options_.clock->arm(background_loop_.executor(), options_.clock->boot() + idle,
                                      [this, commits] { when_idle(commits); });
  }

  void when_idle(uint64_t commits_before) {
    if (commits_.load(std::memory_order_relaxed) != commits_before) {
      arm_idle();
      return;
    }
    idle_armed_ = false;
    reserve_.take();
    start_moving();
  }

  SqliteOptions options_;
  Reserve reserve_;  // background thread, once started
  BlobFiles files_;  // put and collect on the background thread, get on the read thread
  std::unique_ptr<Connection> write_connection_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Connection> read_connection_;
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<rt::Timer> idle_timer_;
  uint64_t frames_ = 0;  // in the log; write thread
  std::atomic<uint64_t> commits_ = 0;
  std::atomic<bool> idle_armed_ = false;
  std::atomic<bool> moving_ = false;
  rt::Loop background_loop_;
  rt::Loop read_loop_;
  rt::Loop write_loop_;
};

}  // namespace

Result<std::unique_ptr<SqliteStore>> open_sqlite_store(SqliteOptions options) {
  CHECK(options.clock != nullptr);
  auto store = std::make_unique<Sqlite>(std::move(options));
  TRY_OK(store->open());
  return store;
}

}  // namespace tutti::store
