// SPDX-License-Identifier: Apache-2.0
// tutti plan: what each task of a workflow would do, asked of its action. No side effects.
#pragma once

#include "cli/cli.h"
#include "worker/worker.h"

namespace tutti::app {

// `actions` outlives the call. Tasks in the order of the file. bad_input when the parameters do not
// fit.
Task<std::vector<cli::TaskPreview>> preview_run(rt::Context& ctx, const worker::Actions& actions,
                                                cli::PreviewRequest request);

}  // namespace tutti::app
