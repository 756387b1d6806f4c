// SPDX-License-Identifier: Apache-2.0
// Committer: staged files become visible and durable, in groups unless under Durability::object.
// The objects that are ready while a group is on its way make the next group; whoever comes first
// does it for all: one sync, and one trip to another thread, for many. One loop; the system calls
// run on the files' executor.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "cloud/local/staging.h"
#include "rt/scope.h"
#include "rt/wait.h"

namespace tutti::cloud::local {

struct CommitJob {
  std::shared_ptr<StagedFile> file;
  // Instead of `file`: makes and fills it, with the digests. For what is small.
  std::function<Result<std::shared_ptr<StagedFile>>(std::vector<Digest>&)> make = {};
  KeyPath path;
  PutOptions options;
  std::vector<Digest> digests;
  int64_t modified_ns = 0;
};

struct Committed {
  struct stat info{};
  std::vector<Digest> digests = {};
};

class Committer {
 public:
  Committer(Names names, Durability durability, bool keeps_notes, rt::Executor files)
      : names_(names), durability_(durability), keeps_notes_(keeps_notes), files_(files) {}

  // Not cancellable: ends when the outcome is known. unknown_outcome: visible, but perhaps not
  // durable.
  Task<Committed> commit(CommitJob job);

 private:
  struct Ticket;
  using Tickets = std::deque<std::shared_ptr<Ticket>>;
  rt::asio::awaitable<void> lead();
  void seal(Ticket& ticket) const;
  void run(Tickets& group) const;
  using Failed = std::map<std::string, int>;  // folder to errno
  static Failed sync_folders(const Tickets& group);

  Names names_;
  Durability durability_;
  bool keeps_notes_;
  rt::Executor files_;
  Tickets waiting_;
  bool leading_ = false;
};

}  // namespace tutti::cloud::local
