// SPDX-License-Identifier: Apache-2.0
// Stream sockets between processes of one user on one machine. A path may be longer than the 107
// bytes of a socket address: it is then reached through its folder's descriptor.
#pragma once

#include <filesystem>

#include "rt/descriptor.h"

namespace tutti::net {

// Connects at once. `not_found` when nobody listens there: no such file, or a dead owner's.
Result<rt::Descriptor> connect_unix(const std::filesystem::path& path);

// Takes the place of a socket file that is already there: the caller knows that nobody listens on
// it (it holds the lock). The file stays when the listener is gone; unlink it before.
class UnixListener {
 public:
  static Result<std::unique_ptr<UnixListener>> listen(rt::Executor executor,
                                                      const std::filesystem::path& path);
  // The next connection of a process of this user or root; those of others are closed.
  Task<rt::Descriptor> accept(rt::Context& ctx);

 private:
  explicit UnixListener(rt::Executor executor, rt::Descriptor fd)
      : stream_(std::move(executor), std::move(fd)) {}

  rt::ByteStream stream_;
};

}  // namespace tutti::net
