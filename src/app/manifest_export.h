// SPDX-License-Identifier: Apache-2.0
// tutti manifest export: a manifest as Parquet, by a tutti-sql of its own.
#pragma once

#include <filesystem>

#include "rt/context.h"
#include "rt/task.h"

namespace tutti::app {

// The rows written. Errors name the manifest and its line; then `parquet` is as it was.
Task<int64_t> export_manifest(rt::Context& ctx, rt::Executor loop, std::filesystem::path manifest,
                              std::filesystem::path parquet);

}  // namespace tutti::app
