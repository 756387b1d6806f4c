// SPDX-License-Identifier: Apache-2.0
// The system calls of the local store: everything is opened beneath a root, without following
// links. Blocking; called on the files' executor.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/object_store.h"

namespace tutti::cloud::local {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Opens `path` beneath `root`; a link anywhere in it is ELOOP. -1 and errno inside a Fd that is
// false.
Fd open_beneath(int root, const std::string& path, int flags, unsigned mode = 0);
// The same where the names are in memory, so that nothing is waited for; else none, and errno is
// EAGAIN (EINVAL before Linux 5.12).
Fd open_beneath_now(int root, const std::string& path, int flags);
Fd open_now(const std::string& path, int flags);  // a path of the system

// The error of a failed call, with the object's address as `where`.
Error file_error(int error_number, std::string_view doing, std::string where);

// Makes the folders of a path beneath root. `made` gets the paths of those that were not there,
// `folder` is the last. ENOTDIR when one of them is a file: `blocker` is its path.
struct MadeFolders {
  Fd folder;
  std::vector<std::string> made;
  std::string blocker;
  int error_number = 0;
};
MadeFolders make_folders(int root, const std::vector<std::string>& folders);

// What a stored file says about itself beyond its bytes; kept in one extended attribute.
struct Notes {
  std::vector<Digest> digests;
  std::string content_type;
  ContentHeaders headers;
  Metadata metadata;
};
// Where extended attributes work at all; `path` need not exist yet.
bool keeps_notes(const std::filesystem::path& path);
// Digests are bound to size and time of the bytes, so that a file changed by others loses them.
// 0 or errno.
int write_notes(int fd, const Notes& notes, const struct stat& info);
Notes read_notes(int fd, const struct stat& info);

int64_t modified_ns(const struct stat& info);
std::string etag_of(const struct stat& info);
ObjectMeta meta_of(Key key, const struct stat& info);
// With what its notes say.
ObjectMeta meta_of(Key key, int fd, const struct stat& info);

}  // namespace tutti::cloud::local
