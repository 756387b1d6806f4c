// SPDX-License-Identifier: Apache-2.0
#include "cloud/local/walk.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tutti::cloud::local {
namespace {

std::string joined(const std::string& folder, std::string_view name) {
  return folder == "." ? std::string(name) : fmt::format("{}/{}", folder, name);
}

bool is_gone(int error_number) { return error_number == ENOENT || error_number == ENOTDIR; }

}  // namespace

Walk::Walk(std::filesystem::path root, Names names, WalkOptions options)
    : root_path_(std::move(root)), names_(names), options_(std::move(options)) {}

Result<Unit> Walk::start() {
  TRY(PrefixFolder start, folder_of_prefix(options_.prefix, names_));
  root_ = Fd(open(root_path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_) {
    return is_gone(errno) ? Result<Unit>(Unit{})
                          : fail(file_error(errno, "opening the folder", root_path_.string()));
  }
  return push(start.folders.empty() ? "." : fmt::format("{}", fmt::join(start.folders, "/")),
              std::move(start.key_prefix));
}

Result<Unit> Walk::push(std::string path, std::string key_prefix) {
  Level level{.path = std::move(path), .key_prefix = std::move(key_prefix)};
  TRY_OK(read(level));
  if (!level.entries.empty()) {
    if (!levels_.empty()) {
      levels_.back().folder = Fd();  // one descriptor however deep; opened again on the way back
    }
    levels_.push_back(std::move(level));
  }
  return Unit{};
}

Result<Unit> Walk::read(Level& level) {
  level.folder = open_beneath(root_.get(), level.path, O_RDONLY | O_DIRECTORY);
  if (!level.folder) {
    return is_gone(errno)
               ? Result<Unit>(Unit{})
               : fail(file_error(errno, "listing the folder", (root_path_ / level.path).string()));
  }
  DIR* entries = fdopendir(openat(level.folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (entries == nullptr) {
    return fail(file_error(errno, "listing the folder", (root_path_ / level.path).string()));
  }
  errno = 0;
  while (const dirent* entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      add(level, name, entry->d_type);
    }
    errno = 0;
  }
  const int error_number = errno;
  closedir(entries);
  if (error_number != 0) {
    return fail(file_error(error_number, "listing the folder", (root_path_ / level.path).string()));
  }
  std::ranges::sort(level.entries, {}, [&](const Entry& entry) {
    return std::string_view(level.texts).substr(entry.at, entry.size);
  });
  return Unit{};
}

void Walk::add(Level& level, std::string_view name, unsigned char type) {
  if (type == DT_UNKNOWN) {
    struct stat info{};
    if (fstatat(level.folder.get(), std::string(name).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return;
    }
    type = S_ISDIR(info.st_mode) ? DT_DIR : S_ISREG(info.st_mode) ? DT_REG : DT_LNK;
  }
  const auto keep = [&](std::string_view text, Kind kind) {
    std::string key = level.key_prefix;
    key += text;
    const bool leaf = kind != Kind::folder && kind != Kind::piece;
    if (leaf ? wanted(key) : wanted_folder(key)) {
      level.entries.push_back({.at = static_cast<uint32_t>(level.texts.size()),
                               .size = static_cast<uint16_t>(text.size()),
                               .kind = kind});
      level.texts += text;
    }
  };
  const auto segment = segment_of(name, names_);
  if (!segment || (type != DT_REG && type != DT_DIR)) {
    if (name != staging_name && (names_ == Names::natural || name != self_name)) {
      keep(name, Kind::other);  // links are not followed, devices are no objects
    }
  } else if (type == DT_REG) {
    keep(segment->text, Kind::file);
  } else if (segment->piece) {
    keep(segment->text, Kind::piece);
  } else {
    keep(segment->text + "/", Kind::folder);
    if (names_ == Names::escaped) {
      keep(segment->text, Kind::self);
    }
  }
}

bool Walk::wanted(std::string_view key) const {
  return key.starts_with(options_.prefix) && key > options_.after &&
         (options_.skip.empty() || !key.starts_with(options_.skip));
}

bool Walk::wanted_folder(std::string_view key) const {
  const bool in_prefix = key.starts_with(options_.prefix) || options_.prefix.starts_with(key);
  const bool behind = key > options_.after || options_.after.starts_with(key);
  return in_prefix && behind && (options_.skip.empty() || !key.starts_with(options_.skip));
}

// The name on disk of an entry.
std::string Walk::text_of(const Level& level, const Entry& entry) const {
  std::string_view text = std::string_view(level.texts).substr(entry.at, entry.size);
  if (entry.kind == Kind::folder) {
    text.remove_suffix(1);
  }
  return names_ == Names::natural ? std::string(text) : entry_of(text, entry.kind == Kind::piece);
}

Result<std::optional<ObjectMeta>> Walk::next() {
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.next == level.entries.size()) {
      levels_.pop_back();
      continue;
    }
    TRY(auto found, visit(level, level.entries[level.next++]));
    if (found) {
      return found;
    }
  }
  return std::nullopt;
}

Result<std::optional<ObjectMeta>> Walk::visit(Level& level, Entry entry) {
  std::string key = level.key_prefix + level.texts.substr(entry.at, entry.size);
  if (entry.kind == Kind::other) {
    if (wanted(key)) {
      left_out_.add({.count = 1, .first = std::move(key)});
    }
    return std::nullopt;
  }
  std::string name = text_of(level, entry);
  if (entry.kind == Kind::folder || entry.kind == Kind::piece) {
    if (wanted_folder(key)) {
      TRY_OK(push(joined(level.path, name), std::move(key)));
    }
    return std::nullopt;
  }
  if (!wanted(key)) {
    return std::nullopt;
  }
  if (!level.folder) {
    level.folder = open_beneath(root_.get(), level.path, O_RDONLY | O_DIRECTORY);
  }
  if (entry.kind == Kind::self) {
    name += "/";
    name += self_name;
  }
  struct stat info{};
  if (!level.folder || fstatat(level.folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return is_gone(errno) ? Result<std::optional<ObjectMeta>>(std::nullopt)
                          : fail(file_error(errno, "listing", key));
  }
  // Made room for a folder since the names were read: it is `%@` in there now.
  if (S_ISDIR(info.st_mode) && names_ == Names::escaped) {
    name += "/";
    name += self_name;
    if (fstatat(level.folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return std::nullopt;
    }
  }
  if (!S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
  return meta_of(Key{std::move(key)}, info);
}

}  // namespace tutti::cloud::local
