// SPDX-License-Identifier: Apache-2.0
#include "cloud/local/pending.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>

#include <fmt/format.h>

namespace tutti::cloud::local {
namespace fs = std::filesystem;
namespace {

constexpr const char* key_note = "upload-of";
constexpr const char* begun_note = "upload-begun";

// nullopt: no upload of ours, or one somebody writes.
std::optional<PendingUpload> upload_in(const fs::path& file) {
  const Fd fd(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!fd || flock(fd.get(), LOCK_SH | LOCK_NB) != 0 || fstat(fd.get(), &info) != 0) {
    return std::nullopt;
  }
  const Notes notes = read_notes(fd.get(), info);
  const auto key = notes.metadata.find(key_note);
  const auto begun = notes.metadata.find(begun_note);
  if (key == notes.metadata.end() || begun == notes.metadata.end()) {
    return std::nullopt;
  }
  const auto started = parse_instant(begun->second);
  if (!started.has_value()) {
    return std::nullopt;
  }
  return PendingUpload{.key = {key->second}, .id = {}, .started = *started};
}

class Search {
 public:
  Search(fs::path root, std::string prefix) : root_(std::move(root)), prefix_(std::move(prefix)) {}

  // The staging folder of `folder`, a path beneath the root.
  void look_in(const std::string& folder) {
    const std::string staging =
        folder.empty() ? std::string(staging_name) : fmt::format("{}/{}", folder, staging_name);
    std::error_code error;
    for (fs::directory_iterator at(root_ / staging, error), end; !error && at != end;
         at.increment(error)) {
      auto upload = upload_in(at->path());
      if (upload && upload->key.text.starts_with(prefix_)) {
        upload->id = fmt::format("{}/{}", staging, at->path().filename().string());
        found_.push_back(std::move(*upload));
      }
    }
  }
  void look_below(const std::string& folder) {
    std::error_code error;
    const fs::path top = root_ / folder;
    constexpr auto options = fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator at(top, options, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code gone;
      if (at->is_symlink(gone) || !at->is_directory(gone)) {
        continue;
      }
      if (at->path().filename() == staging_name) {
        at.disable_recursion_pending();
      } else {
        look_in(at->path().lexically_relative(root_).string());
      }
    }
  }
  std::vector<PendingUpload> found() && {
    std::ranges::sort(found_, {},
                      [](const PendingUpload& each) { return std::pair(each.key, each.started); });
    return std::move(found_);
  }

 private:
  fs::path root_;
  std::string prefix_;
  std::vector<PendingUpload> found_;
};

}  // namespace

void note_upload(int fd, const Key& key, Instant now) {
  struct stat info{};
  const Notes notes{.digests = {},
                    .content_type = {},
                    .metadata = {{key_note, key.text}, {begun_note, to_text(now)}}};
  if (fstat(fd, &info) == 0) {
    std::ignore = write_notes(fd, notes, info);
  }
}

Result<std::vector<PendingUpload>> pending_uploads(const fs::path& root, Names names,
                                                   const std::string& prefix) {
  Search search(root, prefix);
  search.look_in("");
  if (names == Names::natural) {
    TRY(const PrefixFolder below, folder_of_prefix(prefix, names));
    std::string folder;
    for (const std::string& each : below.folders) {
      folder += folder.empty() ? each : "/" + each;
      search.look_in(folder);
    }
    search.look_below(folder);
  }
  return std::move(search).found();
}

Result<Unit> abort_pending(Staging& staging, const std::string& id) {
  auto mine = staging.adopt(id);  // and dropped: that removes it
  if (mine.has_value()) {
    return Unit{};
  }
  std::error_code error;
  if (mine.error().code == Code::not_found && !fs::exists(staging.root() / id, error)) {
    return Unit{};
  }
  return fail(Code::conflict, "somebody writes this upload",
              "end the command that sends it, or wait until it is done");
}

}  // namespace tutti::cloud::local
