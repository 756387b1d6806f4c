// SPDX-License-Identifier: Apache-2.0
// The ledger of a database: which tasks' statements are committed, and with what result.
//
// The table main._tutti_sql has a row for each task whose statements changed something, written in
// their transaction: whether they happened and whether the row is there are one question. An
// attempt whose reply was lost is so followed by one that finds the row and runs nothing; one that
// failed left none, so `retry` runs it. A task that has succeeded is not run again within its run;
// whoever adds a way to do so adds what tells the two apart to the key. Blocks.
//
// It holds what was committed in the last `ledger_days`: a task whose reply was lost longer ago
// than that runs again.
#pragma once

#include <functional>

#include "base/ids.h"
#include "sql/database.h"

namespace tutti::sql {

constexpr int ledger_days = 30;

struct LedgerEntry {
  int64_t attempt = 0;  // that committed
  Value result;
};

// Makes the table when it is missing and forgets what is old. Outside of a transaction; any
// thread.
std::expected<Unit, Failure> open_ledger(Connection& connection, const ErrorPlace& place);

// Within the transaction of the statements.
std::expected<std::optional<LedgerEntry>, Failure> find_in_ledger(Connection& connection,
                                                                  const AttemptId& attempt,
                                                                  const ErrorPlace& place);
std::expected<Unit, Failure> write_to_ledger(Connection& connection, const AttemptId& attempt,
                                             const Value& result, const ErrorPlace& place);

}  // namespace tutti::sql
