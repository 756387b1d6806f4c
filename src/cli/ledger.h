// SPDX-License-Identifier: Apache-2.0
// What became of each object of a transfer: a line of the manifest as soon as it is known, and the
// first failures for the summary. Memory does not grow with the objects.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rt/descriptor.h"
#include "xfer/manifest.h"

namespace tutti::cli {

class Ledger {
 public:
  // A manifest, and what is beside it until close().
  static std::array<std::filesystem::path, 2> files_of(const std::filesystem::path& manifest);
  // `manifest`: a path; empty: none is written. It is there, under its name, after close().
  static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& manifest);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  void take(const xfer::Entry& entry);
  // Also after a failed transfer: what was done is in it. Errors: those of writing, also earlier.
  Result<Unit> close();

  const std::vector<xfer::Entry>& failures() const { return failures_; }  // the first few

 private:
  Ledger() = default;
  void flush();

  std::filesystem::path path_;
  std::filesystem::path beside_;  // while it is written
  rt::Descriptor file_;
  std::string waiting_;
  Result<Unit> result_;
  std::vector<xfer::Entry> failures_;
};

}  // namespace tutti::cli
