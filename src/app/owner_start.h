// SPDX-License-Identifier: Apache-2.0
// Starting the owner's process. Inside of connect_or_start_owner().
#pragma once

#include "app/owner.h"

namespace tutti::app {

// Starts it with the lock, waits until it is ready or says why it cannot be.
Task<Unit> start_owner(rt::Context& ctx, OwnerCall call, OwnerLock lock);

}  // namespace tutti::app
