// SPDX-License-Identifier: Apache-2.0
// Following one run to its end, with Ctrl-C: the first cancels the run, the second ends its
// attempts at once.
#pragma once

#include "cli/commands.h"

namespace tutti::cli {

using Plane = std::unique_ptr<control::ControlPlane>;

// Shows the run until it has ended, or needs a person; when the owner goes away, the next one of
// the project in `folder` goes on with the run and is asked. Gives the exit status: 0 success, 1 it
// failed or needs attention, 130 after a Ctrl-C.
Result<int> watch_to_end(Invocation& call, Plane control, const std::string& folder, RunId id);

// The same for a run whose cancel was asked for already: 0 when it ends cancelled, and the first
// Ctrl-C counts as the second.
Task<int> watch_cancel(Invocation& call, control::ControlPlane& control, RunId id);

}  // namespace tutti::cli
