// SPDX-License-Identifier: Apache-2.0
// BodyCheck: what a store does with the bytes of a Body besides keeping them: counts, computes
// CRC32C and whatever digests were announced, and compares at the end. For implementations.
#pragma once

#include <string>
#include <vector>

#include "cloud/object_store.h"

namespace tutti::cloud {

class BodyCheck {
 public:
  explicit BodyCheck(const Body& body);
  // Any thread, one at a time.
  void update(std::span<const std::byte> bytes);
  uint64_t size() const { return size_; }
  // After the last byte: `corrupt` where size or a digest differs; else every digest the bytes are
  // known to have: CRC32C first, then those announced or handed in afterwards.
  Result<std::vector<Digest>> finish(const Body& body);

 private:
  std::vector<std::pair<DigestKind, Hasher>> hashers_;
  std::vector<Digest> seen_;  // once finished
  uint64_t size_ = 0;
};

// The same for an object put together from parts, whose CRC32C is `crc`: compares `given` with it
// and returns all of them.
Result<std::vector<Digest>> check_whole(const Digest& crc, std::vector<Digest> given);

// Conditions of a put, given what is there now.
Result<Unit> check_conditions(const PutOptions& options, const ObjectMeta* existing);
// Metadata, headers and tags that every store can keep: names, sizes; `unsupported` where no
// metadata, or no tags, are kept.
Result<Unit> check_put_options(const PutOptions& options, const Capabilities& can);

// The class as the store spells it, whatever the case; one it does not have stays as it is.
std::string storage_class_of(const Capabilities& can, std::string_view name);

// A name the store can have, and a value without line ends.
bool is_metadata(const Capabilities& can, std::string_view name, std::string_view value);
// Printable ASCII, no more than content_header_bytes_max, not empty.
bool is_header_value(std::string_view value);
// A tag within `limits`, of which there may be none.
bool is_tag(const TagLimits& limits, std::string_view name, std::string_view value);

}  // namespace tutti::cloud
