// SPDX-License-Identifier: Apache-2.0
// load: files of any connection into a table, in one transaction, once per source.
//
// "Once": the table _tutti_loads of the target's schema has a row for every load whose rows are in
// the target, written in the same transaction, keyed by the files (place, size, digest), target,
// mode, key and format. A load that finds its row changes nothing and says already_loaded, with the
// rows it loaded then; `replace` and `replace_partition` do so only while nothing was loaded after
// them. To load the same files again all the same, delete the row.
#pragma once

#include "action/api/action.h"
#include "action/sql/sql_service.h"
#include "cloud/connections.h"

namespace tutti::action {

class LoadAction final : public Action {
 public:
  LoadAction(SqlService& service, const cloud::Connections& connections);
  const Schema& schema() const override { return schema_; }
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override;
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override;

 private:
  SqlService& service_;
  const cloud::Connections& connections_;
  Schema schema_;
};

}  // namespace tutti::action
