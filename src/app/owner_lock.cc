// SPDX-License-Identifier: Apache-2.0
#include "app/owner_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "rt/file.h"

namespace tutti::app {
namespace {

std::filesystem::path lock_path(const std::filesystem::path& state_folder) {
  return state_folder / "lock";
}

}  // namespace

Result<std::optional<OwnerLock>> OwnerLock::try_take(const std::filesystem::path& state_folder) {
  const auto path = lock_path(state_folder);
  rt::Descriptor fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.is_open()) {
    return fail(rt::error_of_errno(errno, "opening the project's lock", path));
  }
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(fd.get(), F_OFD_SETLK, &lock) == 0) {
    return OwnerLock(std::move(fd));
  }
  if (errno == EAGAIN || errno == EACCES) {
    return std::nullopt;
  }
  return fail(rt::error_of_errno(errno, "locking the project", path));
}

Result<OwnerLock> OwnerLock::inherit(int fd) {
  // What the owner starts must not keep the project locked when the owner is dead.
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return fail(Code::bad_input, "the owner was started without the project's lock",
                "it is started by the commands that need it");
  }
  return OwnerLock(rt::Descriptor(fd));
}

OwnerIdentity OwnerLock::holder(const std::filesystem::path& state_folder) {
  const auto text = rt::read_file(lock_path(state_folder), {.bytes_max = 1000});
  OwnerIdentity identity;
  if (text.has_value()) {
    const char* end = text->data() + text->size();
    const auto [rest, error] = std::from_chars(text->data(), end, identity.pid);
    if (error == std::errc{} && rest != end && *rest == ' ') {
      identity.version.assign(rest + 1, end);
      identity.version.resize(std::min(identity.version.find('\n'), identity.version.size()));
    }
  }
  return identity;
}

Result<Unit> OwnerLock::identify(const OwnerIdentity& self) {
  const std::string text = fmt::format("{} {}\n", self.pid, self.version);
  if (ftruncate(fd_.get(), 0) != 0 ||
      pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    // On a full disk the lock holds all the same; only messages lose the number.
    if (errno != ENOSPC && errno != EDQUOT) {
      return fail(rt::error_of_errno(errno, "writing the project's lock", {}));
    }
  }
  return Unit{};
}

}  // namespace tutti::app
