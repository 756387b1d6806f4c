// SPDX-License-Identifier: Apache-2.0
#include "sql/objects.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "base/check.h"
#include "cloud/body.h"
#include "rt/scope.h"
#include "rt/wait.h"
#include "sql/glob.h"

namespace tutti::sql {
namespace {

// Never called on the loop itself, which would wait for itself.
template <class T>
Result<T> wait_for(const rt::Executor& loop, Task<T> task) {
  std::promise<Result<T>> promise;
  std::future<Result<T>> future = promise.get_future();
  boost::asio::co_spawn(
      loop, rt::guarded(std::move(task)),
      [&promise](std::exception_ptr, Result<T> result) { promise.set_value(std::move(result)); });
  return future.get();
}

template <class T>
Result<T> noted(StatementIo& io, Result<T> result) {
  if (!result.has_value()) {
    io.note(result.error());
  }
  return result;
}

bool is_missing(const Error& error) { return error.code == Code::not_found; }

}  // namespace

void StatementIo::note(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!error_) {
    error_ = error;
  }
}

std::optional<Error> StatementIo::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

// ---- reading

Reader::Reader(Objects& objects, std::shared_ptr<StatementIo> io, cloud::Located located,
               cloud::ObjectMeta meta)
    : objects_(objects), io_(std::move(io)), located_(std::move(located)), meta_(std::move(meta)) {}

Reader::~Reader() { drop_stream(); }

void Reader::drop_stream() {
  ahead_.clear();
  ahead_at_ = 0;
  if (stream_ != nullptr) {  // the loop ends what it began
    boost::asio::post(objects_.loop_, [stream = std::move(stream_)]() mutable { stream.reset(); });
  }
}

void Reader::seek(uint64_t position) {
  if (position != position_) {
    drop_stream();
    position_ = position;
  }
}

Task<Unit> Reader::fetch(char* to, size_t n, uint64_t offset) {
  cloud::GetOptions options{.range = cloud::Range{.offset = offset, .length = n},
                            .if_match = meta_.etag};
  CO_TRY(cloud::Opened opened,
         co_await located_.store->get(io_->context(), located_.key, std::move(options)));
  size_t done = 0;
  while (done < n) {
    CO_TRY(cloud::Chunk chunk, co_await opened.source->next(io_->context()));
    if (chunk.empty()) {
      break;
    }
    const size_t take = std::min(chunk.size(), n - done);
    std::memcpy(to + done, chunk.bytes().data(), take);
    done += take;
  }
  if (done < n) {
    co_return fail(Error{.code = Code::corrupt,
                         .what = "the object is shorter than it was when it was opened",
                         .where = cloud::address_of(located_, located_.key),
                         .remedy = "run it again when nobody writes the object"});
  }
  co_return Unit{};
}

Result<Unit> Reader::read_at(char* to, size_t n, uint64_t offset) {
  if (n == 0) {
    return Unit{};
  }
  return noted(*io_, wait_for(objects_.loop_, fetch(to, n, offset)));
}

Task<size_t> Reader::advance(char* to, size_t n) {
  if (ahead_at_ == ahead_.size()) {
    if (stream_ == nullptr) {
      cloud::GetOptions options{.range = cloud::Range{.offset = position_}, .if_match = meta_.etag};
      CO_TRY(cloud::Opened opened,
             co_await located_.store->get(io_->context(), located_.key, std::move(options)));
      stream_ = std::move(opened.source);
    }
    CO_TRY(cloud::Chunk chunk, co_await stream_->next(io_->context()));
    ahead_.assign(chunk.text());  // copied: a chunk kept here could starve the other readers
    ahead_at_ = 0;
  }
  const size_t take = std::min(n, ahead_.size() - ahead_at_);
  std::memcpy(to, ahead_.data() + ahead_at_, take);
  ahead_at_ += take;
  co_return take;
}

Result<size_t> Reader::read(char* to, size_t n) {
  size_t done = 0;
  while (done < n && position_ < meta_.size) {
    TRY(const size_t got, noted(*io_, wait_for(objects_.loop_, advance(to + done, n - done))));
    if (got == 0) {
      break;
    }
    done += got;
    position_ += got;
  }
  return done;
}

// ---- writing

// Between the thread that writes and the put on the loop.
struct Writer::Pipe {
  static constexpr size_t bytes_max = 8U << 20U;

  explicit Pipe(cloud::BufferPool& pool) : buffers(pool) {}

  cloud::BufferPool& buffers;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> pieces;
  size_t bytes = 0;
  bool ended = false;      // no more pieces will come
  bool abandoned = false;  // and the object must not become visible
  std::optional<Result<cloud::ObjectMeta>> result;
  rt::Notify ready;
};

class Writer::Source final : public cloud::ByteSource {
 public:
  explicit Source(std::shared_ptr<Pipe> pipe) : pipe_(std::move(pipe)) {}

  Task<cloud::Chunk> next(rt::Context& ctx) override {
    while (true) {
      std::optional<std::string> piece;
      {
        const std::lock_guard lock(pipe_->mutex);
        if (pipe_->abandoned) {
          co_return fail(rt::cancelled_error("the statement that wrote it failed"));
        }
        if (!pipe_->pieces.empty()) {
          piece = std::move(pipe_->pieces.front());
          pipe_->pieces.pop_front();
          pipe_->bytes -= piece->size();
        } else if (pipe_->ended) {
          co_return cloud::Chunk();
        }
      }
      if (piece) {
        pipe_->changed.notify_all();
        CO_TRY(cloud::Buffer buffer, co_await pipe_->buffers.take(ctx));
        std::memcpy(buffer.space().data(), piece->data(), piece->size());
        co_return cloud::Chunk(std::move(buffer), piece->size());
      }
      CO_OK(co_await pipe_->ready.wait(ctx));
    }
  }

 private:
  std::shared_ptr<Pipe> pipe_;
};

Task<std::unique_ptr<cloud::ByteSource>> Writer::open_pipe(std::shared_ptr<Pipe> pipe) {
  co_return std::make_unique<Source>(std::move(pipe));
}

Task<cloud::ObjectMeta> Writer::put(std::shared_ptr<StatementIo> io, cloud::Located at,
                                    std::shared_ptr<Pipe> pipe) {
  cloud::Body body{.open = [pipe](rt::Context&, uint64_t) { return open_pipe(pipe); },
                   .one_shot = true};
  co_return co_await at.store->put(io->context(), at.key, std::move(body), {});
}

Writer::Writer(Objects& objects, std::shared_ptr<StatementIo> io, cloud::Located located)
    : pipe_(std::make_shared<Pipe>(objects.buffers_)), io_(std::move(io)) {
  boost::asio::co_spawn(objects.loop_, rt::guarded(put(io_, std::move(located), pipe_)),
                        [pipe = pipe_](std::exception_ptr, Result<cloud::ObjectMeta> result) {
                          {
                            const std::lock_guard lock(pipe->mutex);
                            pipe->result = std::move(result);
                          }
                          pipe->changed.notify_all();
                        });
}

Writer::~Writer() { (void)finish(false); }

Result<Unit> Writer::write(const char* bytes, size_t n) {
  while (n > 0) {
    const size_t take = std::min(n, pipe_->buffers.chunk_bytes());
    {
      std::unique_lock lock(pipe_->mutex);
      pipe_->changed.wait(lock, [this] { return pipe_->result || pipe_->bytes < Pipe::bytes_max; });
      if (pipe_->result) {  // a put that ends before its last byte has failed
        return noted(*io_, Result<Unit>(pipe_->result->has_value()
                                            ? fail(Code::internal, "a put ended early")
                                            : fail(pipe_->result->error())));
      }
      pipe_->pieces.emplace_back(bytes, take);
      pipe_->bytes += take;
    }
    pipe_->ready.notify();
    written_ += take;
    bytes += take;
    n -= take;
  }
  return Unit{};
}

Result<Unit> Writer::close() { return noted(*io_, finish(true)); }

Result<Unit> Writer::finish(bool whole) {
  if (closed_) {
    return Unit{};
  }
  closed_ = true;
  std::unique_lock lock(pipe_->mutex);
  pipe_->ended = true;
  pipe_->abandoned = !whole;
  lock.unlock();
  pipe_->ready.notify();
  lock.lock();
  pipe_->changed.wait(lock, [this] { return pipe_->result.has_value(); });
  if (!pipe_->result->has_value()) {
    return fail(pipe_->result->error());
  }
  return Unit{};
}

// ---- finding

Result<std::unique_ptr<Reader>> Objects::open(const std::shared_ptr<StatementIo>& io,
                                              const std::string& address) {
  TRY(cloud::Located located, noted(*io, connections_.open(io->profile(), address)));
  TRY(cloud::ObjectMeta meta,
      noted(*io, wait_for(loop_, located.store->head(io->context(), located.key))));
  return std::make_unique<Reader>(*this, io, std::move(located), std::move(meta));
}

Result<std::unique_ptr<Writer>> Objects::create(const std::shared_ptr<StatementIo>& io,
                                                const std::string& address) {
  TRY(cloud::Located located, noted(*io, connections_.open(io->profile(), address)));
  return std::make_unique<Writer>(*this, io, std::move(located));
}

namespace {

Task<std::vector<Found>> find_all(std::shared_ptr<StatementIo> io, cloud::Located at) {
  Result<cloud::ObjectMeta> exact = co_await at.store->head(io->context(), at.key);
  if (exact.has_value()) {
    co_return std::vector{Found{.address = cloud::address_of(at, at.key),
                                .size = exact->size,
                                .modified = exact->modified}};
  }
  std::vector<Found> found;
  if (!is_missing(exact.error()) && exact.error().code != Code::bad_input) {
    co_return fail(exact.error());
  }
  if (io->exactly() || !has_glob(at.key.text)) {
    co_return found;
  }
  cloud::ListOptions options{.prefix = {std::string(glob_prefix(at.key.text))}};
  cloud::Listing listing(*at.store, std::move(options));
  while (true) {
    CO_TRY(std::optional<cloud::ObjectMeta> meta, co_await listing.next(io->context()));
    if (!meta) {
      co_return found;
    }
    if (glob_matches(at.key.text, meta->key.text)) {
      found.push_back({.address = cloud::address_of(at, meta->key),
                       .size = meta->size,
                       .modified = meta->modified});
    }
  }
}

Task<bool> has_below(std::shared_ptr<StatementIo> io, cloud::Located at) {
  std::string prefix = at.key.text;
  if (!prefix.empty() && !prefix.ends_with('/')) {
    prefix += '/';
  }
  CO_TRY(cloud::Page page,
         co_await at.store->list(io->context(), {.prefix = {std::move(prefix)}, .limit = 1}));
  co_return !page.objects.empty();
}

Task<Unit> copy_and_remove(std::shared_ptr<StatementIo> io, cloud::Located from, cloud::Key to) {
  CO_OK(co_await from.store->copy_within(io->context(), from.key, std::move(to), {}));
  co_return co_await from.store->remove(io->context(), from.key, {});
}

}  // namespace

Result<std::vector<Found>> Objects::find(const std::shared_ptr<StatementIo>& io,
                                         const std::string& pattern) {
  TRY(cloud::Located located, noted(*io, connections_.open(io->profile(), pattern)));
  return noted(*io, wait_for(loop_, find_all(io, std::move(located))));
}

Result<bool> Objects::exists(const std::shared_ptr<StatementIo>& io, const std::string& address) {
  TRY(cloud::Located located, noted(*io, connections_.open(io->profile(), address)));
  Result<cloud::ObjectMeta> meta = wait_for(loop_, located.store->head(io->context(), located.key));
  if (meta.has_value()) {
    return true;
  }
  if (is_missing(meta.error())) {
    return false;
  }
  return noted(*io, Result<bool>(fail(meta.error())));
}

Result<bool> Objects::is_folder(const std::shared_ptr<StatementIo>& io,
                                const std::string& address) {
  TRY(cloud::Located located, noted(*io, connections_.open(io->profile(), address)));
  return noted(*io, wait_for(loop_, has_below(io, std::move(located))));
}

Result<Unit> Objects::remove(const std::shared_ptr<StatementIo>& io, const std::string& address) {
  TRY(cloud::Located located, noted(*io, connections_.open(io->profile(), address)));
  return noted(*io, wait_for(loop_, located.store->remove(io->context(), located.key, {})));
}

Result<Unit> Objects::move(const std::shared_ptr<StatementIo>& io, const std::string& from,
                           const std::string& to) {
  TRY(cloud::Located source, noted(*io, connections_.open(io->profile(), from)));
  TRY(cloud::Located target, noted(*io, connections_.open(io->profile(), to)));
  if (source.base != target.base) {
    return noted(*io, Result<Unit>(fail(Code::unsupported,
                                        "DuckDB can move an object only within its bucket")));
  }
  return noted(*io, wait_for(loop_, copy_and_remove(io, std::move(source), target.key)));
}

}  // namespace tutti::sql
