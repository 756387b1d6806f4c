// SPDX-License-Identifier: Apache-2.0
// One attempt from templates to report.
#pragma once

#include "worker/worker.h"

namespace tutti::worker {

// Runs the attempt to its end, whatever that is: errors are part of the report. `ctx` is cancelled
// to stop it. `services` outlive it.
Task<Report> execute(rt::Context& ctx, Services& services, Assignment assignment);

}  // namespace tutti::worker
