// SPDX-License-Identifier: Apache-2.0
// RecordingAttempt: an Attempt for the tests of actions, which keeps what it was told.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "action/api/action.h"

namespace tutti::action {

class RecordingAttempt final : public Attempt {
 public:
  explicit RecordingAttempt(AttemptInfo info = {}) : info_(std::move(info)) {}

  // What evaluate() answers; without it every expression is an error.
  std::function<Result<Value>(std::string_view expression, const ValueMap& locals)> on_evaluate;
  std::map<std::string, std::string> files;  // what project_file() gives

  std::string out;
  std::string err;
  std::string system;
  size_t log_calls = 0;
  std::vector<Progress> progresses;

  AttemptInfo& info_to_change() { return info_; }

  const AttemptInfo& info() const override { return info_; }
  Task<Unit> log(rt::Context& ctx, Stream stream, std::string bytes) override {
    CO_OK(ctx.check());
    ++log_calls;
    (stream == Stream::out ? out : stream == Stream::err ? err : system) += bytes;
    co_return Unit{};
  }
  void progress(Progress progress) override { progresses.push_back(progress); }
  Task<std::string> project_file(rt::Context&, std::string path) override {
    const auto found = files.find(path);
    if (found == files.end()) {
      co_return fail(Error{.code = Code::not_found, .what = "no such file", .where = path});
    }
    co_return found->second;
  }
  Result<Value> evaluate(std::string_view expression, const ValueMap& locals) override {
    return on_evaluate ? on_evaluate(expression, locals)
                       : fail(Code::bad_input, "nothing can be evaluated here");
  }

 private:
  AttemptInfo info_;
};

}  // namespace tutti::action
