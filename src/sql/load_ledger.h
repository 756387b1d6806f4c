// SPDX-License-Identifier: Apache-2.0
// LoadLedger: what has been loaded into the tables of a schema, kept beside them and written in the
// transaction of each load. Blocks; one load at a time.
//
// _tutti_loads has a row for each load whose rows are in a table: a repeated attempt finds it.
// _tutti_files has a row for each object whose rows are in a table, with what proves that it is
// still the same: an object is not loaded a second time by whatever set of files it comes in.
#pragma once

#include <string>
#include <vector>

#include "sql/query.h"

namespace tutti::sql {

struct LoadFile {
  std::string address;
  std::string object;  // what the address resolved to
  int64_t bytes = 0;
  std::string proof;  // digest or etag
};

class LoadLedger {
 public:
  LoadLedger(Connection& connection, const std::string& schema, std::string target,
             ErrorPlace place);

  std::expected<Unit, Failure> open();    // makes its tables where they are missing
  std::expected<Unit, Failure> forget();  // all of the target

  // The rows of the load `id`; `newest`: only when no other one came after it.
  std::expected<std::optional<int64_t>, Failure> rows_of(const std::string& id, bool newest);

  struct Seen {
    std::vector<std::string> fresh;    // addresses of those to load, in their order
    std::vector<std::string> changed;  // addresses of those loaded as something else
  };
  // Takes all of them for fresh.
  std::expected<Unit, Failure> give(const std::vector<LoadFile>& files);
  // Compares with what is in the target. `how`: only files loaded in this way count as loaded.
  std::expected<Seen, Failure> look(const std::vector<LoadFile>& files, const std::string* how);

  struct Entry {
    std::string id;
    std::string mode;
    std::string manifest;
    std::string how;
    int64_t files = 0;
    int64_t rows = 0;
    bool replaces = false;  // the rows of all other loads are gone
  };
  // After give() or look(): the fresh files are in the target now.
  std::expected<Unit, Failure> record(const Entry& entry);

 private:
  std::expected<Rows, Failure> statement(const std::string& sql, const ValueList& values = {});

  Connection& connection_;
  std::string target_;
  ErrorPlace place_;
  std::string loads_;
  std::string files_;
};

}  // namespace tutti::sql
