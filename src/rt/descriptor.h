// SPDX-License-Identifier: Apache-2.0
// Descriptor owns a file descriptor; ByteStream reads and writes one (pipe, socket, pidfd) without
// blocking its loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::rt {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

struct DescriptorPair {
  Descriptor first;
  Descriptor second;
};
// All of them close on exec. A pipe is read at `first`.
Result<DescriptorPair> make_pipe();
Result<DescriptorPair> make_socketpair();  // a stream, both ways

// One reader and one writer at a time; both may wait at once. One loop. Destroy it only when nobody
// waits on it.
class ByteStream {
 public:
  ByteStream(Executor executor, Descriptor fd);  // makes the descriptor non-blocking
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // At least one byte, or empty at the end of the stream.
  Task<std::string> read(Context& ctx, size_t bytes_max = 64u << 10);
  // All of it. `unavailable` when nobody reads any more.
  Task<Unit> write(Context& ctx, std::string bytes);
  // May end early for no reason: try, and wait again.
  Task<Unit> readable(Context& ctx);
  Task<Unit> writable(Context& ctx);
  Task<Unit> either(Context& ctx);  // readable or writable

  // The peer reads the end. Later writes fail.
  void close_write();
  int fd() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tutti::rt
