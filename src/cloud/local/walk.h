// SPDX-License-Identifier: Apache-2.0
// Walk: the objects below a folder in the byte order of their keys, one folder's names in memory
// for each level. Blocking; called on the files' executor.
#pragma once

#include <string>
#include <vector>

#include "cloud/local/files.h"
#include "cloud/local/keys.h"

namespace tutti::cloud::local {

struct WalkOptions {
  std::string prefix;
  std::string after;  // only keys behind it
  std::string skip;   // and none that start with this, when not empty
};

class Walk {
 public:
  Walk(std::filesystem::path root, Names names, WalkOptions options);

  // Opens the folder the prefix starts in. No such folder: an empty walk.
  Result<Unit> start();
  // The next object, or nullopt at the end. What vanishes meanwhile is left out.
  Result<std::optional<ObjectMeta>> next();
  // Leaves out everything that starts with `prefix`.
  void skip(std::string prefix) { options_.skip = std::move(prefix); }
  // Since the last call.
  LeftOut take_left_out() { return std::exchange(left_out_, {}); }

 private:
  enum class Kind : uint8_t { file, folder, piece, self, other };
  struct Entry {
    uint32_t at;  // of its text in Level::texts
    uint16_t size;
    Kind kind;
  };
  struct Level {
    std::string path;        // beneath the root
    std::string key_prefix;  // of all keys in it
    std::string texts;       // what each entry adds to the key, one behind the other
    std::vector<Entry> entries;
    size_t next = 0;
    Fd folder = {};
  };
  Result<Unit> push(std::string path, std::string key_prefix);
  Result<Unit> read(Level& level);
  void add(Level& level, std::string_view name, unsigned char type);
  bool wanted(std::string_view key) const;         // an object
  bool wanted_folder(std::string_view key) const;  // all keys that start with it
  std::string text_of(const Level& level, const Entry& entry) const;
  Result<std::optional<ObjectMeta>> visit(Level& level, Entry entry);

  std::filesystem::path root_path_;
  Names names_;
  WalkOptions options_;
  Fd root_;
  std::vector<Level> levels_;
  LeftOut left_out_;
};

}  // namespace tutti::cloud::local
