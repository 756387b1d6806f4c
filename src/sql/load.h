// SPDX-License-Identifier: Apache-2.0
// Files into a table, in one transaction, once per source. Blocks; one load of a database at a
// time.
//
// The table _tutti_loads of the target's schema has a row for each load whose rows are in the
// target; it is written in the same transaction, so a lost reply or a repeated attempt finds it and
// changes nothing. A `replace` removes the rows of the loads it replaced.
#pragma once

#include <functional>

#include "sql/query.h"

namespace tutti::sql {

enum class LoadMode : uint8_t { append, replace, replace_partition, merge };
enum class LoadFormat : uint8_t { csv, json, ndjson, parquet };
std::optional<LoadMode> load_mode_from_name(std::string_view name);
std::string_view load_mode_name(LoadMode mode);
std::optional<LoadFormat> load_format_from_name(std::string_view name);

struct Load {
  std::vector<std::string> files;  // addresses
  std::string schema = "main";
  std::string table;
  LoadFormat format = LoadFormat::parquet;
  LoadMode mode = LoadMode::append;
  std::vector<std::string> key = {};  // columns: of merge and replace_partition
  std::string manifest;               // digest of what the files are
};

struct Loaded {
  int64_t rows = 0;  // of the files, also when they had been loaded before
  bool already_loaded = false;
  Value to_value() const;
};

std::expected<Loaded, Failure> run_load(Connection& connection, const Load& load,
                                        const std::string& memory,
                                        const std::function<bool()>& stopped);

}  // namespace tutti::sql
