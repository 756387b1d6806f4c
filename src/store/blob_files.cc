// SPDX-License-Identifier: Apache-2.0
#include "store/blob_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "rt/file.h"
#include "store/errors.h"

namespace tutti::store {
namespace {

constexpr size_t blob_bytes_max = 65u << 20;

Result<Unit> make_folder(const std::filesystem::path& folder) {
  if (mkdir(folder.c_str(), 0700) == 0) {
    return rt::sync_folder(folder.parent_path());
  }
  return errno == EEXIST
             ? Result<Unit>(Unit{})
             : Result<Unit>(fail(rt::error_of_errno(errno, "making the folder", folder)));
}

}  // namespace

std::filesystem::path BlobFiles::path_of(const Digest& digest) const {
  const std::string name = hex(digest);
  return folder_ / name.substr(0, 2) / name.substr(2);
}

Result<Unit> BlobFiles::put(const Digest& digest, std::string_view bytes) {
  const auto path = path_of(digest);
  struct stat info{};
  if (stat(path.c_str(), &info) == 0 && static_cast<size_t>(info.st_size) == bytes.size()) {
    // The age starts anew, or collect() could take it before anything names it.
    utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
    return Unit{};
  }
  TRY_OK(make_folder(folder_));
  TRY_OK(make_folder(path.parent_path()));
  return rt::write_file(path, bytes, {.mode = 0600});
}

Result<std::string> BlobFiles::get(const Digest& digest) const {
  auto bytes = rt::read_file(path_of(digest), {.bytes_max = blob_bytes_max});
  if (!bytes.has_value()) {
    return fail(bytes.error().code == Code::not_found ? no_blob_error(digest) : bytes.error());
  }
  if (sha256(*bytes) != digest) {
    return fail(spoilt_blob_error(digest));
  }
  return bytes;
}

Result<uint64_t> BlobFiles::collect(const std::set<Digest>& live, Instant put_before) {
  uint64_t removed = 0;
  std::error_code ignored;  // what vanishes or cannot be read stays for the next time
  const std::filesystem::recursive_directory_iterator end;
  for (std::filesystem::recursive_directory_iterator it(folder_, ignored); !ignored && it != end;
       it.increment(ignored)) {
    const auto& entry = *it;
    struct stat info{};
    if (stat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      continue;
    }
    const auto digest = parse_digest("sha256:" + entry.path().parent_path().filename().string() +
                                     entry.path().filename().string());
    const Instant put{info.st_mtim.tv_sec * 1'000'000 + info.st_mtim.tv_nsec / 1000};
    const bool wanted = digest.has_value() && live.contains(*digest);  // else: a killed writer's
    if (!wanted && put < put_before && unlink(entry.path().c_str()) == 0) {
      ++removed;
    }
  }
  return removed;
}

}  // namespace tutti::store
