// SPDX-License-Identifier: Apache-2.0
// The main program of the unit tests. Each has a folder of its own for temporary files
// (std::filesystem::temp_directory_path), which goes when it ends; what a program left that was
// killed or aborted, the next one removes.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

namespace {

namespace fs = std::filesystem;

constexpr const char* name_begin = "tutti-t.";

// Whoever holds the lock of such a folder is using or removing it.
int try_lock(const fs::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
    return fd;
  }
  close(fd);
  return -1;
}

class TempFolder {
 public:
  TempFolder() : above_(fs::temp_directory_path()) {
    remove_left_ones();
    while (lock_ < 0) {  // again when another program took it for a left one
      std::string name = (above_ / name_begin).string() + "XXXXXX";
      if (mkdtemp(name.data()) == nullptr) {
        perror(name.c_str());
        abort();
      }
      path_ = name;
      lock_ = try_lock(path_);
      if (lock_ >= 0 && !fs::exists(path_)) {
        close(lock_);
        lock_ = -1;
      }
    }
    setenv("TMPDIR", path_.c_str(), 1);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    close(lock_);
  }

 private:
  void remove_left_ones() const {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(above_, ignored)) {
      if (!entry.path().filename().string().starts_with(name_begin)) {
        continue;
      }
      if (const int lock = try_lock(entry.path()); lock >= 0) {
        fs::remove_all(entry.path(), ignored);
        close(lock);
      }
    }
  }

  fs::path above_;
  fs::path path_;
  int lock_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
  const TempFolder folder;
  (void)std::signal(SIGPIPE, SIG_IGN);  // as every program of ours does
  return doctest::Context(argc, argv).run();
}
