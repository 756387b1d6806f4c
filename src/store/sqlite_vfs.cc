// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <vector>

namespace tutti::store {
namespace {

std::atomic<uint64_t> syncs;

struct CountingVfs {
  sqlite3_vfs vfs{};
  std::string name;
  DiskFaults* faults = nullptr;
};

// SQLite allocates szOsFile bytes: this, then the system's file.
struct File {
  sqlite3_file base;
  DiskFaults* faults;
  sqlite3_int64 filled;  // of a log: up to here it has its blocks; beyond it, look
  bool is_log;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& file_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return file_of(file).real(); }
const sqlite3_io_methods& methods(sqlite3_file* file) { return *real(file)->pMethods; }

int fault(sqlite3_file* file, DiskOp op) {
  DiskFaults* faults = file_of(file).faults;
  const int error_number = faults == nullptr ? 0 : faults->on(op);
  if (error_number == 0) {
    return SQLITE_OK;
  }
  if (error_number == ENOSPC) {
    return SQLITE_FULL;
  }
  return op == DiskOp::sync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
}

int close_file(sqlite3_file* f) { return methods(f).xClose(real(f)); }
int read_file(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  return methods(f).xRead(real(f), to, n, at);
}
// Fills the log so that it has room up to `end`. What cannot be had is not missed: the write that
// follows says so itself.
void fill_log(sqlite3_file* f, sqlite3_int64 end) {
  static constexpr std::array<char, 64 << 10> zeros{};
  sqlite3_int64 size = 0;
  if (methods(f).xFileSize(real(f), &size) != SQLITE_OK) {
    return;
  }
  sqlite3_int64 filled = size;
  while (filled < end || filled % log_step_bytes != 0) {
    const auto left = log_step_bytes - filled % log_step_bytes;
    const auto n = static_cast<int>(std::min<sqlite3_int64>(zeros.size(), left));
    if (methods(f).xWrite(real(f), zeros.data(), n, filled) != SQLITE_OK) {
      methods(f).xTruncate(real(f), size);
      return;
    }
    filled += n;
  }
  file_of(f).filled = filled;
}

int write_file(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  const int refused = fault(f, DiskOp::write);
  if (refused == SQLITE_OK && file_of(f).is_log && at + n > file_of(f).filled) {
    fill_log(f, at + n);
  }
  return refused != SQLITE_OK ? refused : methods(f).xWrite(real(f), from, n, at);
}
int truncate_file(sqlite3_file* f, sqlite3_int64 size) {
  file_of(f).filled = 0;
  return methods(f).xTruncate(real(f), size);
}
int sync_file(sqlite3_file* f, int flags) {
  const int refused = fault(f, DiskOp::sync);
  if (refused != SQLITE_OK) {
    return refused;
  }
  syncs.fetch_add(1, std::memory_order_relaxed);
  return methods(f).xSync(real(f), flags);
}
int size_of_file(sqlite3_file* f, sqlite3_int64* size) {
  return methods(f).xFileSize(real(f), size);
}
int lock_file(sqlite3_file* f, int level) { return methods(f).xLock(real(f), level); }
int unlock_file(sqlite3_file* f, int level) { return methods(f).xUnlock(real(f), level); }
int check_lock(sqlite3_file* f, int* out) { return methods(f).xCheckReservedLock(real(f), out); }
int control_file(sqlite3_file* f, int op, void* argument) {
  return methods(f).xFileControl(real(f), op, argument);
}
int sector_size(sqlite3_file* f) { return methods(f).xSectorSize(real(f)); }
int characteristics(sqlite3_file* f) { return methods(f).xDeviceCharacteristics(real(f)); }
int map_shm(sqlite3_file* f, int region, int bytes, int extend, void volatile** out) {
  if (extend != 0 && fault(f, DiskOp::grow) != SQLITE_OK) {
    return SQLITE_IOERR_SHMSIZE;
  }
  return methods(f).xShmMap(real(f), region, bytes, extend, out);
}
int lock_shm(sqlite3_file* f, int offset, int n, int flags) {
  return methods(f).xShmLock(real(f), offset, n, flags);
}
void barrier_shm(sqlite3_file* f) { methods(f).xShmBarrier(real(f)); }
int unmap_shm(sqlite3_file* f, int remove) { return methods(f).xShmUnmap(real(f), remove); }
int fetch(sqlite3_file* f, sqlite3_int64 at, int n, void** out) {
  return methods(f).xFetch(real(f), at, n, out);
}
int unfetch(sqlite3_file* f, sqlite3_int64 at, void* page) {
  return methods(f).xUnfetch(real(f), at, page);
}

constexpr sqlite3_io_methods counting_methods{
    .iVersion = 3,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = map_shm,
    .xShmLock = lock_shm,
    .xShmBarrier = barrier_shm,
    .xShmUnmap = unmap_shm,
    .xFetch = fetch,
    .xUnfetch = unfetch,
};

int open_file(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* f, int flags, int* out) {
  const CountingVfs& counting = *static_cast<CountingVfs*>(vfs->pAppData);
  sqlite3_vfs* system = sqlite3_vfs_find(nullptr);
  file_of(f).faults = counting.faults;
  file_of(f).filled = 0;
  file_of(f).is_log = (flags & SQLITE_OPEN_WAL) != 0;
  f->pMethods = nullptr;
  const int code = system->xOpen(system, name, real(f), flags, out);
  if (real(f)->pMethods != nullptr) {
    f->pMethods = &counting_methods;
  }
  return code;
}

}  // namespace

std::string make_counting_vfs(DiskFaults* faults) {
  static std::mutex mutex;
  static std::vector<std::unique_ptr<CountingVfs>> all;  // SQLite keeps pointers to them
  const std::lock_guard lock(mutex);
  for (const auto& known : all) {
    if (known->faults == faults) {
      return known->name;
    }
  }
  sqlite3_initialize();
  auto made = std::make_unique<CountingVfs>();
  made->name = "tutti" + std::to_string(all.size());
  made->faults = faults;
  made->vfs = *sqlite3_vfs_find(nullptr);
  made->vfs.pNext = nullptr;
  made->vfs.szOsFile += static_cast<int>(sizeof(File));
  made->vfs.zName = made->name.c_str();
  made->vfs.pAppData = made.get();
  made->vfs.xOpen = open_file;
  sqlite3_vfs_register(&made->vfs, 0);
  all.push_back(std::move(made));
  return all.back()->name;
}

uint64_t sync_count() { return syncs.load(std::memory_order_relaxed); }

}  // namespace tutti::store
