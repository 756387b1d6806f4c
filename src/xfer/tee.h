// SPDX-License-Identifier: Apache-2.0
// One reading of a body for several readers, who go through it side by side: a copy to several
// destinations reads its source once.
#pragma once

#include <vector>

#include "base/time.h"
#include "cloud/object_store.h"

namespace tutti::xfer {

// As many bodies with the bytes of `inner`, to be read from one loop. The slowest reader sets the
// pace, and one chunk is in memory for all of them. Who takes nothing for `patience` while the
// others wait for it, is opened again (a retry) or starts in the middle, reads `inner` for itself
// from there on; so does everybody once the common reading has failed, whose error is told to the
// one who met it.
std::vector<cloud::Body> tee(const cloud::Body& inner, size_t readers,
                             Duration patience = seconds(5));

}  // namespace tutti::xfer
