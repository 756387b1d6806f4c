// SPDX-License-Identifier: Apache-2.0
#include "cloud/azure/notes.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tutti::cloud::azure {
namespace {

constexpr std::string_view mark_name = "tutti-write";
constexpr std::array noted_kinds{DigestKind::crc32c, DigestKind::sha256, DigestKind::crc64nvme};

std::string name_of(DigestKind kind) { return fmt::format("tutti-{}", digest_name(kind)); }

const Digest* find(const std::vector<Digest>& digests, DigestKind kind) {
  const auto at = std::ranges::find(digests, kind, &Digest::kind);
  return at == digests.end() ? nullptr : &*at;
}

// Ours are not the user's: they neither come from there nor go there.
void take_out(Metadata& metadata) {
  metadata.erase(std::string(mark_name));
  for (const DigestKind kind : noted_kinds) {
    metadata.erase(name_of(kind));
  }
}

}  // namespace

sign::AzureRetention azure_retention(const std::optional<Retention>& retention) {
  return retention ? sign::AzureRetention{.mode = retention->mode == RetentionMode::compliance
                                                      ? "Locked"
                                                      : "Unlocked",
                                          .until = retention->until}
                   : sign::AzureRetention{};
}

sign::AzureNotes azure_notes(const Notes& notes) {
  sign::AzureNotes out{.content_type = notes.options.content_type,
                       .headers = notes.options.headers,
                       .metadata = notes.options.metadata,
                       .tags = notes.options.tags,
                       .tier = notes.options.storage_class,
                       .retention = azure_retention(notes.options.lock.retention),
                       .legal_hold = notes.options.lock.legal_hold};
  take_out(out.metadata);
  for (const DigestKind kind : noted_kinds) {
    if (const Digest* digest = find(notes.digests, kind)) {
      out.metadata[name_of(kind)] = hex(*digest);
    }
  }
  if (const Digest* md5 = find(notes.digests, DigestKind::md5)) {
    out.md5 = *md5;
  }
  if (!notes.mark.empty()) {
    out.metadata[std::string(mark_name)] = notes.mark;
  }
  return out;
}

sign::AzureConditions conditions_of(const PutOptions& options) {
  return {.only_if_absent = options.only_if_absent, .if_match = options.if_match};
}

std::string mark_for(const PutOptions& options, rt::Random& random) {
  return options.only_if_absent || !options.if_match.empty() ? new_mark(random) : std::string();
}

std::string new_mark(rt::Random& random) { return fmt::format("{:016x}", random.next()); }

bool has_mark(const sign::AzureBlob& blob, std::string_view mark) {
  const auto at = blob.metadata.find(std::string(mark_name));
  return !mark.empty() && at != blob.metadata.end() && at->second == mark;
}

ObjectMeta meta_of(sign::AzureBlob blob, Key key) {
  const Archived archived = !blob.archive_status.empty() ? Archived::restoring
                            : blob.tier == "Archive"     ? Archived::yes
                                                         : Archived::no;
  ObjectMeta meta{.key = std::move(key),
                  .size = blob.size,
                  .etag = std::move(blob.etag),
                  .modified = blob.modified,
                  .content_type = std::move(blob.content_type),
                  .headers = std::move(blob.headers),
                  .metadata = std::move(blob.metadata),
                  .version = std::move(blob.version),
                  .is_latest = blob.is_current,
                  .archived = archived};
  // Other kinds of blobs change in place, and what is noted with them stays.
  if (blob.kind == "BlockBlob") {
    for (const DigestKind kind : noted_kinds) {
      const auto text = meta.metadata.find(name_of(kind));
      const auto digest = text == meta.metadata.end()
                              ? Result<Digest>(fail(Code::not_found, {}))
                              : parse_digest(fmt::format("{}:{}", digest_name(kind), text->second));
      if (digest.has_value()) {
        meta.digests.push_back(*digest);
      }
    }
    if (blob.md5) {
      meta.digests.push_back(*blob.md5);
    }
  }
  take_out(meta.metadata);
  return meta;
}

ObjectMeta meta_of(const Notes& notes, Key key, uint64_t size, const sign::AzureWritten& written) {
  sign::AzureNotes noted = azure_notes(notes);
  return meta_of({.size = size,
                  .etag = written.etag,
                  .modified = written.modified,
                  .content_type = std::move(noted.content_type),
                  .headers = std::move(noted.headers),
                  .md5 = noted.md5,
                  .metadata = std::move(noted.metadata),
                  .kind = "BlockBlob",
                  .version = written.version},
                 std::move(key));
}

}  // namespace tutti::cloud::azure
