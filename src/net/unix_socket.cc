// SPDX-License-Identifier: Apache-2.0
#include "net/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "rt/file.h"

namespace tutti::net {
namespace {

constexpr int waiting_connections_max = 256;

// An address, and the folder's descriptor it may go through.
struct UnixAddress {
  sockaddr_un address{};
  rt::Descriptor folder;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Result<UnixAddress> address_of(const std::filesystem::path& path) {
  UnixAddress made;
  std::string text = path.string();
  if (text.size() >= sizeof(made.address.sun_path)) {
    made.folder =
        rt::Descriptor(open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!made.folder.is_open()) {
      return fail(rt::error_of_errno(errno, "opening the socket's folder", path));
    }
    text = fmt::format("/proc/self/fd/{}/{}", made.folder.get(), path.filename().string());
  }
  if (text.size() >= sizeof(made.address.sun_path)) {
    return fail(Error{
        .code = Code::bad_input, .what = "the socket's name is too long", .where = path.string()});
  }
  made.address.sun_family = AF_UNIX;
  std::memcpy(made.address.sun_path, text.data(), text.size());
  return made;
}

Result<rt::Descriptor> make_socket(const std::filesystem::path& path, int flags) {
  rt::Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd.is_open()) {
    return fail(rt::error_of_errno(errno, "making a socket", path));
  }
  return fd;
}

bool is_ours(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == geteuid() || peer.uid == 0);
}

}  // namespace

Result<rt::Descriptor> connect_unix(const std::filesystem::path& path) {
  TRY(const UnixAddress address, address_of(path));
  TRY(rt::Descriptor fd, make_socket(path, 0));
  if (connect(fd.get(), address.get(), sizeof(address.address)) == 0) {
    return fd;
  }
  if (errno == ENOENT || errno == ECONNREFUSED) {
    return fail(
        Error{.code = Code::not_found, .what = "nobody listens there", .where = path.string()});
  }
  return fail(rt::error_of_errno(errno, "connecting", path));
}

Result<std::unique_ptr<UnixListener>> UnixListener::listen(rt::Executor executor,
                                                           const std::filesystem::path& path) {
  TRY(const UnixAddress address, address_of(path));
  TRY(rt::Descriptor fd, make_socket(path, SOCK_NONBLOCK));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return fail(rt::error_of_errno(errno, "removing the old socket", path));
  }
  if (bind(fd.get(), address.get(), sizeof(address.address)) != 0 ||
      ::listen(fd.get(), waiting_connections_max) != 0) {
    return fail(rt::error_of_errno(errno, "listening", path));
  }
  return std::unique_ptr<UnixListener>(new UnixListener(std::move(executor), std::move(fd)));
}

Task<rt::Descriptor> UnixListener::accept(rt::Context& ctx) {
  while (true) {
    CO_OK(ctx.check());
    rt::Descriptor fd(accept4(stream_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd.is_open()) {
      if (is_ours(fd.get())) {
        co_return fd;
      }
      continue;
    }
    switch (errno) {
      case EAGAIN:
      case EINTR:
      case ECONNABORTED:
        break;
      default:
        co_return fail(rt::error_of_errno(errno, "accepting a connection", {}));
    }
    CO_OK(co_await stream_.readable(ctx));
  }
}

}  // namespace tutti::net
