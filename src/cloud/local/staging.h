// SPDX-License-Identifier: Apache-2.0
// How a write becomes visible: into a hidden folder of the same file system, then renamed when
// complete. Blocking; called on the files' executor.
//
// A staged file is locked (flock) by the process that writes it; what is found there unlocked
// belongs to a dead one and is removed by the next writer, a resumable one (NAME.parts) only when
// nobody wrote it for a week. The folder goes when nobody stages.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cloud/local/files.h"
#include "cloud/local/keys.h"

namespace tutti::cloud::local {

class Staging;

// A hidden folder files of ours are in; shared by them, and removed with the last.
struct StagingFolder {
  std::string of;  // the folders of the objects, joined
  Fd root;
  Fd folder;
  std::string path;
  size_t files = 0;
};

// Owned by one put. Removed by its destructor unless it was placed.
class StagedFile {
 public:
  StagedFile(Staging& staging, std::shared_ptr<StagingFolder> folder, Fd file, std::string name);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  int root() const { return folder_->root.get(); }
  int file() const { return file_.get(); }
  int folder() const { return folder_->folder.get(); }
  const std::string& name() const { return name_; }
  void renamed() { placed_ = true; }

  // With which Staging::adopt finds it again in another process.
  std::string id() const { return folder_->path + "/" + name_; }
  // The destructor leaves it.
  void keep() { placed_ = true; }

  // Makes room for `bytes`. `direct`: has whole pages written past the page cache where the file
  // system can. 0 or errno (no space).
  int expect(uint64_t bytes, bool direct);
  bool is_direct() const { return static_cast<bool>(direct_); }
  // Writes all of it; safe beside other writes. 0 or errno.
  int write(std::span<const std::byte> bytes, uint64_t at) const;

 private:
  Staging& staging_;
  std::shared_ptr<StagingFolder> folder_;
  Fd file_;
  Fd direct_;  // the same file, without the page cache
  std::string name_;
  bool placed_ = false;
};

struct NewFile {
  uint64_t unique = 0;  // a random number
  Instant now = {};
  bool resumable = false;
};

// Thread-safe; outlives its files.
class Staging {
 public:
  Staging(std::filesystem::path root, Names names);

  // `folders`: where the object will be. errno in the Result's provider code.
  Result<std::unique_ptr<StagedFile>> create(const std::vector<std::string>& folders, NewFile what);
  // A resumable file that another process began. not_found: it is gone, or somebody writes it.
  Result<std::unique_ptr<StagedFile>> adopt(const std::string& id);
  const std::filesystem::path& root() const { return root_; }
  Names names() const { return names_; }

 private:
  friend class StagedFile;
  Result<std::shared_ptr<StagingFolder>> enter(const std::vector<std::string>& folders,
                                               Instant now);
  Result<std::shared_ptr<StagingFolder>> open_folder(const std::vector<std::string>& folders,
                                                     Instant now);
  // One file less; `gone`: others removed the folder.
  void leave(const std::shared_ptr<StagingFolder>& folder, bool gone);
  void collect(int folder, Instant now);

  std::filesystem::path root_;
  Names names_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<StagingFolder>> active_;  // by StagingFolder::of
  std::set<std::pair<uint64_t, uint64_t>> collected_;
};

// The root itself, as a bucket. conflict: it is there already; it holds something.
Result<Unit> make_root(const std::filesystem::path& root);
Result<Unit> remove_root(const std::filesystem::path& root);

// Where a file has become visible.
struct Placed {
  std::vector<std::string> changed_folders;  // to sync, paths beneath the root
};
// Renames the staged file to its path, under the conditions of `options`. conflict when they do not
// hold, or when a file stands where `natural` needs a folder, or the other way round.
Result<Placed> place(StagedFile& staged, const KeyPath& path, Names names,
                     const PutOptions& options);

// Opens the object's file for reading and checks that it is one. not_found, denied, bad_input.
struct OpenedFile {
  Fd fd;
  struct stat info{};
};
Result<OpenedFile> open_object(const std::filesystem::path& root, const KeyPath& path, Names names);
Result<OpenedFile> open_object(int root, const KeyPath& path, Names names);
// The same without waiting for a disk; none: it would have to, or it is no plain file.
std::optional<OpenedFile> open_object_now(const std::filesystem::path& root, const KeyPath& path);

Result<Unit> remove_object(const std::filesystem::path& root, const KeyPath& path, Names names,
                           const std::string& if_match);

}  // namespace tutti::cloud::local
