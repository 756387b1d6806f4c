// SPDX-License-Identifier: Apache-2.0
// Peer: the byte stream to the other side of tutti.action/1. One reader and one writer at a time.
#pragma once

#include <memory>
#include <string>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::action {

class Peer {
 public:
  virtual ~Peer() = default;
  // Some bytes; none: the other side has closed. Giving up a read loses nothing.
  virtual Task<std::string> read(rt::Context& ctx) = 0;
  // All of them; a write that was given up has broken the stream. unavailable: the other side is
  // gone.
  virtual Task<Unit> write(rt::Context& ctx, std::string bytes) = 0;
  virtual void close() = 0;
};

// Over two descriptors (pipes or sockets; may be one socket twice), which it owns and makes
// non-blocking. Lives on the loop of `executor`.
std::unique_ptr<Peer> make_fd_peer(rt::Executor executor, int read_fd, int write_fd);

}  // namespace tutti::action
