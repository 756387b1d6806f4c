// SPDX-License-Identifier: Apache-2.0
// Whole small files, read and written durably. Blocking: for start-up, settings and CLI, not for
// loops.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti::rt {

// The error of a failed system call, with the path, a code the caller can act on and a remedy.
Error error_of_errno(int error_number, std::string_view doing, const std::filesystem::path& path);

struct ReadLimits {
  size_t bytes_max = 64u << 20;
};
Result<std::string> read_file(const std::filesystem::path& path, ReadLimits limits = {});

struct WriteOptions {
  unsigned mode = 0666;  // before the umask
  bool durable = true;   // fsync of the file before, of the folder after the rename
};
// Write beside, fsync, rename, fsync of the folder: readers see the old or the new whole file.
Result<Unit> write_file(const std::filesystem::path& path, std::string_view bytes,
                        WriteOptions options = {});

// All of it to an open file; `path` is for the error.
Result<Unit> write_all(int fd, std::string_view bytes, const std::filesystem::path& path);

Result<Unit> sync_folder(const std::filesystem::path& folder);  // empty: the working folder

}  // namespace tutti::rt
