// SPDX-License-Identifier: Apache-2.0
// Logs as files: FOLDER/RUN/ holds the segments of one run (log_run.h, log_block.h).
#pragma once

#include "store/log.h"

namespace tutti::store {

struct LogFilesOptions {
  std::filesystem::path folder;  // .tutti/logs; made when missing
  rt::Clock* clock = nullptr;    // outlives the logs
  LogLimits limits = {};
};

// Starts a thread that writes and reads them.
std::unique_ptr<Logs> open_log_files(LogFilesOptions options);

}  // namespace tutti::store
