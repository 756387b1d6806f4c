// SPDX-License-Identifier: Apache-2.0
// Between DuckDB's values and ours (docs/action-protocol.md, "SQL values").
//
// Integers, booleans, texts, lists, structs and maps keep their kind. What JSON numbers cannot hold
// exactly is text: decimals, integers beyond 64 bits, dates (2026-02-28), times, timestamps
// (2026-02-28T10:00:00, with +00:00 when they have a zone), uuids, intervals; blobs are base64; the
// doubles that are no numbers are "NaN", "Infinity", "-Infinity".
#pragma once

#include <string>

#include <duckdb.h>
#include "base/value.h"

namespace tutti::sql {

// unsupported: a type without a form here; the remedy is a cast.
Result<Value> cell(duckdb_logical_type type, duckdb_vector vector, idx_t row);
std::string type_name(duckdb_logical_type type);  // "DECIMAL(10,2)"

// For a bound parameter; the caller destroys it. Maps become JSON texts; lists stay lists when
// their items are of one kind.
duckdb_value parameter_of(const Value& value);

}  // namespace tutti::sql
