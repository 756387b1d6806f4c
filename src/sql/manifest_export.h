// SPDX-License-Identifier: Apache-2.0
// A manifest of a transfer (tutti.manifest/1, JSON lines) as a Parquet file with typed columns. One
// statement of DuckDB, which streams. Blocks.
#pragma once

#include "sql/query.h"

namespace tutti::sql {

struct ManifestExport {
  std::string from;  // addresses
  std::string to;
};

// The rows written. Failures say which line is none of a manifest, or is cut off; then there is no
// file.
std::expected<int64_t, Failure> run_export(Connection& connection, const ManifestExport& what,
                                           const std::string& memory);

}  // namespace tutti::sql
