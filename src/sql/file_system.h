// SPDX-License-Identifier: Apache-2.0
// DuckDB's file system whose only files are the connections' addresses. Its source is the only one
// that includes duckdb.hpp; everything else uses the C interface.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <duckdb.h>
#include "sql/objects.h"

namespace tutti::sql {

// Which statement a connection of DuckDB is running, so that its reads and writes end when it is
// cancelled. Thread-safe; outlives the database.
class StatementTable {
 public:
  explicit StatementTable(rt::Context fallback)
      : fallback_(std::make_shared<StatementIo>(std::move(fallback), "")) {}
  void begin(const void* client, std::shared_ptr<StatementIo> io);
  void end(const void* client);
  std::shared_ptr<StatementIo> of(const void* client) const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<StatementIo> fallback_;
  std::map<const void*, std::shared_ptr<StatementIo>> running_;
};

// `connections`: the names whose NAME://... it takes for itself. The references outlive the
// database. Before access to other files is turned off.
Result<Unit> register_file_system(duckdb_database database, Objects& objects,
                                  StatementTable& statements, std::set<std::string> connections);

// What StatementTable knows a connection by.
const void* client_of(duckdb_connection connection);

// "v1.5.6", as the headers say it: it must equal duckdb_library_version().
std::string header_version();

}  // namespace tutti::sql
