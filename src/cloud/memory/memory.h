// SPDX-License-Identifier: Apache-2.0
// A bucket in memory, for tests and the simulator: as strict as the clouds, with the time of the
// caller's Context.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cloud/object_store.h"

namespace tutti::cloud::memory {

struct Options {
  bool versions = false;  // keeps what is replaced or removed, behind delete markers
  bool locks = false;     // of versions, which it then keeps
  // Has a class "archive", whose objects are read only once restoring them has taken so long.
  std::optional<Duration> archive = std::nullopt;
};

// `base`: address of the store for `where` of errors. The pool must outlive what is read.
std::unique_ptr<ObjectStore> make_store(BufferPool& buffers, std::string base = "memory://",
                                        Options options = {});

}  // namespace tutti::cloud::memory
