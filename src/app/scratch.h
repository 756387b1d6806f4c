// SPDX-License-Identifier: Apache-2.0
// Folders of attempts: .tutti/scratch/RUN/TASK.ATTEMPT, removed after the attempt; what a dead
// owner left is removed at the start of the next.
#pragma once

#include "worker/worker.h"

namespace tutti::app {

worker::Scratch make_scratch(std::filesystem::path folder);
void clear_scratch(const std::filesystem::path& folder);

}  // namespace tutti::app
