// SPDX-License-Identifier: Apache-2.0
// The journal of large objects under way: what was sent of each, so that the same transfer goes on
// after its process was killed and sends no more than the parts that were moving then.
//
// One small file for each destination: a line for the upload, a line for each part, removed when
// the object is complete. A line written half counts as not written. Who does not get a file's lock
// works without it. Nothing is synced: after a power cut lines may be missing, and their parts are
// sent again.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cloud/object_store.h"
#include "rt/descriptor.h"

namespace tutti::xfer {

// What stages drew for an object: with it the same bytes come out of them again. No secret.
struct Nonces {
  Instant at = {};
  std::vector<uint64_t> numbers = {};
  bool operator==(const Nonces&) const = default;
};

// An object as a process left it.
struct Underway {
  std::string source;  // which bytes: address, version and size, and what is done to them
  std::string upload;  // cloud::Upload::id
  uint64_t part_bytes = 0;
  std::optional<Nonces> nonces = std::nullopt;  // where there are stages
  std::vector<cloud::SentPart> parts = {};
  bool operator==(const Underway&) const = default;
};

// Blocking, but each call is one write. add() may be called from several threads.
class JournalFile {
 public:
  // Of the object at this address. nullptr: another process has it. Errors: those of the folder.
  static Result<std::unique_ptr<JournalFile>> open(const std::filesystem::path& folder,
                                                   const std::string& destination);

  const std::optional<Underway>& found() const { return found_; }
  // Everything before is forgotten.
  Result<Unit> begin(const Underway& underway);
  Result<Unit> add(const cloud::SentPart& part) const;
  // The object is complete, or given up.
  void remove();

 private:
  JournalFile(rt::Descriptor file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}

  rt::Descriptor file_;
  std::filesystem::path path_;
  std::optional<Underway> found_;
};

// nullopt: what cannot go on.
std::optional<Underway> parse_underway(std::string_view text);

// Removes the files nobody added to for a week: stores have dropped their parts by then.
void sweep_journal(const std::filesystem::path& folder, Instant now);

}  // namespace tutti::xfer
