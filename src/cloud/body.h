// SPDX-License-Identifier: Apache-2.0
// Conveniences over ObjectStore: bodies, whole small objects and streaming listings.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cloud/object_store.h"

namespace tutti::cloud {

// The bytes of `text`, copied into chunks of `pool` when opened; can be opened again.
Body body_of(BufferPool& pool, std::string text);

// The same without a pool: for what is small, or held for another reason. One chunk.
Body held_body(std::shared_ptr<const std::string> text);

// An object of a store, opened when the put asks for it; `options.range` is not used.
// The store must outlive the body.
Body body_of(ObjectStore& store, ObjectMeta meta, GetOptions options = {});

// Takes the source to its end.
Task<std::string> read_all(rt::Context& ctx, ByteSource& source, size_t bytes_max);

// A whole object; bad_input when it is larger than `bytes_max`.
Task<std::string> get_text(rt::Context& ctx, ObjectStore& store, Key key,
                           size_t bytes_max = 64U << 20U);

// All pages of a listing, one object at a time, one page in memory. With a delimiter the common
// prefixes are given as objects without etag whose key is the prefix.
class Listing {
 public:
  Listing(ObjectStore& store, ListOptions options);
  // nullopt at the end.
  Task<std::optional<ObjectMeta>> next(rt::Context& ctx);
  // Of all pages so far.
  const LeftOut& left_out() const { return left_out_; }

 private:
  ObjectStore* store_;
  ListOptions options_;
  std::vector<ObjectMeta> page_;
  LeftOut left_out_;
  size_t at_ = 0;
  bool last_ = false;
};

// A piece of an object, which lies inside of it.
Body body_of(ObjectStore& store, ObjectMeta meta, Range range);

// An object that was opened already: the first reading takes that source, another opens the same
// version again. Digests and size are those of the meta that came with it.
Body body_of(ObjectStore& store, Opened opened);

// A key every store can have: not empty, UTF-8, no NUL, at most `bytes_max`.
Result<Unit> check_key(const Key& key, size_t bytes_max);

}  // namespace tutti::cloud
