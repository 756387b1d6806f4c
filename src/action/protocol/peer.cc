// SPDX-License-Identifier: Apache-2.0
#include "action/protocol/peer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/check.h"
#include "rt/wait.h"

namespace tutti::action {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

class FdPeer final : public Peer {
 public:
  FdPeer(rt::Executor executor, int read_fd, int write_fd) : in_(executor), out_(executor) {
    if (read_fd == write_fd) {
      write_fd = fcntl(read_fd, F_DUPFD_CLOEXEC, 0);
    }
    CHECK(read_fd >= 0 && write_fd >= 0);
    in_.assign(read_fd);
    out_.assign(write_fd);
    in_.non_blocking(true);
    out_.non_blocking(true);
  }

  Task<std::string> read(rt::Context& ctx) override {
    constexpr size_t piece_bytes = 128U << 10U;
    std::string bytes(piece_bytes, '\0');
    while (true) {
      const ssize_t n = in_.is_open() ? ::read(in_.native_handle(), bytes.data(), bytes.size()) : 0;
      if (n >= 0) {
        bytes.resize(static_cast<size_t>(n));
        co_return bytes;
      }
      if (errno == ECONNRESET || errno == EIO) {
        co_return std::string();
      }
      if (errno != EAGAIN && errno != EINTR) {
        co_return fail(Code::unavailable, std::string("reading failed: ") + std::strerror(errno));
      }
      CO_OK(co_await ready(ctx, in_, Descriptor::wait_read));
    }
  }

  Task<Unit> write(rt::Context& ctx, std::string bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      if (!out_.is_open()) {
        co_return fail(Code::unavailable, "the other side has closed");
      }
      const ssize_t n = ::write(out_.native_handle(), bytes.data() + done, bytes.size() - done);
      if (n >= 0) {
        done += static_cast<size_t>(n);
      } else if (errno == EAGAIN) {
        CO_OK(co_await ready(ctx, out_, Descriptor::wait_write));
      } else if (errno != EINTR) {
        co_return fail(Code::unavailable, std::string("writing failed: ") + std::strerror(errno));
      }
    }
    co_return Unit{};
  }

  void close() override {
    boost::system::error_code ignored;
    in_.close(ignored);
    out_.close(ignored);
  }

 private:
  // Asio's wait may outlive ours: its handler holds only the waiter.
  static Task<Unit> ready(rt::Context& ctx, Descriptor& descriptor, Descriptor::wait_type what) {
    auto waiter = rt::Waiter::make();
    descriptor.async_wait(what, [waiter](boost::system::error_code) { waiter->complete(); });
    co_return co_await waiter->wait(ctx);
  }

  Descriptor in_;
  Descriptor out_;
};

}  // namespace

std::unique_ptr<Peer> make_fd_peer(rt::Executor executor, int read_fd, int write_fd) {
  return std::make_unique<FdPeer>(std::move(executor), read_fd, write_fd);
}

}  // namespace tutti::action
