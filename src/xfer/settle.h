// SPDX-License-Identifier: Apache-2.0
// What becomes of one object at one destination: looked at, decided, and sent where it has to be.
// Inside of xfer.
#pragma once

#include <optional>

#include "xfer/sending.h"

namespace tutti::xfer {

// Errors: conflict for what exists (fail) or differs (verify); those of the stores.
Task<Entry> copy_to(rt::Context& ctx, Run& run, Job job);

// Which destinations have nothing yet: one question instead of one for each object.
Task<Unit> look_for_existing(rt::Context& ctx, Run& run);

// What can just be sent; nullopt: it has to be looked at, or refused, on its own.
Task<std::optional<Sending>> ready(rt::Context& ctx, Run& run, Job job);

}  // namespace tutti::xfer
