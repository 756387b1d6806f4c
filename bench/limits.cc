// SPDX-License-Identifier: Apache-2.0
#include "bench/limits.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/check.h"
#include "bench/figure.h"

namespace tutti::bench {
namespace {

constexpr size_t page_bytes = 4096;

// A file without a name: gone when it is closed.
double write_synced_ms(const std::string& folder, int count, bool preallocated) {
  const int fd = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  std::array<char, page_bytes> page;
  page.fill('x');
  if (preallocated) {
    for (int i = 0; i < count; ++i) {
      CHECK(write(fd, page.data(), page.size()) == static_cast<ssize_t>(page.size()));
    }
    CHECK(fsync(fd) == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
  }
  const double ms = time_ms([&] {
    for (int i = 0; i < count; ++i) {
      CHECK(write(fd, page.data(), page.size()) == static_cast<ssize_t>(page.size()));
      CHECK(fdatasync(fd) == 0);
    }
  });
  close(fd);
  return ms;
}

}  // namespace

double overwrite_synced_ms(const std::string& folder, int count) {
  return write_synced_ms(folder, count, true);
}

double append_synced_ms(const std::string& folder, int count) {
  return write_synced_ms(folder, count, false);
}

double spawn_true_ms(int count) {
  return time_ms([count] {
    for (int i = 0; i < count; ++i) {
      std::string path = "/bin/true";
      std::array<char*, 2> argv{path.data(), nullptr};
      pid_t pid = 0;
      CHECK(posix_spawn(&pid, path.c_str(), nullptr, nullptr, argv.data(), environ) == 0);
      int status = 0;
      CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
  });
}

}  // namespace tutti::bench
