// SPDX-License-Identifier: Apache-2.0
// A bucket in memory, for tests and the simulator: as strict as the clouds, with the time of the
// caller's Context.
#pragma once

#include <memory>
#include <string>

#include "cloud/object_store.h"

namespace tutti::cloud::memory {

// `base`: address of the store for `where` of errors. The pool must outlive what is read.
std::unique_ptr<ObjectStore> make_store(BufferPool& buffers, std::string base = "memory://");

}  // namespace tutti::cloud::memory
