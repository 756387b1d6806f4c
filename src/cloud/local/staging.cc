// SPDX-License-Identifier: Apache-2.0
#include "cloud/local/staging.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.h"

namespace tutti::cloud::local {
namespace {

// Somebody may remove the staging folder, or an empty folder on the way, between two of our calls.
constexpr int races_max = 100;
constexpr std::string_view resumable_suffix = ".parts";
constexpr Duration resumable_for = hours(7 * 24);
constexpr int object_flags = O_RDONLY | O_NONBLOCK;  // never waits for the other end of a fifo
constexpr uintptr_t direct_alignment = 4096;  // of memory, place and length, on any file system

Result<Fd> open_root(const std::filesystem::path& root, bool make) {
  if (make) {
    std::error_code error;
    std::filesystem::create_directories(root, error);
    if (error) {
      return fail(file_error(error.value(), "making the connection's folder", root.string()));
    }
  }
  Fd fd(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return fail(file_error(errno, "opening the connection's folder", root.string()));
  }
  return fd;
}

// The longest part of the folders that is there already.
std::string existing_folder(int root, const std::vector<std::string>& folders) {
  std::string path;
  for (const std::string& each : folders) {
    std::string longer = path.empty() ? each : path + "/" + each;
    if (!open_beneath(root, longer, O_PATH | O_DIRECTORY)) {
      break;
    }
    path = std::move(longer);
  }
  return path;
}

// Removes what a dead process left. A live one holds the lock from its first moment: who gets the
// lock first and finds the entry unlinked starts anew.
void remove_if_dead(int folder, const char* name, Instant now) {
  const Fd entry(openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!entry || flock(entry.get(), LOCK_EX | LOCK_NB) != 0) {
    return;
  }
  struct stat info{};
  if (std::string_view(name).ends_with(resumable_suffix) && fstat(entry.get(), &info) == 0 &&
      now - Instant{modified_ns(info) / 1000} < resumable_for) {
    return;
  }
  if (unlinkat(folder, name, 0) != 0 && errno == EISDIR) {
    unlinkat(entry.get(), std::string(self_name).c_str(), 0);
    unlinkat(folder, name, AT_REMOVEDIR);
  }
}

bool is_unlinked(int fd) {
  struct stat info{};
  return fstat(fd, &info) == 0 && info.st_nlink == 0;
}

// Removes the folder while it is empty.
void remove_folder(int root, const std::string& path) {
  const size_t slash = path.rfind('/');
  const Fd parent = open_beneath(root, slash == std::string::npos ? "." : path.substr(0, slash),
                                 O_PATH | O_DIRECTORY);
  if (parent) {
    unlinkat(parent.get(), path.substr(slash == std::string::npos ? 0 : slash + 1).c_str(),
             AT_REMOVEDIR);
  }
}

Error exists_error() {
  return {.code = Code::conflict,
          .what = "an object of that name exists already",
          .remedy = "choose another name, or allow it to be replaced (if_exists: replace)"};
}

}  // namespace

StagedFile::StagedFile(Staging& staging, std::shared_ptr<StagingFolder> folder, Fd file,
                       std::string name)
    : staging_(staging),
      folder_(std::move(folder)),
      file_(std::move(file)),
      name_(std::move(name)) {}

StagedFile::~StagedFile() {
  if (!placed_) {
    unlinkat(folder(), name_.c_str(), 0);
  }
  staging_.leave(folder_, false);
}

int StagedFile::expect(uint64_t bytes, bool direct) {
  if (fallocate(file(), 0, 0, static_cast<off_t>(bytes)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
    return errno;
  }
  if (!direct) {
    return 0;
  }
  direct_ = Fd(openat(folder(), name_.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_DIRECT));
  return 0;
}

namespace {

int write_all(int fd, std::span<const std::byte> bytes, uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return errno;
    }
    bytes = bytes.subspan(static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return 0;
}

}  // namespace

int StagedFile::write(std::span<const std::byte> bytes, uint64_t at) const {
  const bool whole_pages =
      (bytes.size() | at | std::bit_cast<uintptr_t>(bytes.data())) % direct_alignment == 0;
  if (direct_ && whole_pages) {
    const int error_number = write_all(direct_.get(), bytes, at);
    if (error_number != EINVAL) {  // a file system that wants more than pages
      return error_number;
    }
  }
  return write_all(file(), bytes, at);
}

Staging::Staging(std::filesystem::path root, Names names) : root_(std::move(root)), names_(names) {}

Result<std::unique_ptr<StagedFile>> Staging::create(const std::vector<std::string>& folders,
                                                    NewFile what) {
  const std::string name =
      fmt::format("{:016x}{}", what.unique, what.resumable ? resumable_suffix : "");
  std::string path;
  for (int i = 0; i < races_max; ++i) {
    TRY(auto folder, enter(folders, what.now));
    path = folder->path;
    Fd file(
        openat(folder->folder.get(), name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666));
    if (file && flock(file.get(), LOCK_EX | LOCK_NB) == 0 && !is_unlinked(file.get())) {
      return std::make_unique<StagedFile>(*this, std::move(folder), std::move(file), name);
    }
    const int error_number = file ? ENOENT : errno;
    leave(folder, error_number == ENOENT);
    if (error_number != ENOENT) {
      return fail(file_error(error_number, "creating a file in the staging folder",
                             (root_ / path).string()));
    }
  }
  return fail(file_error(EAGAIN, "creating a file in the staging folder", (root_ / path).string()));
}

Result<std::unique_ptr<StagedFile>> Staging::adopt(const std::string& id) {
  const size_t slash = id.rfind('/');
  auto folder = std::make_shared<StagingFolder>();
  TRY(folder->root, open_root(root_, false));
  folder->path = id.substr(0, slash == std::string::npos ? 0 : slash);
  folder->of = "\n" + id;  // shared with nobody
  folder->files = 1;
  const std::string name = id.substr(slash == std::string::npos ? 0 : slash + 1);
  folder->folder = open_beneath(folder->root.get(), folder->path, O_RDONLY | O_DIRECTORY);
  const bool ours = folder->path.ends_with(staging_name) && name.ends_with(resumable_suffix);
  Fd file = folder->folder && ours ? open_beneath(folder->folder.get(), name, O_RDWR) : Fd();
  if (!file || flock(file.get(), LOCK_EX | LOCK_NB) != 0 || is_unlinked(file.get())) {
    return fail(Code::not_found, "what was written of it is gone, or somebody writes it");
  }
  return std::make_unique<StagedFile>(*this, std::move(folder), std::move(file), name);
}

Result<std::shared_ptr<StagingFolder>> Staging::enter(const std::vector<std::string>& folders,
                                                      Instant now) {
  const std::lock_guard lock(mutex_);
  const std::string of =
      names_ == Names::escaped ? std::string() : fmt::format("{}", fmt::join(folders, "/"));
  auto at = active_.find(of);
  if (at == active_.end()) {
    TRY(auto folder, open_folder(folders, now));
    folder->of = of;
    at = active_.emplace(of, std::move(folder)).first;
  }
  ++at->second->files;
  return at->second;
}

Result<std::shared_ptr<StagingFolder>> Staging::open_folder(const std::vector<std::string>& folders,
                                                            Instant now) {
  auto out = std::make_shared<StagingFolder>();
  TRY(out->root, open_root(root_, names_ == Names::escaped));
  const int root = out->root.get();
  // The file system of the target, which may be mounted somewhere below the root.
  const std::string above =
      names_ == Names::escaped ? std::string() : existing_folder(root, folders);
  out->path = above.empty() ? std::string(staging_name) : fmt::format("{}/{}", above, staging_name);
  for (int i = 0; i < races_max; ++i) {
    Fd parent;
    if (!above.empty()) {
      parent = open_beneath(root, above, O_PATH | O_DIRECTORY);
    }
    const int at = parent ? parent.get() : root;
    if (mkdirat(at, std::string(staging_name).c_str(), 0777) != 0 && errno != EEXIST) {
      return fail(file_error(errno, "making the staging folder", (root_ / out->path).string()));
    }
    out->folder = open_beneath(at, std::string(staging_name), O_RDONLY | O_DIRECTORY);
    if (out->folder) {
      collect(out->folder.get(), now);
      return out;
    }
    if (errno != ENOENT) {
      return fail(file_error(errno, "opening the staging folder", (root_ / out->path).string()));
    }
  }
  return fail(file_error(EAGAIN, "opening the staging folder", (root_ / out->path).string()));
}

void Staging::leave(const std::shared_ptr<StagingFolder>& folder, bool gone) {
  const std::lock_guard lock(mutex_);
  const bool last = --folder->files == 0;
  const auto at = active_.find(folder->of);
  if ((last || gone) && at != active_.end() && at->second == folder) {
    active_.erase(at);
  }
  if (last) {
    remove_folder(folder->root.get(), folder->path);
  }
}

void Staging::collect(int folder, Instant now) {
  struct stat info{};
  if (fstat(folder, &info) != 0 || !collected_.emplace(info.st_dev, info.st_ino).second) {
    return;
  }
  const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = copy < 0 ? nullptr : fdopendir(copy);
  if (entries == nullptr) {
    return;
  }
  while (const dirent* entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      remove_if_dead(folder, entry->d_name, now);
    }
  }
  closedir(entries);
}

Result<Unit> make_root(const std::filesystem::path& root) {
  std::error_code error;
  std::filesystem::create_directories(root.parent_path(), error);
  if (error) {
    return fail(file_error(error.value(), "making the connection's folder", root.string()));
  }
  if (mkdir(root.c_str(), 0777) == 0) {
    return Unit{};
  }
  if (errno == EEXIST) {
    return fail(Error{.code = Code::conflict, .what = "the bucket is there already"});
  }
  return fail(file_error(errno, "making the bucket's folder", root.string()));
}

Result<Unit> remove_root(const std::filesystem::path& root) {
  const Fd fd(open(root.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    return fail(file_error(errno, "opening the bucket's folder", root.string()));
  }
  // A dead process may have left it; whoever stages there now makes it again.
  unlinkat(fd.get(), std::string(staging_name).c_str(), AT_REMOVEDIR);
  if (rmdir(root.c_str()) == 0) {
    return Unit{};
  }
  if (errno == ENOTEMPTY || errno == EEXIST) {
    return fail(Error{.code = Code::conflict,
                      .what = "the bucket is not empty",
                      .remedy = "remove what is in it first: tutti rm -r"});
  }
  return fail(file_error(errno, "removing the bucket's folder", root.string()));
}

namespace {

// Serialises what looks before it renames (if_match, making room) with everybody else's renames, in
// this process and in others.
class FolderLock {
 public:
  FolderLock(int root, const std::string& folder, int how)
      : own_(open_beneath(root, folder, O_RDONLY | O_DIRECTORY)), fd_(own_.get()) {
    lock(how);
  }
  // Of a folder that is open: until that is closed.
  FolderLock(const Fd& folder, int how) : fd_(folder.get()) { lock(how); }

 private:
  // Where folders cannot be locked (some network file systems) the check is best effort.
  void lock(int how) const {
    while (fd_ >= 0 && flock(fd_, how) != 0 && errno == EINTR) {
    }
  }

  Fd own_;
  int fd_;
};

// For `escaped`: a file stands where a folder is needed. A folder that has it as `%@` takes its
// place in one step.
Result<Unit> make_room(StagedFile& staged, const std::string& blocker) {
  const FolderLock lock(staged.root(), ".", LOCK_EX);
  const std::string name = staged.name() + ".room";
  if (mkdirat(staged.folder(), name.c_str(), 0777) != 0) {
    return fail(file_error(errno, "making a folder", blocker));
  }
  const Fd room(openat(staged.folder(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const size_t slash = blocker.rfind('/');
  const Fd parent = open_beneath(
      staged.root(), slash == std::string::npos ? "." : blocker.substr(0, slash), O_PATH);
  const std::string last = slash == std::string::npos ? blocker : blocker.substr(slash + 1);
  int error_number = 0;
  if (!room || !parent || flock(room.get(), LOCK_EX | LOCK_NB) != 0 ||
      linkat(parent.get(), last.c_str(), room.get(), std::string(self_name).c_str(), 0) != 0 ||
      renameat2(staged.folder(), name.c_str(), parent.get(), last.c_str(), RENAME_EXCHANGE) != 0) {
    error_number = errno;
  }
  if (error_number != 0) {
    unlinkat(room.get(), std::string(self_name).c_str(), 0);
    unlinkat(staged.folder(), name.c_str(), AT_REMOVEDIR);
  } else {
    unlinkat(staged.folder(), name.c_str(), 0);  // the file's old name
  }
  // Gone or a folder by now: the caller looks again.
  const bool raced = error_number == ENOENT || error_number == EISDIR || error_number == EPERM;
  if (error_number != 0 && !raced) {
    return fail(file_error(error_number, "making room for a folder", blocker));
  }
  fsync(room.get());
  return Unit{};
}

Result<Unit> check_match(int root, const KeyPath& path, Names names, const std::string& if_match) {
  if (if_match.empty()) {
    return Unit{};
  }
  const auto existing = open_object(root, path, names);
  const bool gone = !existing.has_value();
  if (gone && existing.error().code != Code::not_found) {
    return fail(existing.error());
  }
  if (gone || etag_of(existing->info) != if_match) {
    return fail(Code::conflict,
                gone ? "the object to replace is gone"
                     : "the object was changed by somebody else meanwhile",
                "look again before changing it");
  }
  return Unit{};
}

enum class Try : uint8_t { done, again };

Result<Try> rename_into(StagedFile& staged, const KeyPath& path, const Fd& parent, Names names,
                        bool only_if_absent) {
  const unsigned flags = only_if_absent ? RENAME_NOREPLACE : 0;
  const auto rename_to = [&](int folder, const std::string& name) {
    const char* from = staged.name().c_str();
    if (renameat2(staged.folder(), from, folder, name.c_str(), flags) == 0) {
      return 0;
    }
    // NFS and others know no flags; a second name is made only where there is none, too.
    if (errno != EINVAL || flags == 0 ||
        linkat(staged.folder(), from, folder, name.c_str(), 0) != 0) {
      return errno;
    }
    unlinkat(staged.folder(), from, 0);
    return 0;
  };
  int error_number = rename_to(parent.get(), path.name);
  if (error_number == EISDIR || error_number == EEXIST || error_number == ENOTEMPTY) {
    const Fd inside = open_beneath(parent.get(), path.name, O_PATH | O_DIRECTORY);
    if (inside && names == Names::natural) {
      return fail(Code::conflict, "a folder of that name is there",
                  "choose another name, or remove the folder");
    }
    error_number = inside ? rename_to(inside.get(), std::string(self_name)) : error_number;
  }
  if (error_number == 0) {
    staged.renamed();
    return Try::done;
  }
  if (error_number == ENOENT || error_number == EISDIR) {
    return Try::again;
  }
  return fail(error_number == EEXIST ? exists_error()
                                     : file_error(error_number, "renaming", path.text()));
}

void note_changed(Placed& placed, const std::vector<std::string>& made) {
  for (const std::string& each : made) {
    const size_t slash = each.rfind('/');
    placed.changed_folders.push_back(slash == std::string::npos ? "." : each.substr(0, slash));
  }
}

Result<Placed> try_place(StagedFile& staged, const KeyPath& path, Names names,
                         const PutOptions& options, std::vector<std::string>& made_all) {
  for (int i = 0; i < races_max; ++i) {
    MadeFolders folders = make_folders(staged.root(), path.folders);
    made_all.insert(made_all.end(), folders.made.begin(), folders.made.end());
    if (!folders.blocker.empty() && names == Names::natural) {
      return fail(Code::conflict,
                  fmt::format("/{} is a file, so nothing can be below it", folders.blocker),
                  "choose another name, or remove that file");
    }
    if (!folders.blocker.empty()) {
      TRY_OK(make_room(staged, folders.blocker));
      continue;
    }
    if (folders.error_number == ENOENT) {
      continue;
    }
    if (folders.error_number != 0) {
      return fail(file_error(folders.error_number, "making its folder", path.text()));
    }
    const int how = options.if_match.empty() ? LOCK_SH : LOCK_EX;
    const FolderLock lock = names == Names::escaped ? FolderLock(staged.root(), ".", how)
                                                    : FolderLock(folders.folder, how);
    TRY_OK(check_match(staged.root(), path, names, options.if_match));
    TRY(const Try tried, rename_into(staged, path, folders.folder, names, options.only_if_absent));
    if (tried == Try::done) {
      Placed placed{.changed_folders = {path.folder()}};
      note_changed(placed, made_all);
      return placed;
    }
  }
  return fail(file_error(EAGAIN, "renaming", path.text()));
}

}  // namespace

Result<Placed> place(StagedFile& staged, const KeyPath& path, Names names,
                     const PutOptions& options) {
  std::vector<std::string> made;
  Result<Placed> placed = try_place(staged, path, names, options, made);
  if (!placed.has_value()) {
    for (auto each = made.rbegin(); each != made.rend(); ++each) {
      remove_folder(staged.root(), *each);
    }
  }
  return placed;
}

std::optional<OpenedFile> open_object_now(const std::filesystem::path& root, const KeyPath& path) {
  const Fd folder = open_now(root.string(), O_PATH | O_DIRECTORY);
  OpenedFile opened;
  if (folder) {
    opened.fd = open_beneath_now(folder.get(), path.text(), object_flags);
  }
  const bool plain =
      opened.fd && fstat(opened.fd.get(), &opened.info) == 0 && S_ISREG(opened.info.st_mode);
  return plain ? std::optional(std::move(opened)) : std::nullopt;
}

Result<OpenedFile> open_object(int root, const KeyPath& path, Names names) {
  constexpr int flags = object_flags;
  OpenedFile opened{.fd = open_beneath(root, path.text(), flags)};
  if (opened.fd && fstat(opened.fd.get(), &opened.info) == 0 && S_ISDIR(opened.info.st_mode)) {
    if (names == Names::natural) {
      return fail(Code::not_found, "it is a folder, not an object",
                  "end the address with '/' to mean what is in it");
    }
    opened.fd = open_beneath(opened.fd.get(), std::string(self_name), flags);
  }
  if (!opened.fd) {
    const int error_number = errno;
    if (error_number == ENOENT || error_number == ENOTDIR) {
      return fail(Code::not_found, "there is no such object");
    }
    return fail(file_error(error_number, "opening it", {}));
  }
  if (fstat(opened.fd.get(), &opened.info) != 0) {
    return fail(file_error(errno, "reading it", {}));
  }
  if (!S_ISREG(opened.info.st_mode)) {
    return fail(Code::bad_input, "it is not a regular file (a device, socket or pipe)");
  }
  return opened;
}

Result<OpenedFile> open_object(const std::filesystem::path& root, const KeyPath& path,
                               Names names) {
  auto fd = open_root(root, false);
  if (!fd.has_value()) {
    return fail(fd.error().code == Code::not_found
                    ? Error{.code = Code::not_found,
                            .what = fmt::format("there is no such object: the folder {} does not "
                                                "exist yet",
                                                root.string())}
                    : std::move(fd).error());
  }
  return open_object(fd->get(), path, names);
}

Result<Unit> remove_object(const std::filesystem::path& root_path, const KeyPath& path, Names names,
                           const std::string& if_match) {
  auto root = open_root(root_path, false);
  if (!root.has_value()) {
    return if_match.empty() && root.error().code == Code::not_found ? Result<Unit>(Unit{})
                                                                    : fail(std::move(root).error());
  }
  {
    const FolderLock lock(root->get(), names == Names::escaped ? "." : path.folder(),
                          if_match.empty() ? LOCK_SH : LOCK_EX);
    TRY_OK(check_match(root->get(), path, names, if_match));
    const Fd parent = open_beneath(root->get(), path.folder(), O_PATH | O_DIRECTORY);
    int error_number = parent ? 0 : errno;
    if (parent && unlinkat(parent.get(), path.name.c_str(), 0) != 0) {
      error_number = errno;
      if (error_number == EISDIR && names == Names::escaped) {
        const Fd inside = open_beneath(parent.get(), path.name, O_PATH | O_DIRECTORY);
        error_number =
            inside && unlinkat(inside.get(), std::string(self_name).c_str(), 0) == 0 ? 0 : errno;
      } else if (error_number == EISDIR) {
        error_number = ENOENT;  // a folder is no object
      }
    }
    if (error_number != 0 && error_number != ENOENT && error_number != ENOTDIR) {
      return fail(file_error(error_number, "removing it", {}));
    }
  }
  if (names == Names::escaped) {
    // Folders exist only for what is in them.
    std::string folder = path.text();
    while (folder != "." && !folder.empty()) {
      remove_folder(root->get(), folder);
      const size_t slash = folder.rfind('/');
      folder = slash == std::string::npos ? "" : folder.substr(0, slash);
    }
  }
  return Unit{};
}

}  // namespace tutti::cloud::local
