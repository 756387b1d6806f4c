// SPDX-License-Identifier: Apache-2.0
// Database: the one DuckDB database of this program, closed to everything but its own file and the
// connections' addresses. Calls block; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include <duckdb.h>
#include "sql/error.h"
#include "sql/file_system.h"

namespace tutti::sql {

struct DatabaseOptions {
  std::filesystem::path path;  // empty: in memory
  std::filesystem::path temp;  // a folder for what does not fit into memory; emptied at start
  uint64_t memory_bytes = 0;   // 0: half of the machine's
  uint32_t threads = 2;
  uint64_t temp_bytes_max = 0;  // 0: what the disk has
};

class Database {
 public:
  // conflict: another program has the file open. corrupt: it is no database of this version.
  static Result<std::unique_ptr<Database>> open(DatabaseOptions options, Objects& objects,
                                                StatementTable& statements,
                                                std::set<std::string> connections);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  duckdb_database handle() const { return database_; }
  StatementTable& statements() { return statements_; }
  uint64_t memory_bytes() const { return options_.memory_bytes; }
  std::mutex& ledger_mutex() { return ledger_mutex_; }  // for open_ledger

 private:
  Database(DatabaseOptions options, StatementTable& statements);
  Result<Unit> start(Objects& objects, std::set<std::string> connections);

  DatabaseOptions options_;
  StatementTable& statements_;
  std::mutex ledger_mutex_;
  duckdb_database database_ = nullptr;
};

// One connection, for one run. interrupt() may come from any thread at any time.
class Connection {
 public:
  Connection(Database& database, std::shared_ptr<StatementIo> io);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  duckdb_connection handle() const { return connection_; }
  StatementIo& io() { return *io_; }
  Database& database() { return database_; }
  void interrupt() { duckdb_interrupt(connection_); }

  // A statement of ours without a result.
  Result<Unit> execute(const std::string& sql);

 private:
  Database& database_;
  std::shared_ptr<StatementIo> io_;
  duckdb_connection connection_ = nullptr;
};

std::string quoted_name(std::string_view name);  // "na""me"
std::string quoted_text(std::string_view text);  // 'te''xt'

}  // namespace tutti::sql
