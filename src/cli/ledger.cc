// SPDX-License-Identifier: Apache-2.0
#include "cli/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "rt/file.h"

namespace tutti::cli {
namespace {

constexpr size_t failures_kept = 20;
constexpr size_t waiting_bytes = 256U << 10U;

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& manifest) {
  std::unique_ptr<Ledger> ledger(new Ledger());
  if (manifest.empty()) {
    return ledger;
  }
  ledger->path_ = manifest;
  ledger->beside_ = manifest;
  ledger->beside_ += ".part";
  ledger->file_ = rt::Descriptor(
      ::open(ledger->beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!ledger->file_.is_open()) {
    return fail(rt::error_of_errno(errno, "writing the manifest", ledger->beside_));
  }
  return ledger;
}

Ledger::~Ledger() {
  if (file_.is_open()) {
    unlink(beside_.c_str());
  }
}

void Ledger::take(const xfer::Entry& entry) {
  if (entry.error && failures_.size() < failures_kept) {
    failures_.push_back(entry);
  }
  if (file_.is_open()) {
    waiting_ += xfer::to_line(entry);
    if (waiting_.size() >= waiting_bytes) {
      flush();
    }
  }
}

void Ledger::flush() {
  std::string_view rest = waiting_;
  while (result_.has_value() && !rest.empty()) {
    const ssize_t n = write(file_.get(), rest.data(), rest.size());
    if (n >= 0) {
      rest.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EINTR) {
      result_ = fail(rt::error_of_errno(errno, "writing the manifest", beside_));
    }
  }
  waiting_.clear();
}

Result<Unit> Ledger::close() {
  if (!file_.is_open()) {
    return Unit{};
  }
  flush();
  if (result_.has_value() &&
      (fsync(file_.get()) != 0 || rename(beside_.c_str(), path_.c_str()) != 0)) {
    result_ = fail(rt::error_of_errno(errno, "writing the manifest", path_));
  }
  if (result_.has_value()) {
    file_.reset();
    const std::filesystem::path folder = path_.parent_path();
    result_ = rt::sync_folder(folder.empty() ? "." : folder);
  }
  return result_;
}

}  // namespace tutti::cli
