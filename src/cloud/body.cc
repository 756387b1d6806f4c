// SPDX-License-Identifier: Apache-2.0
#include "cloud/body.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

#include "base/value.h"

namespace tutti::cloud {
namespace {

class TextSource final : public ByteSource {
 public:
  TextSource(BufferPool& pool, std::shared_ptr<const std::string> text, uint64_t offset)
      : pool_(pool), text_(std::move(text)), at_(std::min<uint64_t>(offset, text_->size())) {}

  Task<Chunk> next(rt::Context& ctx) override {
    CO_OK(ctx.check());
    if (at_ == text_->size()) {
      co_return Chunk();
    }
    CO_TRY(Buffer buffer, co_await pool_.take(ctx));
    const size_t n = std::min(buffer.space().size(), text_->size() - at_);
    std::memcpy(buffer.space().data(), text_->data() + at_, n);
    at_ += n;
    co_return Chunk(std::move(buffer), n);
  }

 private:
  BufferPool& pool_;
  std::shared_ptr<const std::string> text_;
  size_t at_;
};

Task<std::unique_ptr<ByteSource>> open_text(BufferPool& pool,
                                            std::shared_ptr<const std::string> text,
                                            uint64_t offset) {
  co_return std::make_unique<TextSource>(pool, std::move(text), offset);
}

class HeldSource final : public ByteSource {
 public:
  explicit HeldSource(Chunk chunk) : chunk_(std::move(chunk)) {}
  Task<Chunk> next(rt::Context& ctx) override {
    CO_OK(ctx.check());
    co_return std::exchange(chunk_, Chunk());
  }

 private:
  Chunk chunk_;
};

Task<std::unique_ptr<ByteSource>> open_held(Chunk chunk) {
  co_return std::make_unique<HeldSource>(std::move(chunk));
}

Task<std::unique_ptr<ByteSource>> open_taken(std::unique_ptr<ByteSource> source) {
  co_return std::move(source);
}

Task<std::unique_ptr<ByteSource>> open_object(rt::Context& ctx, ObjectStore& store, Key key,
                                              GetOptions options) {
  CO_TRY(Opened opened, co_await store.get(ctx, std::move(key), std::move(options)));
  co_return std::move(opened.source);
}

}  // namespace

std::optional<Digest> ObjectMeta::digest(DigestKind kind) const {
  const auto at = std::ranges::find(digests, kind, &Digest::kind);
  return at == digests.end() ? std::nullopt : std::optional(*at);
}

Task<std::vector<SentPart>> Upload::take_over(rt::Context&, std::vector<SentPart>) {
  co_return fail(Code::unsupported, "an upload here ends with the process that began it");
}

Task<Unit> ObjectStore::create_bucket(rt::Context&) {
  co_return fail(Code::unsupported,
                 fmt::format("{} has no buckets to make", capabilities().provider));
}

Task<Unit> ObjectStore::remove_bucket(rt::Context&) {
  co_return fail(Code::unsupported,
                 fmt::format("{} has no buckets to remove", capabilities().provider));
}

Task<Tags> ObjectStore::tags(rt::Context&, Key) {
  co_return fail(Code::unsupported, "this store keeps no tags of objects");
}

Task<ObjectMeta> ObjectStore::pull(rt::Context&, Key, PullSource, PutOptions) {
  co_return fail(Code::unsupported,
                 fmt::format("{} does not read objects of others", capabilities().provider));
}

Task<std::string> ObjectStore::presign(rt::Context&, Key, PresignOptions) {
  co_return fail(Code::unsupported, fmt::format("{} has no signed URLs", capabilities().provider),
                 "copy the object to a store that has them");
}

Task<std::vector<PendingUpload>> ObjectStore::uploads(rt::Context&, Key) {
  co_return fail(Code::unsupported, "this store does not tell which uploads are under way");
}

Task<Unit> ObjectStore::abort_upload(rt::Context&, Key, std::string) {
  co_return fail(Code::unsupported, "this store cannot end an upload that another began");
}

namespace {

Error no_locks(const ObjectStore& store) {
  return {.code = Code::unsupported,
          .what = fmt::format("{} cannot lock objects", store.capabilities().provider)};
}

}  // namespace

Task<Lock> ObjectStore::lock(rt::Context&, Key, LockOptions) { co_return fail(no_locks(*this)); }

Task<Unit> ObjectStore::set_retention(rt::Context&, Key, std::optional<Retention>, LockOptions) {
  co_return fail(no_locks(*this));
}

Task<Unit> ObjectStore::set_legal_hold(rt::Context&, Key, bool, LockOptions) {
  co_return fail(no_locks(*this));
}

Task<Unit> ObjectStore::restore(rt::Context&, Key, RestoreOptions) {
  co_return fail(
      Code::unsupported,
      fmt::format("{} archives no objects: they can be read as they are", capabilities().provider));
}

Body body_of(BufferPool& pool, std::string text) {
  auto shared = std::make_shared<const std::string>(std::move(text));
  Body body;
  body.size = shared->size();
  body.open = [&pool, shared](rt::Context&, uint64_t offset) {
    return open_text(pool, shared, offset);
  };
  return body;
}

Body held_body(std::shared_ptr<const std::string> text) {
  Body body;
  body.size = text->size();
  body.open = [chunk = Chunk(std::move(text))](rt::Context&, uint64_t offset) {
    const size_t from = std::min<uint64_t>(offset, chunk.size());
    return open_held(chunk.slice(from, chunk.size() - from));
  };
  return body;
}

Body body_of(ObjectStore& store, ObjectMeta meta, GetOptions options) {
  Body body;
  body.size = meta.size;
  body.digests = meta.digests;
  if (options.if_match.empty()) {
    options.if_match = meta.etag;
  }
  body.open = [&store, key = meta.key, options](rt::Context& ctx, uint64_t offset) {
    GetOptions here = options;
    here.range = offset == 0 ? std::nullopt : std::optional(Range{.offset = offset});
    return open_object(ctx, store, key, std::move(here));
  };
  return body;
}

Body body_of(ObjectStore& store, ObjectMeta meta, Range range) {
  Body body;
  body.size = range.length;
  body.open = [&store, meta = std::move(meta), range](rt::Context& ctx, uint64_t offset) {
    GetOptions options{.if_match = meta.etag, .version = meta.version};
    options.range = Range{.offset = range.offset + offset, .length = *range.length - offset};
    return open_object(ctx, store, meta.key, std::move(options));
  };
  return body;
}

Body body_of(ObjectStore& store, Opened opened) {
  Body body = body_of(store, opened.meta, GetOptions{});
  auto first = std::make_shared<std::unique_ptr<ByteSource>>(std::move(opened.source));
  body.open = [first, again = body.open](rt::Context& ctx, uint64_t offset) {
    return offset == 0 && *first != nullptr ? open_taken(std::move(*first)) : again(ctx, offset);
  };
  return body;
}

Task<std::string> read_all(rt::Context& ctx, ByteSource& source, size_t bytes_max) {
  std::string out;
  while (true) {
    CO_TRY(const Chunk chunk, co_await source.next(ctx));
    if (chunk.empty()) {
      co_return out;
    }
    if (out.size() + chunk.size() > bytes_max) {
      co_return fail(Code::bad_input, fmt::format("it is larger than {} bytes", bytes_max));
    }
    out += chunk.text();
  }
}

Task<std::string> get_text(rt::Context& ctx, ObjectStore& store, Key key, size_t bytes_max) {
  CO_TRY(Opened opened, co_await store.get(ctx, key, {}));
  if (opened.meta.size > bytes_max) {
    co_return fail(Error{.code = Code::bad_input,
                         .what = fmt::format("it has {} bytes, more than the {} allowed here",
                                             opened.meta.size, bytes_max),
                         .where = key.text});
  }
  co_return co_await read_all(ctx, *opened.source, bytes_max);
}

namespace {

// Objects and prefixes; the versions of a key as they came.
std::vector<ObjectMeta> in_order(Page page, bool versions) {
  std::vector<ObjectMeta> folders;
  for (Key& prefix : page.prefixes) {
    folders.push_back({.key = std::move(prefix), .size = 0, .etag = {}});
  }
  std::ranges::sort(folders, {}, &ObjectMeta::key);
  if (!versions) {
    std::ranges::sort(page.objects, {}, &ObjectMeta::key);
  }
  if (folders.empty()) {
    return std::move(page.objects);
  }
  std::vector<ObjectMeta> all;
  all.reserve(page.objects.size() + folders.size());
  std::merge(std::make_move_iterator(page.objects.begin()),
             std::make_move_iterator(page.objects.end()), std::make_move_iterator(folders.begin()),
             std::make_move_iterator(folders.end()), std::back_inserter(all),
             [](const ObjectMeta& a, const ObjectMeta& b) { return a.key < b.key; });
  return all;
}

}  // namespace

Listing::Listing(ObjectStore& store, ListOptions options)
    : store_(&store), options_(std::move(options)) {}

Task<std::optional<ObjectMeta>> Listing::next(rt::Context& ctx) {
  while (at_ == page_.size()) {
    if (last_) {
      co_return std::nullopt;
    }
    CO_TRY(Page page, co_await store_->list(ctx, options_));
    options_.cursor = std::move(page.next);
    last_ = options_.cursor.empty();
    left_out_.add(page.left_out);
    page_ = in_order(std::move(page), options_.versions);
    at_ = 0;
  }
  co_return std::optional(std::move(page_[at_++]));
}

Result<Unit> check_key(const Key& key, size_t bytes_max) {
  const auto refuse = [&](std::string what, std::string remedy) {
    return fail(Error{.code = Code::bad_input,
                      .what = std::move(what),
                      .where = key.text.substr(0, 200),
                      .remedy = std::move(remedy)});
  };
  if (key.text.empty()) {
    return refuse("the address names no object: its key is empty", "write the object's key");
  }
  if (key.text.find('\0') != std::string::npos) {
    return refuse("a key with a NUL byte in it", "remove the byte");
  }
  if (key.text.size() > bytes_max) {
    return refuse(fmt::format("the key has {} bytes, more than the {} a key may have",
                              key.text.size(), bytes_max),
                  "use a shorter key");
  }
  if (!is_utf8(key.text)) {
    return refuse("the key is not UTF-8", "rename the object");
  }
  return Unit{};
}

}  // namespace tutti::cloud
