// SPDX-License-Identifier: Apache-2.0
#include "cloud/local/files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/value.h"
#include "rt/file.h"

namespace tutti::cloud::local {
namespace {

constexpr const char* notes_name = "user.tutti";
constexpr size_t notes_bytes_max = 16U << 10U;

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

Fd open_beneath(int root, const std::string& path, int flags, unsigned mode) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  while (true) {
    const long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
    // EAGAIN: something was renamed while the path was walked.
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) {
      return Fd(static_cast<int>(fd));
    }
  }
}

namespace {

Fd open_cached(int root, const std::string& path, int flags, uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve | RESOLVE_CACHED;
  return Fd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

}  // namespace

Fd open_beneath_now(int root, const std::string& path, int flags) {
  return open_cached(root, path, flags,
                     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

Fd open_now(const std::string& path, int flags) { return open_cached(AT_FDCWD, path, flags, 0); }

Error file_error(int error_number, std::string_view doing, std::string where) {
  Error error = rt::error_of_errno(error_number, doing, where);
  if (error_number == ELOOP) {
    error.code = Code::denied;
    error.what =
        fmt::format("{} failed: a symbolic link is in the path, and links are not followed", doing);
    error.remedy = "write the real path (realpath shows it)";
  } else if (error_number == EXDEV) {
    error.code = Code::denied;
    error.what = fmt::format("{} failed: the path leaves the folder of the connection", doing);
  } else if (error_number == ENOSYS) {
    error.code = Code::unsupported;
    error.what = fmt::format("{} failed: this system has no openat2", doing);
    error.remedy = "use Linux 5.6 or newer, and a container that allows the call";
  } else if (error_number == EIO) {
    error.code = Code::unavailable;
    error.remedy = "the disk reports a fault: look at the system's log";
  }
  error.where = std::move(where);
  return error;
}

namespace {

// To lock it, which needs the right to read it; else just to work in it.
Fd open_folder(int root, const std::string& path) {
  Fd fd = open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  return fd || errno != EACCES ? std::move(fd) : open_beneath(root, path, O_PATH | O_DIRECTORY);
}

}  // namespace

MadeFolders make_folders(int root, const std::vector<std::string>& folders) {
  MadeFolders out;
  // Nearly always they are there already, and one call says so.
  out.folder =
      open_folder(root, folders.empty() ? "." : fmt::format("{}", fmt::join(folders, "/")));
  if (out.folder) {
    return out;
  }
  std::string path;
  for (const std::string& each : folders) {
    const int at = out.folder ? out.folder.get() : root;
    path += path.empty() ? each : "/" + each;
    if (mkdirat(at, each.c_str(), 0777) == 0) {
      out.made.push_back(path);
    } else if (errno != EEXIST) {
      out.error_number = errno;
      return out;
    }
    Fd next = open_folder(at, each);
    if (!next) {
      out.error_number = errno;
      out.blocker = errno == ENOTDIR ? path : std::string();
      return out;
    }
    out.folder = std::move(next);
  }
  if (!out.folder) {
    out.error_number = errno;
  }
  return out;
}

bool keeps_notes(const std::filesystem::path& path) {
  std::filesystem::path at = path;
  while (!at.empty()) {
    if (getxattr(at.c_str(), notes_name, nullptr, 0) >= 0 || errno == ENODATA) {
      return true;
    }
    if (errno != ENOENT || at == at.parent_path()) {
      return false;
    }
    at = at.parent_path();
  }
  return false;
}

int write_notes(int fd, const Notes& notes, const struct stat& info) {
  ValueMap map{{"v", 1}, {"size", static_cast<int64_t>(info.st_size)}, {"ns", modified_ns(info)}};
  ValueList digests;
  for (const Digest& each : notes.digests) {
    digests.emplace_back(to_text(each));
  }
  map.set("digests", Value(std::move(digests)));
  if (!notes.content_type.empty()) {
    map.set("type", notes.content_type);
  }
  for (const ContentHeader& each : content_headers) {
    if (const std::string& value = notes.headers.*each.value; !value.empty()) {
      map.set(std::string(each.name), value);
    }
  }
  if (!notes.metadata.empty()) {
    ValueMap metadata;
    for (const auto& [name, value] : notes.metadata) {
      metadata.set(name, value);
    }
    map.set("meta", Value(std::move(metadata)));
  }
  const std::string text = to_json(Value(std::move(map)));
  return fsetxattr(fd, notes_name, text.data(), text.size(), 0) == 0 ? 0 : errno;
}

Notes read_notes(int fd, const struct stat& info) {
  std::string text(notes_bytes_max, '\0');
  const ssize_t n = fgetxattr(fd, notes_name, text.data(), text.size());
  Notes notes;
  if (n <= 0) {
    return notes;
  }
  text.resize(static_cast<size_t>(n));
  const auto parsed = parse_json(text);
  if (!parsed.has_value() || parsed->get_int("v") != 1) {
    return notes;  // somebody else's attribute, or a later version's
  }
  notes.content_type = parsed->get_string("type");
  for (const ContentHeader& each : content_headers) {
    notes.headers.*each.value = parsed->get_string(each.name);
  }
  if (const Value& metadata = (*parsed)["meta"]; metadata.is_map()) {
    for (const auto& [name, value] : metadata.as_map()) {
      notes.metadata[name] = value.is_string() ? value.as_string() : std::string();
    }
  }
  const Value& digests = (*parsed)["digests"];
  const bool same =
      parsed->get_int("size", -1) == info.st_size && parsed->get_int("ns", -1) == modified_ns(info);
  if (same && digests.is_list()) {
    for (const Value& each : digests.as_list()) {
      auto digest = parse_digest(each.is_string() ? each.as_string() : std::string());
      if (digest.has_value()) {
        notes.digests.push_back(*digest);
      }
    }
  }
  return notes;
}

int64_t modified_ns(const struct stat& info) {
  return info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
}

// Every write of ours is a new file with a time of its own, to the nanosecond.
std::string etag_of(const struct stat& info) {
  return fmt::format("{:x}-{:x}-{:x}", modified_ns(info), info.st_size, info.st_ino);
}

ObjectMeta meta_of(Key key, const struct stat& info) {
  return {.key = std::move(key),
          .size = static_cast<uint64_t>(info.st_size),
          .etag = etag_of(info),
          .modified = Instant{modified_ns(info) / 1000}};
}

ObjectMeta meta_of(Key key, int fd, const struct stat& info) {
  ObjectMeta meta = meta_of(std::move(key), info);
  Notes notes = read_notes(fd, info);
  meta.digests = std::move(notes.digests);
  meta.content_type = std::move(notes.content_type);
  meta.headers = std::move(notes.headers);
  meta.metadata = std::move(notes.metadata);
  return meta;
}

}  // namespace tutti::cloud::local
