// SPDX-License-Identifier: Apache-2.0
// What the store asks of the folder it lives in.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.h"

namespace tutti::store {

// Makes the folder (mode 0700) when it is missing, and refuses network file systems: their locks
// and shared memory do not hold what a database needs.
Result<Unit> prepare_state_folder(const std::filesystem::path& folder);

// Space set aside for the day the disk is full: release() gives it back so that work can be ended.
// Blocking; one thread.
class Reserve {
 public:
  Reserve(std::filesystem::path file, uint64_t bytes) : file_(std::move(file)), bytes_(bytes) {}
  void take();  // where there is room for four times as much; without, later
  void release();
  bool taken() const { return taken_; }

 private:
  std::filesystem::path file_;
  uint64_t bytes_;
  bool taken_ = false;
};

}  // namespace tutti::store
