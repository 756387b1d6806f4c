// SPDX-License-Identifier: Apache-2.0
#include "store/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rt/file.h"

namespace tutti::store {
namespace {

// statfs(2)'s numbers of file systems whose files other machines change.
constexpr std::array<std::pair<uint32_t, std::string_view>, 11> network_file_systems{{
    {0x6969, "NFS"},
    {0x517b, "SMB"},
    {0xff534d42, "CIFS"},
    {0xfe534d42, "SMB2"},
    {0x00c36400, "Ceph"},
    {0x5346414f, "AFS"},
    {0x73757245, "Coda"},
    {0x01021997, "9P"},
    {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},
    {0x786f4256, "VirtualBox shared folder"},
}};

}  // namespace

Result<Unit> prepare_state_folder(const std::filesystem::path& folder) {
  if (mkdir(folder.c_str(), 0700) == 0) {
    (void)rt::write_file(folder / ".gitignore", "*\n", {.durable = false});
  } else if (errno != EEXIST) {
    return fail(rt::error_of_errno(errno, "making the folder", folder));
  }
  struct statfs info{};
  if (statfs(folder.c_str(), &info) != 0) {
    return fail(rt::error_of_errno(errno, "looking at the file system", folder));
  }
  for (const auto& [magic, name] : network_file_systems) {
    if (static_cast<uint32_t>(info.f_type) == magic) {
      return fail(Error{.code = Code::unsupported,
                        .what = fmt::format("the project lies on a network file system ({}), where "
                                            "locks and shared memory cannot be trusted",
                                            name),
                        .where = folder.string(),
                        .remedy = "move the project to a local disk"});
    }
  }
  return Unit{};
}

void Reserve::take() {
  struct statvfs info{};
  if (taken_ || bytes_ == 0 || statvfs(file_.parent_path().c_str(), &info) != 0) {
    return;
  }
  const int fd = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return;
  }
  struct stat size{};
  const bool there = fstat(fd, &size) == 0 && static_cast<uint64_t>(size.st_blocks) * 512 >= bytes_;
  taken_ = there || (info.f_bavail * info.f_frsize >= 4 * bytes_ &&
                     posix_fallocate(fd, 0, static_cast<off_t>(bytes_)) == 0);
  close(fd);
  if (!taken_) {
    unlink(file_.c_str());
  }
}

void Reserve::release() {
  unlink(file_.c_str());
  taken_ = false;
}

}  // namespace tutti::store
