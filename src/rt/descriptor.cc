// SPDX-License-Identifier: Apache-2.0
#include "rt/descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "rt/file.h"
#include "rt/wait.h"

namespace tutti::rt {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Descriptor::reset() {
  if (fd_ >= 0) {
    close(std::exchange(fd_, -1));
  }
}

Result<DescriptorPair> make_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return fail(error_of_errno(errno, "making a pipe", {}));
  }
  return DescriptorPair{Descriptor(fds[0]), Descriptor(fds[1])};
}

Result<DescriptorPair> make_socketpair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return fail(error_of_errno(errno, "making a socket", {}));
  }
  return DescriptorPair{Descriptor(fds[0]), Descriptor(fds[1])};
}

struct ByteStream::State {
  State(Executor executor, int fd) : descriptor(std::move(executor), fd) {}
  asio::posix::stream_descriptor descriptor;

  using Direction = asio::posix::descriptor_base::wait_type;
  Task<Unit> wait(Context& ctx, Direction direction) {
    auto waiter = Waiter::make();
    descriptor.async_wait(direction, [waiter](boost::system::error_code) { waiter->complete(); });
    auto result = co_await waiter->wait(ctx);
    if (!result.has_value()) {
      // Wakes the other direction's wait too; it tries, finds nothing and waits again.
      boost::system::error_code ignored;
      descriptor.cancel(ignored);
    }
    co_return result;
  }
};

ByteStream::ByteStream(Executor executor, Descriptor fd) {
  state_ = std::make_unique<State>(std::move(executor), fd.release());
  boost::system::error_code ignored;
  state_->descriptor.native_non_blocking(true, ignored);
}

ByteStream::~ByteStream() = default;

int ByteStream::fd() const { return state_->descriptor.native_handle(); }

Task<Unit> ByteStream::readable(Context& ctx) {
  co_return co_await state_->wait(ctx, asio::posix::descriptor_base::wait_read);
}

Task<Unit> ByteStream::writable(Context& ctx) {
  co_return co_await state_->wait(ctx, asio::posix::descriptor_base::wait_write);
}

Task<Unit> ByteStream::either(Context& ctx) {
  auto waiter = Waiter::make();
  for (const auto direction :
       {asio::posix::descriptor_base::wait_read, asio::posix::descriptor_base::wait_write}) {
    state_->descriptor.async_wait(direction,
                                  [waiter](boost::system::error_code) { waiter->complete(); });
  }
  auto result = co_await waiter->wait(ctx);
  boost::system::error_code ignored;
  state_->descriptor.cancel(ignored);
  co_return result;
}

Task<std::string> ByteStream::read(Context& ctx, size_t bytes_max) {
  CO_OK(ctx.check());
  while (true) {
    std::string bytes;
    ssize_t n = 0;
    int error_number = 0;
    bytes.resize_and_overwrite(bytes_max, [&](char* data, size_t size) {
      n = ::read(fd(), data, size);
      error_number = errno;
      return n > 0 ? static_cast<size_t>(n) : 0;
    });
    if (n >= 0) {
      co_return bytes;
    }
    if (error_number == ECONNRESET || error_number == EIO) {
      co_return std::string();
    }
    if (error_number != EAGAIN && error_number != EINTR) {
      co_return fail(error_of_errno(error_number, "reading a stream", {}));
    }
    CO_OK(co_await readable(ctx));
  }
}

Task<Unit> ByteStream::write(Context& ctx, std::string bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t n = ::write(fd(), bytes.data() + at, bytes.size() - at);
    if (n >= 0) {
      at += static_cast<size_t>(n);
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
      co_return fail(Code::unavailable, "the other end of the stream was closed");
    }
    if (errno != EAGAIN && errno != EINTR) {
      co_return fail(error_of_errno(errno, "writing a stream", {}));
    }
    CO_OK(co_await writable(ctx));
  }
  co_return Unit{};
}

void ByteStream::close_write() {
  if (shutdown(fd(), SHUT_WR) != 0) {  // a pipe has one direction: close it
    boost::system::error_code ignored;
    state_->descriptor.close(ignored);
  }
}

}  // namespace tutti::rt
