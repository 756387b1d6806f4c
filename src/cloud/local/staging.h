// SPDX-License-Identifier: Apache-2.0
// How a write becomes visible: into a hidden folder of the same file system, then renamed when
// complete. Blocking; called on the files' executor.
//
// A staged file is locked (flock) by the process that writes it; what is found there unlocked
// belongs to a dead one and is removed by the next writer. The folder goes when nobody stages.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "cloud/local/files.h"
#include "cloud/local/keys.h"

namespace tutti::cloud::local {

class Staging;

// Owned by one put. Removed by its destructor unless it was placed.
class StagedFile {
 public:
  StagedFile(Staging& staging, Fd root, std::string folder_path, Fd folder, Fd file,
             std::string name);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  int root() const { return root_.get(); }
  int file() const { return file_.get(); }
  int folder() const { return folder_.get(); }
  const std::string& name() const { return name_; }
  void renamed() { placed_ = true; }

 private:
  Staging& staging_;
  Fd root_;
  std::string folder_path_;
  Fd folder_;
  Fd file_;
  std::string name_;
  bool placed_ = false;
};

// Thread-safe; outlives its files.
class Staging {
 public:
  Staging(std::filesystem::path root, Names names);

  // `folders`: where the object will be; `unique`: a random number. errno in the Result's
  // provider code.
  Result<std::unique_ptr<StagedFile>> create(const std::vector<std::string>& folders,
                                             uint64_t unique);
  const std::filesystem::path& root() const { return root_; }
  Names names() const { return names_; }

 private:
  friend class StagedFile;
  void leave(int root, const std::string& folder_path);
  Result<Fd> enter(int root, const std::string& folder_path);
  void collect(int folder);

  std::filesystem::path root_;
  Names names_;
  std::mutex mutex_;
  std::map<std::string, size_t> active_;  // files of ours by staging folder
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

Result<Unit> remove_object(const std::filesystem::path& root, const KeyPath& path, Names names,
                           const std::string& if_match);

}  // namespace tutti::cloud::local
