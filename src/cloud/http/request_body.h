// SPDX-License-Identifier: Apache-2.0
// A Body on its way out: counted, digested, and proven before the request can be complete. Bytes
// that turn out wrong cut the connection, so that no server can take them for the object.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/body_check.h"
#include "cloud/object_store.h"
#include "net/http.h"

namespace tutti::cloud::http {

// Reads a body once. One coroutine.
class BodyReader {
 public:
  static Task<std::unique_ptr<BodyReader>> open(rt::Context& ctx, Body body);
  // The next bytes; none once all have come and size and digests are as announced. `corrupt`
  // otherwise: at once where there are too many.
  Task<Chunk> next(rt::Context& ctx);
  uint64_t bytes() const { return check_.size(); }
  // After the end: CRC32C first, and what else is known of the bytes.
  const std::vector<Digest>& digests() const { return digests_; }

 private:
  BodyReader(Body body, std::unique_ptr<ByteSource> source);

  Body body_;
  std::unique_ptr<ByteSource> source_;
  BodyCheck check_;
  std::vector<Digest> digests_;
};

// The body as it is, `size` bytes. The last byte is kept back until the reader has found the end.
class PlainBody final : public net::HttpSource {
 public:
  PlainBody(std::shared_ptr<BodyReader> reader, uint64_t size);
  uint64_t size() const override { return size_; }
  Task<std::span<const std::byte>> next(rt::Context& ctx) override;

 private:
  std::shared_ptr<BodyReader> reader_;
  uint64_t size_;
  Chunk chunk_;                    // being sent
  std::optional<std::byte> kept_;  // the last one
  std::byte last_{};               // that one, being sent
};

// The whole of a small body.
struct Collected {
  std::string bytes;
  std::vector<Digest> digests;
};
// bad_input when it is longer than `bytes_max`.
Task<Collected> collect(rt::Context& ctx, Body body, size_t bytes_max);

// Puts a body of unknown size, or one too large for a single request, part after part. Each part
// lies in memory, so that it can be sent again. What was begun is aborted where it fails. A body
// that fits into one part is a put. `part_bytes` is raised where a known size asks for it.
Task<ObjectMeta> put_in_parts(rt::Context& ctx, ObjectStore& store, Key key, Body body,
                              PutOptions options, uint64_t part_bytes);

}  // namespace tutti::cloud::http
