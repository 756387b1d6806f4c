// SPDX-License-Identifier: Apache-2.0
// Copies that a service makes by itself, within a bucket or between two of them. Inside of xfer.
#pragma once

#include <optional>

#include "xfer/sending.h"

namespace tutti::xfer {

// Source and destination are in one service that copies by itself.
bool stays_inside(const Run& run, const Job& job);

// Proven by a digest the service has of both; where it has none in common both are read.
Task<Entry> copy_inside(rt::Context& ctx, Run& run, Job job,
                        std::optional<cloud::ObjectMeta> existing);

// Whether the bytes may do after copy_inside() ended with this: whoever may write to the one bucket
// may not read the other one, or the service does not copy between them.
bool may_pass_through(const Run& run, const Job& job, Code code);

}  // namespace tutti::xfer
