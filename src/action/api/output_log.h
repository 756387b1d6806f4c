// SPDX-License-Identifier: Apache-2.0
// What a program prints, on its way to the log of an attempt.
#pragma once

#include <string>
#include <string_view>

#include "action/api/action.h"
#include "rt/process.h"

namespace tutti::action {

// The end of what a program printed, 8 KiB at most: what its failure says first.
class LastWords {
 public:
  void add(std::string_view bytes);
  std::string_view text() const { return text_; }
  // The last line that is not blank, cut after 400 bytes; empty when there is none.
  std::string line() const;

 private:
  std::string text_;
};

// Writes to the log, and remembers what was said on stderr.
class OutputLog final : public rt::OutputSink {
 public:
  explicit OutputLog(Attempt& attempt) : attempt_(attempt) {}
  Task<Unit> write(rt::Context& ctx, rt::OutputKind kind, std::string bytes) override;
  std::string last_line() const { return errors_.line(); }

 private:
  Attempt& attempt_;
  LastWords errors_;
};

}  // namespace tutti::action
