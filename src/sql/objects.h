// SPDX-License-Identifier: Apache-2.0
// Objects of the connections for threads that block: DuckDB reads and writes files from its own
// threads, our stores live on a loop. Each call here runs its coroutine on that loop and waits.
// Thread-safe, but a Reader or Writer is used by one thread at a time (Reader::read_at by any).
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cloud/connections.h"
#include "cloud/object_store.h"

namespace tutti::sql {

// What one statement's reads and writes share: its cancellation, its profile, and the first error,
// kept whole while DuckDB passes on only a text.
class StatementIo {
 public:
  // `exactly`: its addresses are names of objects, never patterns.
  StatementIo(rt::Context ctx, std::string profile, bool exactly = false)
      : ctx_(std::move(ctx)), profile_(std::move(profile)), exactly_(exactly) {}
  bool exactly() const { return exactly_; }
  rt::Context& context() { return ctx_; }
  const std::string& profile() const { return profile_; }  // whose connections it sees
  void note(const Error& error);
  std::optional<Error> error() const;

 private:
  rt::Context ctx_;
  std::string profile_;
  bool exactly_;
  mutable std::mutex mutex_;
  std::optional<Error> error_;
};

class Objects;

class Reader {
 public:
  Reader(Objects& objects, std::shared_ptr<StatementIo> io, cloud::Located located,
         cloud::ObjectMeta meta);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const cloud::ObjectMeta& meta() const { return meta_; }
  // Exactly n bytes from `offset`. conflict: the object was replaced since it was opened.
  Result<Unit> read_at(char* to, size_t n, uint64_t offset);
  // At most n bytes from the position, which moves on; 0 at the end. Reads ahead.
  Result<size_t> read(char* to, size_t n);
  uint64_t position() const { return position_; }
  void seek(uint64_t position);

 private:
  Task<Unit> fetch(char* to, size_t n, uint64_t offset);
  Task<size_t> advance(char* to, size_t n);
  void drop_stream();

  Objects& objects_;
  std::shared_ptr<StatementIo> io_;
  cloud::Located located_;
  cloud::ObjectMeta meta_;
  uint64_t position_ = 0;
  std::unique_ptr<cloud::ByteSource> stream_;  // touched on the loop alone
  std::string ahead_;                          // bytes of the stream behind position_
  size_t ahead_at_ = 0;
};

// An object that becomes visible with close(), whole. Destroyed without it: nothing was written.
class Writer {
 public:
  Writer(Objects& objects, std::shared_ptr<StatementIo> io, cloud::Located located);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Result<Unit> write(const char* bytes, size_t n);
  uint64_t written() const { return written_; }
  Result<Unit> close();

 private:
  struct Pipe;
  class Source;
  static Task<std::unique_ptr<cloud::ByteSource>> open_pipe(std::shared_ptr<Pipe> pipe);
  static Task<cloud::ObjectMeta> put(std::shared_ptr<StatementIo> io, cloud::Located at,
                                     std::shared_ptr<Pipe> pipe);
  Result<Unit> finish(bool whole);

  std::shared_ptr<Pipe> pipe_;
  std::shared_ptr<StatementIo> io_;
  uint64_t written_ = 0;
  bool closed_ = false;
};

struct Found {
  std::string address;
  uint64_t size = 0;
  Instant modified = {};
};

class Objects {
 public:
  // All outlive this; `loop` runs on a thread of its own.
  Objects(const cloud::Connections& connections, rt::Executor loop, cloud::BufferPool& buffers)
      : connections_(connections), loop_(std::move(loop)), buffers_(buffers) {}

  Result<std::unique_ptr<Reader>> open(const std::shared_ptr<StatementIo>& io,
                                       const std::string& address);
  Result<std::unique_ptr<Writer>> create(const std::shared_ptr<StatementIo>& io,
                                         const std::string& address);
  // The object itself, or when there is none of that name, all that match it as a pattern.
  Result<std::vector<Found>> find(const std::shared_ptr<StatementIo>& io,
                                  const std::string& pattern);
  Result<bool> exists(const std::shared_ptr<StatementIo>& io, const std::string& address);
  // Is there anything below it?
  Result<bool> is_folder(const std::shared_ptr<StatementIo>& io, const std::string& address);
  Result<Unit> remove(const std::shared_ptr<StatementIo>& io, const std::string& address);
  Result<Unit> move(const std::shared_ptr<StatementIo>& io, const std::string& from,
                    const std::string& to);

 private:
  friend class Reader;
  friend class Writer;
  const cloud::Connections& connections_;
  rt::Executor loop_;
  cloud::BufferPool& buffers_;
};

}  // namespace tutti::sql
