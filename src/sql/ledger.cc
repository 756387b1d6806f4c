// SPDX-License-Identifier: Apache-2.0
#include "sql/ledger.h"

#include <fmt/format.h>

#include "sql/query.h"

namespace tutti::sql {
namespace {

ValueList key_of(const AttemptId& attempt) {
  return {to_text(attempt.run), static_cast<int64_t>(attempt.task.value)};
}

}  // namespace

std::expected<Unit, Failure> open_ledger(Connection& connection, const ErrorPlace& place) {
  // One at a time: two transactions that make the table, or forget the same row, would conflict.
  const std::lock_guard lock(connection.database().ledger_mutex());
  TRY_OK(run_statement(connection,
                       "CREATE TABLE IF NOT EXISTS main._tutti_sql (run VARCHAR, task BIGINT, "
                       "attempt BIGINT NOT NULL, result VARCHAR NOT NULL, committed_at TIMESTAMPTZ "
                       "NOT NULL DEFAULT now(), PRIMARY KEY (run, task))",
                       {}, place));
  TRY_OK(run_statement(connection,
                       "DELETE FROM main._tutti_sql WHERE epoch(committed_at) < epoch(now()) - ?",
                       {ledger_days * 86'400}, place));
  return Unit{};
}

std::expected<std::optional<LedgerEntry>, Failure> find_in_ledger(Connection& connection,
                                                                  const AttemptId& attempt,
                                                                  const ErrorPlace& place) {
  TRY(Rows found,
      run_statement(connection,
                    "SELECT attempt, result FROM main._tutti_sql WHERE run = ? AND task = ?",
                    key_of(attempt), place));
  if (found.rows.empty()) {
    return std::nullopt;
  }
  const ValueList& row = found.rows[0].as_list();
  Result<Value> result = parse_json(row[1].as_string());
  if (!result.has_value()) {
    return std::unexpected(
        Failure{.error = with_context(result.error(), "the result in main._tutti_sql"),
                .reason = action::FailReason::data,
                .retryable = false});
  }
  return LedgerEntry{.attempt = row[0].as_int(), .result = std::move(*result)};
}

std::expected<Unit, Failure> write_to_ledger(Connection& connection, const AttemptId& attempt,
                                             const Value& result, const ErrorPlace& place) {
  ValueList values = key_of(attempt);
  values.emplace_back(static_cast<int64_t>(attempt.attempt));
  values.emplace_back(to_json(result));
  TRY_OK(run_statement(
      connection, "INSERT INTO main._tutti_sql (run, task, attempt, result) VALUES (?, ?, ?, ?)",
      values, place));
  return Unit{};
}

}  // namespace tutti::sql
