// SPDX-License-Identifier: Apache-2.0
// The manifest of a task as an object: the parameter `manifest` of `copy` and `sync`.
#pragma once

#include <optional>
#include <vector>

#include "action/objects/objects.h"

namespace tutti::action::objects {

void add_manifest_param(Schema& schema);
// The object it names; none where it is not given. bad_input: a prefix or a pattern.
Result<std::optional<cloud::Located>> manifest_param(const Services& services,
                                                     const AttemptInfo& info, const Value& with);

// The manifest is no part of the prefix it is written into.
void leave_out(transfer::Filter& filter, const cloud::Located& prefix,
               const std::optional<cloud::Located>& manifest);

// That it would be written, where it is asked for.
void add_manifest_step(Preview& preview, const Value& with);

// Writes the entries' lines there, of any number, over what an earlier attempt or run wrote.
// Nothing without `manifest`. Errors: those of the store; the attempt's log says so, too.
// tidy: allow coroutine, `entries` belong to the caller, who awaits that they are written
Task<Unit> put_manifest(rt::Context& ctx, Attempt& attempt, std::optional<cloud::Located> manifest,
                        const std::vector<xfer::Entry>& entries);

}  // namespace tutti::action::objects
