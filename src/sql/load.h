// SPDX-License-Identifier: Apache-2.0
// Files into a table, in one transaction, each file once. Blocks; one load of a database at a
// time.
//
// The ledger of the target's schema (sql/load_ledger.h) is written in the same transaction, so a
// lost reply or a repeated attempt changes nothing. `append` and `merge` leave out the files that
// are in the target already; a file that changed since is an error of `append`, as its old rows
// cannot be told from others. A `replace` removes the entries of the loads it replaced.
#pragma once

#include <functional>

#include "sql/load_ledger.h"
#include "sql/query.h"

namespace tutti::sql {

enum class LoadMode : uint8_t { append, replace, replace_partition, merge };
enum class LoadFormat : uint8_t { csv, json, ndjson, parquet };
std::optional<LoadMode> load_mode_from_name(std::string_view name);
std::string_view load_mode_name(LoadMode mode);
std::optional<LoadFormat> load_format_from_name(std::string_view name);

struct Load {
  std::vector<LoadFile> files;
  std::string schema = "main";
  std::string table;
  LoadFormat format = LoadFormat::parquet;
  LoadMode mode = LoadMode::append;
  std::vector<std::string> key = {};  // columns: of merge and replace_partition
  std::string manifest;               // digest of what the files are
};

struct Loaded {
  int64_t rows = 0;     // this load brought; where just these files had been loaded before: then
  int64_t skipped = 0;  // files that were in the table already
  bool already_loaded = false;  // all of them were: nothing was changed
  Value to_value() const;
};

std::expected<Loaded, Failure> run_load(Connection& connection, const Load& load,
                                        const std::string& memory,
                                        const std::function<bool()>& stopped);

}  // namespace tutti::sql
