// SPDX-License-Identifier: Apache-2.0
// Removing objects: only those that were looked at, and only as they were then.
#pragma once

#include <functional>
#include <vector>

#include "xfer/select.h"

namespace tutti::xfer {

struct Counted {
  cloud::Located located;
  // Key, size, etag, and of versions the version. Versions of a key follow each other, the newest
  // first.
  std::vector<cloud::ObjectMeta> objects;
  uint64_t bytes = 0;
};
// bad_input where there are more than `max`.
Task<Counted> count(rt::Context& ctx, Selected selected, uint64_t max);

// One object as it was: `conflict` where it has changed since; gone is fine. With a version: that
// one for ever.
Task<Unit> remove_object(rt::Context& ctx, cloud::ObjectStore& store, cloud::ObjectMeta object);

// All of them, several at once, versions of a key from the oldest on, so that none of them is the
// latest meanwhile. `on_done` after each.
Task<Unit> remove(rt::Context& ctx, Counted counted, std::function<void(uint64_t done)> on_done);

}  // namespace tutti::xfer
