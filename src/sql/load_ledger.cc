// SPDX-License-Identifier: Apache-2.0
#include "sql/load_ledger.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti::sql {
namespace {

constexpr size_t given_batch = 500;

std::string values_of(const LoadFile& file) {
  return fmt::format("({}, {}, {}, {})", quoted_text(file.object), quoted_text(file.address),
                     file.bytes, quoted_text(file.proof));
}

std::vector<std::string> first_cells(const Rows& rows) {
  std::vector<std::string> cells;
  for (const Value& row : rows.rows) {
    cells.push_back(row.as_list()[0].as_string());
  }
  return cells;
}

}  // namespace

LoadLedger::LoadLedger(Connection& connection, const std::string& schema, std::string target,
                       ErrorPlace place)
    : connection_(connection),
      target_(std::move(target)),
      place_(std::move(place)),
      loads_(quoted_name(schema) + "._tutti_loads"),
      files_(quoted_name(schema) + "._tutti_files") {}

std::expected<Rows, Failure> LoadLedger::statement(const std::string& sql,
                                                   const ValueList& values) {
  return run_statement(connection_, sql, values, place_);
}

std::expected<Unit, Failure> LoadLedger::open() {
  TRY_OK(statement(fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (id VARCHAR PRIMARY KEY, seq BIGINT NOT NULL, target "
      "VARCHAR NOT NULL, mode VARCHAR NOT NULL, manifest VARCHAR NOT NULL, files BIGINT NOT "
      "NULL, row_count BIGINT NOT NULL, loaded_at TIMESTAMPTZ NOT NULL DEFAULT now())",
      loads_)));
  TRY_OK(statement(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (target VARCHAR NOT NULL, object VARCHAR NOT "
                  "NULL, address VARCHAR NOT NULL, bytes BIGINT NOT NULL, proof VARCHAR NOT NULL, "
                  "how VARCHAR NOT NULL, load_id VARCHAR NOT NULL, loaded_at TIMESTAMPTZ NOT NULL "
                  "DEFAULT now())",
                  files_)));
  return Unit{};
}

std::expected<Unit, Failure> LoadLedger::forget() {
  TRY_OK(statement(fmt::format("DELETE FROM {} WHERE target = ?", loads_), {target_}));
  TRY_OK(statement(fmt::format("DELETE FROM {} WHERE target = ?", files_), {target_}));
  return Unit{};
}

std::expected<std::optional<int64_t>, Failure> LoadLedger::rows_of(const std::string& id,
                                                                   bool newest) {
  std::string sql = fmt::format("SELECT row_count FROM {} WHERE id = ?", loads_);
  ValueList values{id};
  if (newest) {
    sql += fmt::format(" AND seq = (SELECT max(seq) FROM {} WHERE target = ?)", loads_);
    values.emplace_back(target_);
  }
  TRY(const Rows rows, statement(sql, values));
  if (rows.rows.empty()) {
    return std::nullopt;
  }
  return rows.rows[0].as_list()[0].as_int();
}

// The files as a table, to be joined with.
std::expected<Unit, Failure> LoadLedger::give(const std::vector<LoadFile>& files) {
  TRY_OK(
      statement("CREATE TEMP TABLE _tutti_given (object VARCHAR, address VARCHAR, bytes BIGINT, "
                "proof VARCHAR)"));
  for (size_t at = 0; at < files.size(); at += given_batch) {
    std::string rows;
    for (size_t i = at; i < std::min(at + given_batch, files.size()); ++i) {
      rows += (rows.empty() ? "" : ", ") + values_of(files[i]);
    }
    TRY_OK(statement("INSERT INTO _tutti_given VALUES " + rows));
  }
  return Unit{};
}

std::expected<LoadLedger::Seen, Failure> LoadLedger::look(const std::vector<LoadFile>& files,
                                                          const std::string* how) {
  TRY_OK(give(files));
  Seen seen;
  TRY(const Rows changed,
      statement(fmt::format("SELECT g.address FROM _tutti_given g JOIN {} f ON f.object = g.object "
                            "WHERE f.target = ? AND (f.bytes <> g.bytes OR f.proof <> g.proof) "
                            "ORDER BY g.address",
                            files_),
                {target_}));
  seen.changed = first_cells(changed);
  TRY_OK(statement(
      fmt::format("DELETE FROM _tutti_given g WHERE EXISTS (SELECT 1 FROM {} f WHERE f.target = ? "
                  "AND f.object = g.object AND f.bytes = g.bytes AND f.proof = g.proof{})",
                  files_, how == nullptr ? "" : " AND f.how = ?"),
      how == nullptr ? ValueList{target_} : ValueList{target_, *how}));
  TRY(const Rows fresh, statement("SELECT address FROM _tutti_given ORDER BY address"));
  seen.fresh = first_cells(fresh);
  return seen;
}

std::expected<Unit, Failure> LoadLedger::record(const Entry& entry) {
  if (entry.replaces) {
    TRY_OK(statement(fmt::format("DELETE FROM {} WHERE target = ? AND id <> ?", loads_),
                     {target_, entry.id}));
  }
  TRY_OK(statement(
      fmt::format("INSERT OR REPLACE INTO {0} (id, seq, target, mode, manifest, files, "
                  "row_count, loaded_at) SELECT ?, coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, "
                  "now() FROM {0}",
                  loads_),
      {entry.id, target_, entry.mode, entry.manifest, entry.files, entry.rows}));
  TRY_OK(statement(
      fmt::format("DELETE FROM {} WHERE target = ?{}", files_,
                  entry.replaces ? "" : " AND object IN (SELECT object FROM _tutti_given)"),
      {target_}));
  TRY_OK(statement(fmt::format("INSERT INTO {} SELECT ?, object, address, bytes, proof, ?, ?, "
                               "now() FROM _tutti_given",
                               files_),
                   {target_, entry.how, entry.id}));
  TRY_OK(statement("DROP TABLE _tutti_given"));
  return Unit{};
}

}  // namespace tutti::sql
