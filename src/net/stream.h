// SPDX-License-Identifier: Apache-2.0
// Stream: a TCP connection with TLS or without, for one coroutine on one loop. Reading and writing
// never wait; who found nothing to do waits with wait(). Private to net.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::net {

struct Endpoint {
  bool tls = false;
  std::string host;
  std::string port;
  auto operator<=>(const Endpoint&) const = default;
};

// What TLS needs, shared by the streams of a client: certificates are read once.
class Trust {
 public:
  // `ca_file`: PEM; empty: the system has none, nobody is trusted. bad_input: it cannot be read.
  static Result<std::shared_ptr<Trust>> load(const std::string& ca_file);
  struct State;
  explicit Trust(std::unique_ptr<State> state);
  ~Trust();
  State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

class Stream {
 public:
  // Name, TCP, TLS: `unavailable` or `denied` (certificate) with what to do, or the context's.
  // `trust` may be null where no TLS is wanted.
  static Task<std::unique_ptr<Stream>> connect(rt::Context& ctx, rt::Executor loop, Endpoint to,
                                               std::shared_ptr<Trust> trust);
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  struct Read {
    size_t bytes = 0;
    bool ended = false;  // the other side sends no more; with no bytes and not ended: nothing yet
  };
  virtual Result<Read> read(std::span<std::byte> space) = 0;
  // How much was taken; 0: nothing fits now. `more` follows at once: no packet of its own.
  virtual Result<size_t> write(std::span<const std::byte> bytes, bool more) = 0;
  enum class For : uint8_t { reading, writing, either };
  // May end early for no reason: try, and wait again.
  virtual Task<Unit> wait(rt::Context& ctx, For what) = 0;
  // Waiting for reading ends when as many bytes have come, or the end: a hint that saves wake-ups.
  virtual void want(size_t bytes) = 0;

 protected:
  Stream() = default;
};

}  // namespace tutti::net
