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

}  // namespace tutti::store
