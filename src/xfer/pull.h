// SPDX-License-Identifier: Apache-2.0
// Copies from another service that the destination's service makes by itself: it reads the source
// at a signed URL, and no byte passes this process. Inside of xfer.
#pragma once

#include <optional>
#include <string_view>

#include "xfer/sending.h"

namespace tutti::xfer {

// Whether a service elsewhere may be able to read at this URL: https, and no address or name of a
// private network.
bool is_public_url(std::string_view url);

// Decides for the whole run whether anything is pulled; before its first object.
Task<Unit> prepare_pulls(rt::Context& ctx, Run& run);
bool may_pull(const Run& run, const Job& job);

// nullopt: the service cannot read this source, and the bytes are to pass through. Proven by
// digests that the service computed of what it read and the source's knows; where there are none in
// common by reading back what is there.
Task<std::optional<Entry>> pull_object(rt::Context& ctx, Run& run, Job job,
                                       std::optional<cloud::ObjectMeta> existing);

}  // namespace tutti::xfer
