// SPDX-License-Identifier: Apache-2.0
// Runs the statements of one request on one connection. Blocks; see Connection::interrupt.
#pragma once

#include <functional>

#include "sql/database.h"
#include "sql/values.h"

namespace tutti::sql {

struct Query {
  std::string text;             // one or several statements
  std::string label = "query";  // what errors call it: the file
  Value params = ValueMap{};    // by name: $name
  int64_t rows_max = 1000;      // kept of the last result
};

struct Answer {
  ValueList rows;         // maps; of the last statement that had a result
  int64_t row_count = 0;  // of that result, kept or not
  int64_t affected = 0;   // rows inserted, updated, deleted, by all statements
  Value to_value() const;
};

// Several statements are one transaction, unless the text has BEGIN, COMMIT or ROLLBACK itself.
// Nothing runs when one of them does not parse. `stopped` is asked between statements.
std::expected<Answer, Failure> run_query(Connection& connection, const Query& query,
                                         const std::string& memory,
                                         const std::function<bool()>& stopped);

// One statement of ours, with positional values (?); for load.
struct Rows {
  ValueList rows;  // lists of cells
  int64_t changed = 0;
};
std::expected<Rows, Failure> run_statement(Connection& connection, const std::string& sql,
                                           const ValueList& values, const ErrorPlace& place);

}  // namespace tutti::sql
