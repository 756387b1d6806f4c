// SPDX-License-Identifier: Apache-2.0
#include "rt/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace tutti::rt {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Error error_of_errno(int error_number, std::string_view doing, const std::filesystem::path& path) {
  Error error{.code = Code::internal,
              .what = fmt::format("{} failed: {}", doing, std::strerror(error_number)),
              .where = path.string(),
              .provider_code = fmt::format("errno {}", error_number)};
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      error.code = Code::not_found;
      error.what = fmt::format("{} failed: it does not exist", doing);
      error.remedy = "check the path";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      error.code = Code::denied;
      error.remedy = "check the permissions of the file and its folders";
      break;
    case EEXIST:
    case ENOTEMPTY:
      error.code = Code::conflict;
      break;
    case ENOSPC:
    case EDQUOT:
      error.code = Code::unavailable;
      error.what = fmt::format("{} failed: the disk is full", doing);
      error.remedy = "free some space and try again";
      break;
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
      error.code = Code::bad_input;
      break;
    case EMFILE:
    case ENFILE:
      error.code = Code::unavailable;
      error.remedy = "raise the limit of open files (ulimit -n)";
      break;
    default:
      break;
  }
  return error;
}

Result<std::string> read_file(const std::filesystem::path& path, ReadLimits limits) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // of a fifo
  if (fd.get() < 0) {
    return fail(error_of_errno(errno, "opening", path));
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) {
    return fail(error_of_errno(errno, "reading", path));
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(Error{.code = Code::bad_input,
                      .what = S_ISDIR(info.st_mode) ? "it is a folder, not a file"
                                                    : "it is a device, pipe or socket, not a file",
                      .where = path.string()});
  }
  std::string out;
  out.reserve(static_cast<size_t>(info.st_size) + 1);
  while (true) {
    const size_t at = out.size();
    if (at > limits.bytes_max) {
      return fail(Error{.code = Code::bad_input,
                        .what = fmt::format("the file is larger than {} bytes", limits.bytes_max),
                        .where = path.string()});
    }
    constexpr size_t piece = 1U << 16U;
    out.resize(at + piece);
    const ssize_t n = read(fd.get(), out.data() + at, piece);
    out.resize(at + (n > 0 ? static_cast<size_t>(n) : 0));
    if (n < 0 && errno != EINTR) {
      return fail(error_of_errno(errno, "reading", path));
    }
    if (n == 0) {
      return out;
    }
  }
}

Result<Unit> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail(error_of_errno(errno, "writing", path));
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Unit{};
}

Result<Unit> sync_folder(const std::filesystem::path& folder) {
  const Descriptor fd(
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || fsync(fd.get()) != 0) {
    return fail(error_of_errno(errno, "syncing", folder));
  }
  return Unit{};
}

Result<Unit> write_file(const std::filesystem::path& path, std::string_view bytes,
                        WriteOptions options) {
  std::filesystem::path beside = path;
  beside += fmt::format(".{}.part", getpid());
  {
    const Descriptor fd(
        open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, options.mode));
    if (fd.get() < 0) {
      return fail(error_of_errno(errno, "creating", beside));
    }
    Result<Unit> written = write_all(fd.get(), bytes, path);
    if (written.has_value() && options.durable && fsync(fd.get()) != 0) {
      written = fail(error_of_errno(errno, "syncing", path));
    }
    if (!written.has_value()) {
      unlink(beside.c_str());
      return written;
    }
  }
  if (rename(beside.c_str(), path.c_str()) != 0) {
    const int error_number = errno;
    unlink(beside.c_str());
    return fail(error_of_errno(error_number, "renaming", path));
  }
  return options.durable ? sync_folder(path.parent_path()) : Result<Unit>(Unit{});
}

}  // namespace tutti::rt
