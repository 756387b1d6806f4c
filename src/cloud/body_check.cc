// SPDX-License-Identifier: Apache-2.0
#include "cloud/body_check.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/ascii.h"

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

size_t letters_of(std::string_view utf8) {
  return static_cast<size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<uint8_t>(c) & 0xC0U) != 0x80; }));
}

bool is_tag_letter(char c, bool ascii_only) {
  return is_ascii_alnum(c) || std::string_view(" +-./:=_").contains(c) ||
         (!ascii_only && (c == '@' || static_cast<uint8_t>(c) >= 0x80));
}

Result<Unit> check_tags(const Tags& tags, const Capabilities& can) {
  if (!tags.empty() && can.tags.count_max == 0) {
    return fail(Code::unsupported, fmt::format("{} keeps no tags of objects", can.provider),
                "leave the tags away");
  }
  if (tags.size() > can.tags.count_max) {
    return fail(Code::bad_input,
                fmt::format("{} tags, {} are allowed", tags.size(), can.tags.count_max),
                "leave some away");
  }
  for (const auto& [name, value] : tags) {
    if (!is_tag(can.tags, name, value)) {
      return fail(Code::bad_input, fmt::format("the tag '{}' cannot be kept", name),
                  fmt::format("names have at most {} letters, values {}: A-Z, a-z, 0-9, blanks "
                              "and +-./:=_",
                              can.tags.name_letters_max, can.tags.value_letters_max));
    }
  }
  return Unit{};
}

Result<Unit> check_headers(const PutOptions& options) {
  if (!options.content_type.empty() && !is_header_value(options.content_type)) {
    return fail(Code::bad_input, "the content type cannot be kept",
                "it is ASCII without line ends, as HTTP has it");
  }
  for (const ContentHeader& each : content_headers) {
    const std::string& value = options.headers.*each.value;
    if (!value.empty() && !is_header_value(value)) {
      return fail(Code::bad_input, fmt::format("the header {} cannot be kept", each.http),
                  fmt::format("it is ASCII without line ends, of at most {} bytes",
                              content_header_bytes_max));
    }
  }
  return Unit{};
}

}  // namespace

bool is_metadata(const Capabilities& can, std::string_view name, std::string_view value) {
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           (can.metadata_signs && (c == '_' || c == '.'));
  };
  return !name.empty() && std::ranges::all_of(name, fits) &&
         value.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

bool is_header_value(std::string_view value) {
  return !value.empty() && value.size() <= content_header_bytes_max && !value.starts_with(' ') &&
         !value.ends_with(' ') &&
         std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_tag(const TagLimits& limits, std::string_view name, std::string_view value) {
  const auto good = [&](std::string_view text, size_t letters_max) {
    return letters_of(text) <= letters_max &&
           std::ranges::all_of(text, [&](char c) { return is_tag_letter(c, limits.ascii_only); });
  };
  return !name.empty() && good(name, limits.name_letters_max) &&
         good(value, limits.value_letters_max);
}

std::string storage_class_of(const Capabilities& can, std::string_view name) {
  const auto plain = [](char c) { return c == '-' ? '_' : ascii_lower(c); };
  const auto at = std::ranges::find_if(can.storage_classes, [&](const std::string& each) {
    return std::ranges::equal(each, name, {}, plain, plain);
  });
  return at == can.storage_classes.end() ? std::string(name) : *at;
}

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
                can.storage_classes.empty()
                    ? "leave the class away"
                    : fmt::format("it has {}", fmt::join(can.storage_classes, ", ")));
  }
  size_t bytes = options.content_type.size();
  for (const ContentHeader& each : content_headers) {
    bytes += (options.headers.*each.value).size();
  }
  for (const auto& [name, value] : options.metadata) {
    if (!is_metadata(can, name, value)) {
      return fail(Code::bad_input, fmt::format("metadata '{}' cannot be kept", name),
                  fmt::format("names are made of a-z, 0-9 and '-'{}, values have no line ends",
                              can.metadata_signs ? ", '_', '.'" : ""));
    }
    bytes += name.size() + value.size();
  }
  if (!options.metadata.empty() && can.metadata_bytes_max == 0) {
    return fail(Code::unsupported,
                fmt::format("{} keeps no metadata here. {}", can.provider, can.note),
                "leave the metadata away");
  }
  if (bytes > can.metadata_bytes_max && can.metadata_bytes_max > 0) {
    return fail(Code::bad_input,
                fmt::format("{} bytes of metadata and headers, {} are allowed", bytes,
                            can.metadata_bytes_max),
                "shorten them");
  }
  TRY_OK(check_headers(options));
  if (options.lock != Lock{} && !can.locks) {
    return fail(Code::unsupported, fmt::format("{} cannot lock objects", can.provider),
                "leave retention and legal hold away");
  }
  return check_tags(options.tags, can);
}

}  // namespace tutti::cloud
