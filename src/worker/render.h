// SPDX-License-Identifier: Apache-2.0
// From the templates of an assignment to what an action is given. Pure but for the secrets, which
// are asked for by name, just before the start.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "action/api/schema.h"
#include "base/value.h"
#include "core/expr/expr.h"
#include "worker/api/worker.h"

namespace tutti::worker {

struct RenderedTask {
  Value with;
  std::vector<std::pair<std::string, std::string>> env;
  Value runtime;
  Value files;
  std::vector<std::string> secrets;  // names of those that were read
  bool unknown = false;              // some part stands for what is not known before the run
};

// What the templates of an assignment can name: the run's roots and the outputs of upstream tasks.
expr::Context context_of(const Assignment& assignment, expr::Context::Secrets secrets);

// The `files` of an assignment, which are rendered first: the rest may name them.
Result<Value> render_files(const Assignment& assignment, const expr::Context& context);

// Errors: bad_input, `where` names the key ("with.to[2]"); what `secrets` returned. A secret where
// the action's schema does not allow one is refused.
Result<RenderedTask> render_task(const Assignment& assignment, const action::Schema& schema,
                                 const expr::Context& context);

}  // namespace tutti::worker
