// SPDX-License-Identifier: Apache-2.0
// Definition: a workflow version made ready to run: its plan, its parsed conditions, and whose
// outputs each task reads. Immutable, shared by all runs of the version.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "core/expr/expr.h"
#include "core/run/plan.h"
#include "core/spec/spec.h"

namespace tutti::engine {

struct Definition {
  Digest frozen;  // of the bytes it was made from
  Digest version;
  spec::Workflow workflow;
  std::shared_ptr<const run::RunPlan> plan;
  std::vector<std::optional<expr::Template>> when;  // by task
  std::vector<std::vector<TaskNo>> reads;           // by task: whose outputs its templates name
  std::vector<bool> is_read;                        // by task: some other task reads its output
};

// From what spec::freeze wrote. bad_input: not that, or a condition that does not parse.
Result<std::shared_ptr<const Definition>> define(std::string_view frozen);

// The definitions in memory, by the bytes they were made from. Runs own them; what no run uses is
// forgotten, all at once when as many again have come, so that adding one stays cheap.
class Definitions {
 public:
  // Null: none in memory.
  std::shared_ptr<const Definition> find(const Digest& frozen) const;
  void add(const std::shared_ptr<const Definition>& definition);
  size_t size() const { return known_.size(); }  // with those not yet forgotten

 private:
  std::map<Digest, std::weak_ptr<const Definition>> known_;
  size_t forget_at_ = 16;
};

}  // namespace tutti::engine
