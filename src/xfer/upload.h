// SPDX-License-Identifier: Apache-2.0
// An upload that goes on where a killed process left it: the store's upload, and its journal.
// Inside of xfer.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/object_store.h"
#include "rt/scope.h"
#include "xfer/journal.h"

namespace tutti::xfer {

// To one destination. Used by one coroutine at a time, but for part().
class JournalledUpload {
 public:
  // `store` outlives it.
  JournalledUpload(cloud::ObjectStore& store, cloud::Key key, rt::Executor cpu)
      : store_(store), key_(std::move(key)), cpu_(std::move(cpu)) {}

  // Reads what an earlier process, or an earlier try, left of the object at this address. Where the
  // folder cannot be used, or another process has the object, there is no journal: that is no
  // reason to fail.
  Task<Unit> open_journal(std::filesystem::path folder, std::string address);
  const std::optional<Underway>& found() const;

  // Goes on with what was found, where it is of the same bytes cut the same way as `underway`,
  // whose `parts` do not count; else ends that and begins anew. Returns the parts that are there
  // already: of the sizes they have in an object of options.size, where that is known.
  Task<std::vector<cloud::SentPart>> begin(rt::Context& ctx, Underway underway,
                                           cloud::UploadOptions options);
  // Sent, and written down. Several may run at once.
  Task<cloud::SentPart> part(rt::Context& ctx, uint32_t number, cloud::Body bytes);
  Task<cloud::ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests);
  // After a failure, before begin() too: left to another try where that may finish it, else taken
  // back. It may begin once more afterwards.
  Task<Unit> give_up(rt::Context& ctx, Code code);
  // In place of begin(): the object goes another way, and what was found is of no use any more.
  Task<Unit> forget(rt::Context& ctx);

 private:
  Task<std::unique_ptr<cloud::Upload>> reopen(rt::Context& ctx, cloud::UploadOptions options);
  Task<Unit> end_found(rt::Context& ctx);
  Task<std::optional<std::vector<cloud::SentPart>>> go_on(rt::Context& ctx,
                                                          cloud::UploadOptions options);
  Task<Unit> begin_anew(rt::Context& ctx, Underway underway, cloud::UploadOptions options);
  void remove_journal();

  cloud::ObjectStore& store_;
  cloud::Key key_;
  rt::Executor cpu_;
  std::unique_ptr<cloud::Upload> upload_ = nullptr;
  std::shared_ptr<JournalFile> journal_ = nullptr;  // or none
};

}  // namespace tutti::xfer
