// SPDX-License-Identifier: Apache-2.0
// One call of the wire as a call of the plane.
#pragma once

#include "control/wire.h"

namespace tutti::api {

// Not for drop and retire, which are the server's own.
Task<Value> dispatch(rt::Context& ctx, control::ControlPlane& plane, control::Call call);

}  // namespace tutti::api
