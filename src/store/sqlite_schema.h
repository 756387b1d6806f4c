// SPDX-License-Identifier: Apache-2.0
// The tables of state.db and their format number.
#pragma once

#include "store/sqlite_db.h"

namespace tutti::store {

constexpr int64_t schema_format = 1;  // kept in `PRAGMA user_version`

// Settings of a connection, then the tables where there are none; refuses what a newer Tutti wrote
// and an SQLite that can lose its log.
Result<Unit> prepare_database(Connection& connection);
Result<Unit> prepare_connection(Connection& connection);  // settings alone: for the others

// Before the last connection closes: moves all of the log into the database and leaves a log of
// zeros, so that the next store has nothing to recover and its commits overwrite a file that is
// there. Nothing is lost when it does nothing (somebody else has the database open, a full disk).
void leave_empty_log(Connection& connection, const std::filesystem::path& database);

}  // namespace tutti::store
