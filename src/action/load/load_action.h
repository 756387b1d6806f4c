// SPDX-License-Identifier: Apache-2.0
// load: files of any connection into a table, in one transaction, each file once.
//
// "Once": the table _tutti_files of the target's schema has a row for every file whose rows are in
// the target (place, size, digest or etag), written in the same transaction. `append` and `merge`
// leave such files out; when all are there, nothing is changed and already_loaded is true. A file
// of the same name that changed since is an error of `append`. `replace` and `replace_partition` of
// just the files they loaded last (table _tutti_loads) change nothing while nothing was loaded
// after them. To load a file again all the same, delete its row.
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
