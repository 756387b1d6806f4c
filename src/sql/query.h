// SPDX-License-Identifier: Apache-2.0
// Runs the statements of one request on one connection. Blocks; see Connection::interrupt.
#pragma once

#include <functional>

#include "base/ids.h"
#include "sql/database.h"
#include "sql/values.h"

namespace tutti::sql {

struct Query {
  std::string text;             // one or several statements
  std::string label = "query";  // what errors call it: the file
  Value params = ValueMap{};    // by name: $name
  int64_t rows_max = 1000;      // kept of the last result
  // Whose statements these are: what they change happens once for its task (ledger.h).
  std::optional<AttemptId> attempt = std::nullopt;
};

struct Answer {
  ValueList rows;         // maps; of the last statement that had a result
  int64_t row_count = 0;  // of that result, kept or not
  int64_t affected = 0;   // rows inserted, updated, deleted, by all statements
  // The attempt that committed them: nothing was run, the rest is what it had.
  std::optional<int64_t> committed_by = std::nullopt;
  Value to_value() const;
};

// The statements are one transaction. A BEGIN before and a COMMIT behind all of them say the same;
// others are refused, since what they commit could happen twice. Nothing runs when one statement
// does not parse. `stopped` is asked between statements.
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
