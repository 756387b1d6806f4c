// SPDX-License-Identifier: Apache-2.0
// LocalAttempt: what an action sees of its attempt in this process. Everything it logs leaves
// masked.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "action/api/action.h"
#include "core/expr/expr.h"
#include "worker/api/worker.h"
#include "worker/masks.h"

namespace tutti::worker {

class LocalAttempt final : public action::Attempt {
 public:
  LocalAttempt(Coordinator& coordinator, LogSink& logs, std::shared_ptr<const RunContext> run,
               action::AttemptInfo info, const expr::Context& context, const Masks& masks);

  const action::AttemptInfo& info() const override { return info_; }
  Task<Unit> log(rt::Context& ctx, action::Stream stream, std::string bytes) override;
  void progress(action::Progress progress) override;
  Task<std::string> project_file(rt::Context& ctx, std::string path) override;
  Result<Value> evaluate(std::string_view expression, const ValueMap& locals) override;

  // Writes what the masker still held back, then how the attempt ended when it did not succeed.
  Task<Unit> close_log(rt::Context& ctx, std::optional<Error> error);
  void set_scratch(std::filesystem::path folder) { info_.scratch = std::move(folder); }

 private:
  Task<Unit> append(rt::Context& ctx, action::Stream stream, std::string bytes);

  Coordinator& coordinator_;
  LogSink& logs_;
  std::shared_ptr<const RunContext> run_;
  action::AttemptInfo info_;
  const expr::Context& context_;
  const Masks& masks_;
  std::shared_ptr<const Masker> masker_;  // the one the streams use
  std::array<MaskStream, 3> streams_;     // out, err, system
  std::array<bool, 3> used_{};
};

}  // namespace tutti::worker
