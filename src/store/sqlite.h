// SPDX-License-Identifier: Apache-2.0
// The store of one machine: SQLite in the project's .tutti folder.
//
// One connection writes and one reads, each on a thread of its own; a third thread moves the
// write-ahead log into the database (every 16 MiB and when idle) and keeps large blobs, so that a
// commit is one fdatasync of a log file that is overwritten, not grown. `state.db` is for the
// project's owner alone (app/owner.h); a second store on it fences the first by its epoch.
//
// Errors besides those of store.h: `corrupt` (a damaged database), `unsupported` (written by a
// newer Tutti, or on a network file system), `denied`. When the disk is full a reserve of 8 MiB is
// given free, so that what runs can be ended: pause admission on `unavailable`.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "store/sqlite_vfs.h"
#include "store/store.h"

namespace tutti::store {

struct SqliteOptions {
  std::filesystem::path folder;  // .tutti; made when missing, mode 0700
  rt::Clock* clock = nullptr;    // outlives the store
  DiskFaults* faults = nullptr;  // of tests; outlives the process's stores
  uint64_t reserve_bytes = 8u << 20;
  uint64_t checkpoint_bytes = 16u << 20;  // of the write-ahead log
  size_t blob_row_bytes_max = 64u << 10;  // larger blobs are files
};

class SqliteStore : public Store {
 public:
  // Removes the blobs that were put before `put_before` and are not in `live`; the number removed.
  virtual Task<uint64_t> collect_blobs(rt::Context& ctx, std::vector<Digest> live,
                                       Instant put_before) = 0;
};

// Blocks for a few milliseconds; starts the store's threads.
Result<std::unique_ptr<SqliteStore>> open_sqlite_store(SqliteOptions options);

}  // namespace tutti::store
