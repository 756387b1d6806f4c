// SPDX-License-Identifier: Apache-2.0
// SqlService: runs requests in tutti-sql programs, one for each DuckDB file, started when first
// asked for, shared by all attempts, ended when idle. Only one program may hold a DuckDB file, so
// whoever needs the database goes through here: the actions sql, load and check.
//
// Made once by `app`; lives on one loop, the one of its Processes. A program that is killed loses
// nothing that was committed; what it was doing fails with reason infrastructure.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "action/api/action.h"
#include "cloud/connections.h"
#include "rt/process.h"
#include "rt/wait.h"

namespace tutti::action {

struct SqlServiceOptions {
  std::filesystem::path program;       // tutti-sql
  cloud::ConnectionTable connections;  // of every profile
  Duration idle = seconds(60);         // then an unused program ends
  // The value of a secret of the project, for connections that name one.
  std::function<Result<std::string>(std::string_view name)> secret = {};
};

// Where a request goes.
struct SqlTarget {
  std::filesystem::path project;
  std::string profile;
  std::string connection;
};

// What a SQL connection is; for plan() and messages.
struct SqlConnection {
  std::string engine;              // "duckdb"
  std::filesystem::path database;  // absolute
  std::string shown;               // "DuckDB, clouds/warehouse.duckdb"
  int64_t memory_bytes = 0;        // 0: half of the machine's
  int64_t threads = 2;
};

struct SqlQuery {
  std::string text;
  std::string label = "query";  // what errors call it: the file
  Value params = ValueMap{};
  int64_t rows_max = 1000;
  // Whose statements these are: what they change happens once for its task, however often it is
  // attempted. None: they may be repeated.
  std::optional<AttemptId> attempt = std::nullopt;
};

struct SqlFile {
  std::string address;
  std::string object;  // what the address resolved to
  uint64_t bytes = 0;
  std::string proof;  // digest or etag: it is still the same
};

struct SqlLoad {
  std::vector<SqlFile> files;
  std::string schema = "main";
  std::string table;
  std::string format;  // csv, json, ndjson, parquet
  std::string mode;    // append, replace, replace_partition, merge
  std::vector<std::string> key = {};
  std::string manifest;  // digest of what the files are
};

class SqlService {
 public:
  SqlService(rt::Processes& processes, SqlServiceOptions options);
  ~SqlService();  // serve() must have ended
  SqlService(const SqlService&) = delete;
  SqlService& operator=(const SqlService&) = delete;

  // Carries the programs; spawned by `app` beside the worker. Ends with its context, when all
  // programs have ended. Requests wait for it.
  Task<Unit> serve(rt::Context& ctx);

  // Done{rows, row_count, affected}; with `committed_by`, the number of an earlier attempt, when
  // its statements had been committed and nothing was run: the rest is its result. The context's
  // error when it was cancelled: then the statement has been interrupted and its transaction rolled
  // back.
  Task<Outcome> query(rt::Context& ctx, SqlTarget target, SqlQuery query);
  // Done{rows, skipped, already_loaded}.
  Task<Outcome> load(rt::Context& ctx, SqlTarget target, SqlLoad load);

  // not_found: no such connection; bad_input: it has no SQL; unsupported: an engine of a later
  // version.
  Result<SqlConnection> describe(const SqlTarget& target) const;

  size_t programs() const;        // running now
  std::vector<int> pids() const;  // for tests

 private:
  struct Host;
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tutti::action
