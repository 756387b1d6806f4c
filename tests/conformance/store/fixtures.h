// SPDX-License-Identifier: Apache-2.0
// Stores to run the conformance suite on. A fixture opens its store again on what is durable and
// can spoil a blob.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "rt/loop.h"
#include "store/memory.h"
#include "store/sqlite.h"

namespace tutti::store {

// A folder that is gone after the test; in memory where there is such a file system, since no test
// cuts the power, and a busy disk makes each sync wait.
class TempFolder {
 public:
  TempFolder() {
    const std::filesystem::path memory = "/dev/shm";
    const bool usable = access(memory.c_str(), W_OK) == 0;
    std::string name =
        ((usable ? memory : std::filesystem::temp_directory_path()) / "tutti-store-XXXXXX")
            .string();
    path_ = mkdtemp(name.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Harness {
  rt::Loop loop;
  std::unique_ptr<rt::Clock> clock = rt::make_system_clock();
  std::unique_ptr<rt::Random> random = rt::make_system_random();
  rt::Context ctx{*clock, *random};

  template <class T>
  Result<T> wait(Task<T> task) {
    return loop.run(std::move(task));
  }
};

struct MemoryFixture : Harness {
  MemoryDisk disk;
  std::unique_ptr<Store> open() { return make_memory_store(disk); }
  void spoil(const Digest& digest) { disk.blobs.at(digest) += "x"; }
};

struct SqliteFixture : Harness {
  TempFolder folder;
  size_t blob_row_bytes_max = 1000;
  std::unique_ptr<SqliteStore> open() {
    auto store = open_sqlite_store({.folder = folder.path() / ".tutti",
                                    .clock = clock.get(),
                                    .reserve_bytes = 0,
                                    .blob_row_bytes_max = blob_row_bytes_max});
    return store.has_value() ? std::move(*store) : nullptr;
  }
  void spoil(const Digest& digest) {
    const std::string name = hex(digest);
    std::ofstream file(folder.path() / ".tutti/blobs" / name.substr(0, 2) / name.substr(2),
                       std::ios::app);
    file << "x";
  }
};

inline RunId run_id(uint8_t n) {
  RunId id;
  id.bytes[0] = n;
  id.bytes[15] = n;
  return id;
}

inline RunRow run_row(uint8_t n, std::string workflow = "shop") {
  return {.run = run_id(n),
          .run_no = n,
          .workflow = std::move(workflow),
          .profile = "local",
          .version = "sha256:00",
          .logical_date = Instant{n * 86'400'000'000LL},
          .state = "running",
          .created = Instant{n * 1000LL},
          .tasks = 3};
}

}  // namespace tutti::store
