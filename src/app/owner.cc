// SPDX-License-Identifier: Apache-2.0
#include "app/owner.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>

namespace tutti::app {

std::filesystem::path state_folder(const std::filesystem::path& project) {
  return project / ".tutti";
}

Ready::Ready(int fd) : fd_(fd) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  signal(SIGPIPE, SIG_IGN);  // the command may be gone before it hears
}

void Ready::ok() { say("ready"); }

void Ready::failed(const Error& error) { say(to_json(control::encode(error))); }

void Ready::say(const std::string& text) {
  [[maybe_unused]] const ssize_t written = write(fd_.get(), text.data(), text.size());
  fd_.reset();
}

Result<OwnerArguments> parse_owner_arguments(const std::vector<std::string>& arguments) {
  OwnerArguments parsed;
  const auto number = [](const std::string& text, int& to) {
    const char* end = text.data() + text.size();
    return std::from_chars(text.data(), end, to).ptr == end && to >= 0;
  };
  if (arguments.size() != 3 || !number(arguments[1], parsed.ready_fd) ||
      !number(arguments[2], parsed.lock_fd)) {
    return fail(Code::bad_input, "`tutti owner` is started by the commands that need it");
  }
  parsed.project = arguments[0];
  return parsed;
}

Task<Unit> serve_owner(rt::Context& ctx, control::ControlPlane& plane,
                       std::filesystem::path project, Ready& ready, api::ServeOptions options) {
  const auto sock = state_folder(project) / "sock";
  auto listener = net::UnixListener::listen(co_await rt::asio::this_coro::executor, sock);
  if (!listener.has_value()) {
    ready.failed(listener.error());
    co_return fail(std::move(listener).error());
  }
  ready.ok();
  auto served = co_await api::serve_socket(ctx, plane, **listener, std::move(options));
  unlink(sock.c_str());
  co_return served;
}

}  // namespace tutti::app
