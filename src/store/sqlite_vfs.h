// SPDX-License-Identifier: Apache-2.0
// How SQLite reaches the disk: the system's VFS, with the syncs counted and, in tests, faults put
// in. The write-ahead log grows by log_step_bytes at a time, filled with zeros: a sync of a file
// that has grown, or of blocks never written before, costs a commit of the file system's journal
// beside the data's write, and every commit here is one sync.
#pragma once

#include <cstdint>
#include <string>

namespace tutti::store {

constexpr int64_t log_step_bytes = 512 << 10;

enum class DiskOp : uint8_t { write, sync, grow };

// Asked before an operation of the database's files; any thread.
class DiskFaults {
 public:
  virtual ~DiskFaults() = default;
  // 0: go ahead; else the errno it fails with: ENOSPC, EIO.
  virtual int on(DiskOp op) = 0;
};

// Names a VFS over the system's; it lives as long as the process. Null: no faults.
std::string make_counting_vfs(DiskFaults* faults);

// fsync and fdatasync calls on database files by this process so far.
uint64_t sync_count();

}  // namespace tutti::store
