// SPDX-License-Identifier: Apache-2.0
// The files a load reads, and what makes them the same files the next time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/connections.h"
#include "rt/task.h"

namespace tutti::action {

struct SourceFile {
  std::string address;
  ObjectRef ref;
  uint64_t size = 0;
  std::string proof;  // "sha256:..." as far as the store vouches for one, else "etag:..."
};

struct Sources {
  std::vector<SourceFile> files;  // in the order of their addresses, each once
  uint64_t bytes = 0;
};

// `from`: an address, prefix or glob, a list of them; objects of `list`, or the manifest of a copy,
// which name their objects exactly (of several destinations one for each source object).
// Below a prefix or glob, names that begin with `_` or `.` are left out, as Spark's markers are.
// not_found: it selects nothing.
Task<Sources> find_sources(rt::Context& ctx, const cloud::Connections& connections,
                           std::string profile, Value from);

// "sha256:..." over all files: where each is, its size and its proof.
std::string manifest_digest(const Sources& sources);

// csv, json, ndjson or parquet, from the names, .gz and .zst put aside. bad_input: they disagree,
// or say nothing.
Result<std::string> format_of(const Sources& sources);

// CONNECTION.SCHEMA.TABLE, or CONNECTION.TABLE in the schema main.
struct TableName {
  std::string connection;
  std::string schema;
  std::string table;
};
Result<TableName> parse_table(std::string_view text);

}  // namespace tutti::action
