// SPDX-License-Identifier: Apache-2.0
#include "cloud/body_check.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti::cloud {
namespace {

std::unexpected<Error> corrupt(std::string what) {
  return fail(Code::corrupt, std::move(what),
              "the bytes changed on the way; nothing was kept: try again");
}

// Compares a digest with the one of the same kind in `seen`, if there is one.
Result<Unit> compare(const Digest& expected, const std::vector<Digest>& seen) {
  const auto at = std::ranges::find(seen, expected.kind, &Digest::kind);
  if (at != seen.end() && *at != expected) {
    return corrupt(
        fmt::format("expected {}, received bytes with {}", to_text(expected), to_text(*at)));
  }
  return Unit{};
}

void add_missing(std::vector<Digest>& to, const std::vector<Digest>& from) {
  for (const Digest& each : from) {
    if (std::ranges::find(to, each.kind, &Digest::kind) == to.end()) {
      to.push_back(each);
    }
  }
}

bool is_metadata_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

BodyCheck::BodyCheck(const Body& body) {
  hashers_.emplace_back(DigestKind::crc32c, Hasher(DigestKind::crc32c));
  for (const Digest& each : body.digests) {
    if (each.kind != DigestKind::crc32c) {
      hashers_.emplace_back(each.kind, Hasher(each.kind));
    }
  }
}

void BodyCheck::update(std::span<const std::byte> bytes) {
  size_ += bytes.size();
  for (auto& [kind, hasher] : hashers_) {
    hasher.update(bytes);
  }
}

Result<std::vector<Digest>> BodyCheck::finish(const Body& body) {
  if (body.size && *body.size != size_) {
    return corrupt(fmt::format("expected {} bytes, received {}", *body.size, size_));
  }
  std::vector<Digest> seen;
  for (auto& [kind, hasher] : hashers_) {
    seen.push_back(hasher.finish());
  }
  const std::vector<Digest> after =
      body.digests_after ? body.digests_after() : std::vector<Digest>{};
  for (const auto* list : {&body.digests, &after}) {
    for (const Digest& each : *list) {
      TRY_OK(compare(each, seen));
    }
  }
  add_missing(seen, body.digests);
  // Those computed on the way count only when the CRC32C computed with them is ours as well.
  if (std::ranges::find(after, DigestKind::crc32c, &Digest::kind) != after.end()) {
    add_missing(seen, after);
  }
  return seen;
}

Result<std::vector<Digest>> check_whole(const Digest& crc, std::vector<Digest> given) {
  std::vector<Digest> seen{crc};
  for (const Digest& each : given) {
    TRY_OK(compare(each, seen));
  }
  if (std::ranges::find(given, DigestKind::crc32c, &Digest::kind) != given.end()) {
    add_missing(seen, given);
  }
  return seen;
}

Result<Unit> check_conditions(const PutOptions& options, const ObjectMeta* existing) {
  if (options.only_if_absent && existing != nullptr) {
    return fail(Code::conflict, "an object of that name exists already",
                "choose another name, or allow it to be replaced (if_exists: replace)");
  }
  if (!options.if_match.empty() && (existing == nullptr || existing->etag != options.if_match)) {
    return fail(Code::conflict,
                existing == nullptr ? "the object to replace is gone"
                                    : "the object was changed by somebody else meanwhile",
                "read it again before replacing it");
  }
  return Unit{};
}

Result<Unit> check_put_options(const PutOptions& options, const Capabilities& can) {
  if (!options.storage_class.empty() &&
      std::ranges::find(can.storage_classes, options.storage_class) == can.storage_classes.end()) {
    return fail(Code::unsupported,
                fmt::format("{} has no storage class '{}'", can.provider, options.storage_class),
                "leave the class away");
  }
  size_t bytes = options.content_type.size();
  for (const auto& [name, value] : options.metadata) {
    if (!is_metadata_name(name) ||
        value.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) {
      return fail(Code::bad_input, fmt::format("metadata '{}' cannot be kept", name),
                  "names are made of a-z, 0-9 and '-', values have no line ends");
    }
    bytes += name.size() + value.size();
  }
  if (!options.metadata.empty() && bytes > can.metadata_bytes_max) {
    return can.metadata_bytes_max == 0
               ? fail(Code::unsupported,
                      fmt::format("{} keeps no metadata here. {}", can.provider, can.note),
                      "leave the metadata away")
               : fail(Code::bad_input,
                      fmt::format("{} bytes of metadata, {} are allowed", bytes,
                                  can.metadata_bytes_max),
                      "shorten it");
  }
  return Unit{};
}

}  // namespace tutti::cloud
