// SPDX-License-Identifier: Apache-2.0
// sql: runs SQL statements on a connection. DuckDB in this version.
#pragma once

#include "action/api/action.h"
#include "action/sql/sql_service.h"

namespace tutti::action {

class SqlAction final : public Action {
 public:
  explicit SqlAction(SqlService& service);
  const Schema& schema() const override { return schema_; }
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override;
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override;

 private:
  SqlService& service_;
  Schema schema_;
};

// The file that `file` means for an engine: the text itself, or the engine's entry of a map
// {duckdb: a.sql, bigquery: b.sql}. bad_input when the map lacks it.
Result<std::string> sql_file_for(const Value& file, std::string_view engine);

}  // namespace tutti::action
