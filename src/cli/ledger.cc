// SPDX-License-Identifier: Apache-2.0
#include "cli/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include <fmt/format.h>

#include "rt/file.h"

namespace tutti::cli {
namespace {

constexpr size_t failures_kept = 20;
constexpr size_t waiting_bytes = 256U << 10U;

// Only an earlier manifest is replaced by one, not the data somebody has named by mistake.
Result<Unit> check_replaceable(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return Unit{};
  }
  if (std::filesystem::is_regular_file(path, error)) {
    char begin[256] = {};
    std::ifstream(path, std::ios::binary).read(begin, sizeof(begin) - 1);
    const std::string_view text(begin);
    if (text.empty() || text.contains(xfer::manifest_format)) {
      return Unit{};
    }
  }
  return fail(Error{.code = Code::bad_input,
                    .what = "the manifest would replace something that is none",
                    .where = path.string(),
                    .remedy = "give it a name of its own"});
}

}  // namespace

std::array<std::filesystem::path, 2> Ledger::files_of(const std::filesystem::path& manifest) {
  std::filesystem::path beside = manifest;
  beside += fmt::format(".{}.part", getpid());
  return {manifest, std::move(beside)};
}

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& manifest) {
  std::unique_ptr<Ledger> ledger(new Ledger());
  if (manifest.empty()) {
    return ledger;
  }
  TRY_OK(check_replaceable(manifest));
  ledger->path_ = manifest;
  ledger->beside_ = files_of(manifest).back();
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
  if (result_.has_value()) {
    result_ = rt::write_all(file_.get(), waiting_, beside_);
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
    result_ = rt::sync_folder(path_.parent_path());
  }
  return result_;
}

}  // namespace tutti::cli
