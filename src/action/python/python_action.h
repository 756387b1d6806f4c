// SPDX-License-Identifier: Apache-2.0
// python: calls a function of a project file, typed JSON in and out, in a process of its own that
// speaks tutti.action/1.
//
// The module of `call` is the one of the run's version; what it imports comes from the project's
// folder. The function may take `files` ({in: {NAME: PATH}, out: {...}}) when the task has any.
#pragma once

#include "action/api/action.h"
#include "action/files/file_staging.h"
#include "action/python/environment.h"

namespace tutti::action {

class PythonAction final : public Action {
 public:
  PythonAction(rt::Processes& processes, FileStaging& staging, PythonEnvironments& environments);
  const Schema& schema() const override { return schema_; }
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override;
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override;

 private:
  Task<Outcome> call(rt::Context& ctx, Attempt& attempt, Value with, StagedFiles staged);

  rt::Processes& processes_;
  FileStaging& staging_;
  PythonEnvironments& environments_;
  Schema schema_;
};

}  // namespace tutti::action
