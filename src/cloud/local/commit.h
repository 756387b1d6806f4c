// SPDX-License-Identifier: Apache-2.0
// Committer: staged files become visible and durable, in groups under Durability::batch. The
// objects that are ready while a group is being synced make the next group; whoever comes first
// syncs for all. One loop; the system calls run on the files' executor.
#pragma once

#include <deque>
#include <memory>

#include "cloud/local/staging.h"
#include "rt/scope.h"
#include "rt/wait.h"

namespace tutti::cloud::local {

struct CommitJob {
  std::shared_ptr<StagedFile> file;
  KeyPath path;
  PutOptions options;
  std::vector<Digest> digests;
  int64_t modified_ns = 0;
};

class Committer {
 public:
  Committer(Names names, Durability durability, bool keeps_notes, rt::Executor files)
      : names_(names), durability_(durability), keeps_notes_(keeps_notes), files_(files) {}

  // Not cancellable: ends when the outcome is known. unknown_outcome: visible, but perhaps not
  // durable.
  Task<struct stat> commit(CommitJob job);

 private:
  struct Ticket;
  using Tickets = std::deque<std::shared_ptr<Ticket>>;
  rt::asio::awaitable<void> lead();
  void seal(Ticket& ticket) const;
  void run(Tickets& group) const;

  Names names_;
  Durability durability_;
  bool keeps_notes_;
  rt::Executor files_;
  Tickets waiting_;
  bool leading_ = false;
};

}  // namespace tutti::cloud::local
