// SPDX-License-Identifier: Apache-2.0
// check: fails its task unless something is true: an expression, a value against a JSON Schema, or
// a query. The failure says what was expected and what was seen.
#pragma once

#include <functional>
#include <string>

#include "action/api/action.h"

namespace tutti::action {

// Runs a query on a SQL connection; Done has `rows`, as of the action sql. Usually
// SqlService::query, bound by `app`. `info` belongs to the attempt.
using RunQuery = std::function<Task<Outcome>(rt::Context& ctx, const AttemptInfo& info,
                                             std::string connection, std::string query)>;

class CheckAction final : public Action {
 public:
  explicit CheckAction(RunQuery run_query);
  const Schema& schema() const override { return schema_; }
  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override;
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override;

 private:
  Task<Outcome> check_schema(rt::Context& ctx, Attempt& attempt, Value with);
  Task<Outcome> check_query(rt::Context& ctx, Attempt& attempt, Value with);

  RunQuery run_query_;
  Schema schema_;
};

// The two sides of an expression that is one comparison ("a.rows > 3": "a.rows", "3"), or empty:
// what a failed check shows the values of.
std::vector<std::string> sides_of_comparison(std::string_view expression);

}  // namespace tutti::action
