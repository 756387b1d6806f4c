// SPDX-License-Identifier: Apache-2.0
// Chunk: a ref-counted piece of bytes on its way, and BufferPool, whose budget is the
// back-pressure: who reads faster than the other end writes waits in take().
//
// To keep the budget free of deadlock nobody waits for a second buffer while somebody else must
// finish with the first: one source has one buffer in hand at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::cloud {

class BufferPool;

// Bytes to fill, from a page boundary on, owned by one; becomes a Chunk.
class Buffer {
 public:
  Buffer() = default;
  std::span<std::byte> space() const { return {data_.get(), size_}; }

 private:
  friend class BufferPool;
  friend class Chunk;
  std::shared_ptr<std::byte[]> data_;  // goes back to the pool with its last owner
  size_t size_ = 0;
};

// Immutable bytes; copies share them. Any thread may drop the last copy.
class Chunk {
 public:
  Chunk() = default;
  // The first `size` bytes of the buffer.
  Chunk(Buffer buffer, size_t size);
  // Bytes that are in memory anyway, outside of any pool.
  explicit Chunk(std::shared_ptr<const std::string> text);
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_.get()), size_}; }
  // Shares the bytes; offset + size within this chunk.
  Chunk slice(size_t offset, size_t size) const;

 private:
  std::shared_ptr<const std::byte[]> data_;
  size_t size_ = 0;
};

struct BufferPoolOptions {
  size_t bytes_max = 32U << 20U;  // at least one chunk
  size_t chunk_bytes = 1U << 20U;
};

// Thread-safe. Buffers may outlive the pool.
class BufferPool {
 public:
  using Options = BufferPoolOptions;
  explicit BufferPool(Options options = {});
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // Waits until the budget allows one more; first come first served.
  Task<Buffer> take(rt::Context& ctx);
  size_t chunk_bytes() const;
  size_t in_use() const;  // buffers out of the pool now

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tutti::cloud
