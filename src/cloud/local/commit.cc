// SPDX-License-Identifier: Apache-2.0
#include "cloud/local/commit.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <map>

namespace tutti::cloud::local {
namespace {

constexpr size_t group_max = 256;

timespec timespec_of(int64_t ns) {
  return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

}  // namespace

struct Committer::Ticket {
  CommitJob job;
  Result<Committed> result = fail(Code::internal, "the commit was not carried out");
  Placed placed = {};
  bool lead = false;  // whoever led before hands over
  std::shared_ptr<rt::Waiter> waiter = rt::Waiter::make();
};

Task<Committed> Committer::commit(CommitJob job) {
  auto ticket = std::make_shared<Ticket>();
  ticket->job = std::move(job);
  if (durability_ == Durability::object) {
    co_return co_await rt::offload(files_, [this, ticket] {
      Tickets alone{ticket};
      run(alone);
      return ticket->result;
    });
  }
  waiting_.push_back(ticket);
  if (leading_) {
    co_await ticket->waiter->wait_uncancelled();
    if (!ticket->lead) {
      co_return ticket->result;
    }
  }
  leading_ = true;
  co_await lead();
  co_return ticket->result;
}

rt::asio::awaitable<void> Committer::lead() {
  auto group = std::make_shared<Tickets>();
  while (!waiting_.empty() && group->size() < group_max) {
    group->push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  co_await rt::offload(files_, [this, group] {
    run(*group);
    return Unit{};
  });
  for (const auto& each : *group) {
    each->waiter->complete();
  }
  leading_ = !waiting_.empty();
  if (leading_) {
    waiting_.front()->lead = true;
    waiting_.front()->waiter->complete();
  }
}

// Time and notes; the bytes start on their way to the disk.
void Committer::seal(Ticket& ticket) const {
  if (ticket.job.make) {
    auto made = std::exchange(ticket.job.make, {})(ticket.job.digests);
    if (!made.has_value()) {
      ticket.result = fail(std::move(made).error());
      return;
    }
    ticket.job.file = std::move(*made);
  }
  const int fd = ticket.job.file->file();
  const timespec time = timespec_of(ticket.job.modified_ns);
  const timespec times[2] = {time, time};
  struct stat info{};
  if (futimens(fd, times) != 0 || fstat(fd, &info) != 0) {
    ticket.result = fail(file_error(errno, "finishing the file", {}));
    return;
  }
  ticket.result = Committed{.info = info, .digests = ticket.job.digests};
  if (keeps_notes_) {
    const PutOptions& options = ticket.job.options;
    const Notes notes{.digests = ticket.job.digests,
                      .content_type = options.content_type,
                      .headers = options.headers,
                      .metadata = options.metadata};
    const int error_number = write_notes(fd, notes, info);
    const bool said = !options.metadata.empty() || options.headers != ContentHeaders{};
    if (error_number != 0 && said) {
      ticket.result = fail(file_error(error_number, "keeping the object's metadata", {}));
      return;
    }
  }
  if (durability_ != Durability::none) {
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  }
}

// Each folder once; those that failed, with errno.
Committer::Failed Committer::sync_folders(const Tickets& group) {
  std::map<std::string, int> synced;  // to 0 or errno
  for (const auto& each : group) {
    for (const std::string& folder : each->placed.changed_folders) {
      if (synced.contains(folder)) {
        continue;
      }
      const Fd fd = open_beneath(each->job.file->root(), folder, O_RDONLY | O_DIRECTORY);
      const bool failed = (fd && fsync(fd.get()) != 0) || (!fd && errno != ENOENT);
      synced[folder] = failed ? errno : 0;
    }
  }
  std::erase_if(synced, [](const auto& each) { return each.second == 0; });
  return synced;
}

void Committer::run(Tickets& group) const {
  for (const auto& each : group) {
    seal(*each);
  }
  for (const auto& each : group) {
    if (!each->result.has_value()) {
      continue;
    }
    if (durability_ != Durability::none && fsync(each->job.file->file()) != 0) {
      each->result = fail(file_error(errno, "syncing the file", {}));
      continue;
    }
    auto placed = place(*each->job.file, each->job.path, names_, each->job.options);
    if (placed.has_value()) {
      each->placed = std::move(*placed);
    } else {
      each->result = fail(std::move(placed).error());
    }
  }
  const auto failed = durability_ == Durability::none ? Failed{} : sync_folders(group);
  for (const auto& each : group) {
    for (const std::string& folder : each->placed.changed_folders) {
      if (const auto at = failed.find(folder); at != failed.end() && each->result.has_value()) {
        Error error = file_error(at->second, "syncing its folder", {});
        error.code = Code::unknown_outcome;
        each->result = fail(std::move(error));
      }
    }
    each->job.file.reset();
  }
}

}  // namespace tutti::cloud::local
