// SPDX-License-Identifier: Apache-2.0
// A store in memory, for tests and the simulator. Answers at once on the caller's loop; one loop.
#pragma once

#include <map>
#include <memory>

#include "store/store.h"

namespace tutti::store {

// What is durable; outlives the stores opened on it. Public so that a test or the simulator can
// copy it, spoil it or go back to an older one.
struct MemoryDisk {
  Epoch epoch = 0;
  std::map<int64_t, RunRow> runs;  // by run_no
  std::map<RunId, int64_t> run_nos;
  std::map<std::pair<RunId, uint32_t>, std::string> pages;
  std::map<OutputKey, AttemptRow> attempts;  // the same three: run, task, attempt
  std::map<OutputKey, OutputRow> outputs;
  std::map<Digest, std::string> blobs;
};

// `disk` outlives the store.
std::unique_ptr<Store> make_memory_store(MemoryDisk& disk);

}  // namespace tutti::store
