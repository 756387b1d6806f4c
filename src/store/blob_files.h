// SPDX-License-Identifier: Apache-2.0
// Blobs as files FOLDER/ab/cdef...: whole when they have their name. Blocking; one thread.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/digest.h"
#include "base/error.h"

namespace tutti::store {

class BlobFiles {
 public:
  explicit BlobFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<Unit> put(const Digest& digest, std::string_view bytes);  // verified by the caller
  Result<std::string> get(const Digest& digest) const;             // not_found, corrupt
  Result<uint64_t> collect(const std::set<Digest>& live, Instant put_before);

 private:
  std::filesystem::path path_of(const Digest& digest) const;

  std::filesystem::path folder_;
};

}  // namespace tutti::store
