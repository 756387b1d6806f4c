// SPDX-License-Identifier: Apache-2.0
#include "cloud/memory/memory.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/body_check.h"

namespace tutti::cloud::memory {
namespace {

struct Object {
  ObjectMeta meta;
  std::string bytes;
  Tags tags = {};
};
using ObjectPtr = std::shared_ptr<const Object>;

class ObjectSource final : public ByteSource {
 public:
  ObjectSource(BufferPool& buffers, ObjectPtr object, Range range)
      : buffers_(buffers), object_(std::move(object)) {
    const uint64_t size = object_->bytes.size();
    at_ = std::min(range.offset, size);
    end_ = range.length ? at_ + std::min(*range.length, size - at_) : size;
  }

  Task<Chunk> next(rt::Context& ctx) override {
    CO_OK(ctx.check());
    if (at_ == end_) {
      co_return Chunk();
    }
    CO_TRY(Buffer buffer, co_await buffers_.take(ctx));
    const size_t n = std::min<uint64_t>(buffer.space().size(), end_ - at_);
    std::memcpy(buffer.space().data(), object_->bytes.data() + at_, n);
    at_ += n;
    co_return Chunk(std::move(buffer), n);
  }

 private:
  BufferPool& buffers_;
  ObjectPtr object_;
  uint64_t at_ = 0;
  uint64_t end_ = 0;
};

class MemoryStore;

struct StagedPart {
  std::string bytes;
  Digest crc;
};

using StagedParts = std::map<uint32_t, StagedPart>;

class MemoryUpload final : public Upload {
 public:
  MemoryUpload(MemoryStore& store, Key key, UploadOptions options, std::string id)
      : store_(store), key_(std::move(key)), options_(std::move(options)), id_(std::move(id)) {}
  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override;
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override;
  Task<Unit> abort(rt::Context&) override {
    ended_ = true;
    parts_.clear();
    co_return Unit{};
  }
  std::string id() const override { return options_.resumable ? id_ : std::string(); }
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override;
  void keep() override;

 private:
  Result<Object> whole(std::vector<Digest> digests);

  MemoryStore& store_;
  Key key_;
  UploadOptions options_;
  std::string id_;
  StagedParts parts_;
  bool ended_ = false;
};

class MemoryStore final : public ObjectStore {
 public:
  MemoryStore(BufferPool& buffers, std::string base) : buffers_(buffers), base_(std::move(base)) {
    can_.provider = "memory";
    can_.metadata_bytes_max = 2048;
    can_.metadata_signs = true;
    can_.tags = {.count_max = 10, .name_letters_max = 128, .value_letters_max = 256};
    can_.keeps_digests = {DigestKind::crc32c, DigestKind::sha256, DigestKind::md5,
                          DigestKind::crc64nvme};
    can_.checks_digests = {DigestKind::crc32c};
  }

  Task<ObjectMeta> head(rt::Context& ctx, Key key) override {
    CO_OK(ctx.check());
    CO_TRY(const ObjectPtr object, find(key));
    co_return object->meta;
  }

  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override {
    CO_OK(ctx.check());
    CO_TRY(ObjectPtr object, find(key));
    if (!options.version.empty()) {
      co_return fail(no_versions());
    }
    if (!options.if_match.empty() && options.if_match != object->meta.etag) {
      co_return fail(at(key, {.code = Code::conflict,
                              .what = "the object was changed since it was looked at",
                              .remedy = "list or look again"}));
    }
    Opened opened{.meta = object->meta, .source = nullptr};
    opened.source = std::make_unique<ObjectSource>(buffers_, std::move(object),
                                                   options.range.value_or(Range{}));
    co_return opened;
  }

  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override {
    CO_OK(check(key, options));
    CO_OK(condition(key, options));  // early: not after a long body
    CO_TRY(Object object, co_await receive(ctx, key, std::move(body)));
    co_return keep(std::move(key), std::move(object), std::move(options), ctx.clock().wall());
  }

  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override {
    CO_OK(ctx.check());
    CO_OK(check(key, options.put));
    CO_OK(condition(key, options.put));
    if (!options.id.empty() && !kept_.contains(options.id)) {
      co_return fail(at(key, {.code = Code::not_found, .what = "there is no such upload"}));
    }
    std::string id = options.id.empty() ? fmt::format("{:x}", ++uploads_) : options.id;
    co_return std::make_unique<MemoryUpload>(*this, std::move(key), std::move(options),
                                             std::move(id));
  }

  Task<Page> list(rt::Context& ctx, ListOptions options) override;

  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override {
    CO_OK(ctx.check());
    CO_OK(check(key, {}));
    if (!options.version.empty()) {
      co_return fail(no_versions());
    }
    CO_OK(condition(key, {.if_match = options.if_match}));
    objects_.erase(key.text);
    co_return Unit{};
  }

  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override {
    CO_OK(ctx.check());
    CO_TRY(const ObjectPtr source, find(from));
    if (!options.if_match.empty() && options.if_match != source->meta.etag) {
      co_return fail(at(from, {.code = Code::conflict, .what = "the source was changed"}));
    }
    CO_OK(check(to, options.put));
    Object copy = *source;
    if (options.put.content_type.empty()) {
      options.put.content_type = source->meta.content_type;
    }
    if (options.put.headers == ContentHeaders{}) {
      options.put.headers = source->meta.headers;
    }
    if (options.put.metadata.empty() && !options.metadata_anew) {
      options.put.metadata = source->meta.metadata;
    }
    if (options.put.tags.empty()) {
      options.put.tags = source->tags;
    }
    co_return keep(std::move(to), std::move(copy), std::move(options.put), ctx.clock().wall());
  }

  const Capabilities& capabilities() const override { return can_; }

  Task<Tags> tags(rt::Context& ctx, Key key) override {
    CO_OK(ctx.check());
    CO_TRY(const ObjectPtr object, find(key));
    co_return object->tags;
  }

  // Takes a body whole, checked; the meta has size and digests.
  Task<Object> receive(rt::Context& ctx, Key key, Body body) {
    auto source = co_await body.open(ctx, 0);
    if (!source.has_value()) {
      co_return fail(std::move(source).error());
    }
    BodyCheck check(body);
    Object object;
    while (true) {
      CO_TRY(const Chunk chunk, co_await (*source)->next(ctx));
      if (chunk.empty()) {
        break;
      }
      check.update(chunk.bytes());
      object.bytes += chunk.text();
    }
    auto digests = check.finish(body);
    if (!digests.has_value()) {
      co_return fail(at(key, std::move(digests).error()));
    }
    object.meta.digests = std::move(*digests);
    co_return object;
  }

  void keep_parts(const std::string& id, StagedParts parts) { kept_[id] = std::move(parts); }
  StagedParts take_parts(const std::string& id) {
    auto found = kept_.extract(id);
    return found.empty() ? StagedParts{} : std::move(found.mapped());
  }

  // Makes it visible, in one step of the loop.
  Result<ObjectMeta> keep(Key key, Object object, PutOptions options, Instant now) {
    TRY_OK(condition(key, options));
    object.meta.size = object.bytes.size();
    object.meta.etag = fmt::format("{:x}", ++writes_);
    object.meta.modified = now;
    object.meta.content_type = std::move(options.content_type);
    object.meta.headers = std::move(options.headers);
    object.meta.metadata = std::move(options.metadata);
    object.tags = std::move(options.tags);
    object.meta.key = key;
    auto kept = std::make_shared<const Object>(std::move(object));
    objects_[key.text] = kept;
    return kept->meta;
  }

  Error at(const Key& key, Error error) const {
    error.where = base_ + key.text;
    return error;
  }

 private:
  Result<Unit> check(const Key& key, const PutOptions& options) const {
    auto good = check_key(key, can_.key_bytes_max);
    if (good.has_value()) {
      good = check_put_options(options, can_);
    }
    return good.has_value() ? good : fail(at(key, std::move(good).error()));
  }

  Result<Unit> condition(const Key& key, const PutOptions& options) const {
    const auto existing = objects_.find(key.text);
    auto good =
        check_conditions(options, existing == objects_.end() ? nullptr : &existing->second->meta);
    return good.has_value() ? good : fail(at(key, std::move(good).error()));
  }

  Result<ObjectPtr> find(const Key& key) const {
    TRY_OK(check(key, {}));
    const auto object = objects_.find(key.text);
    if (object == objects_.end()) {
      return fail(at(key, {.code = Code::not_found, .what = "there is no such object"}));
    }
    return object->second;
  }

  static Error no_versions() {
    return {.code = Code::unsupported, .what = "memory keeps no versions of an object"};
  }

  BufferPool& buffers_;
  std::string base_;
  Capabilities can_;
  std::map<std::string, ObjectPtr, std::less<>> objects_;
  std::map<std::string, StagedParts> kept_;  // of uploads that others may go on with
  uint64_t uploads_ = 0;
  uint64_t writes_ = 0;
};

// The cursor is `k` + the last key given, or `p` + the last prefix.
Task<Page> MemoryStore::list(rt::Context& ctx, ListOptions options) {
  CO_OK(ctx.check());
  const std::string& prefix = options.prefix.text;
  const size_t limit = std::clamp<size_t>(options.limit, 1, 1000);
  std::string skip;  // a prefix already given
  auto object = objects_.upper_bound(options.start_after.text);
  if (!options.cursor.empty()) {
    skip = options.cursor.front() == 'p' ? options.cursor.substr(1) : std::string();
    object = objects_.upper_bound(options.cursor.substr(1));
  }
  if (object != objects_.end() && object->first < prefix) {
    object = objects_.lower_bound(prefix);
  }
  Page page;
  std::string last;
  for (; object != objects_.end() && object->first.starts_with(prefix); ++object) {
    if (!skip.empty() && object->first.starts_with(skip)) {
      continue;
    }
    if (page.objects.size() + page.prefixes.size() == limit) {
      page.next = last;
      break;
    }
    const size_t cut = options.delimiter.empty()
                           ? std::string::npos
                           : object->first.find(options.delimiter, prefix.size());
    if (cut == std::string::npos) {
      page.objects.push_back(object->second->meta);
      last = "k" + object->first;
    } else {
      skip = object->first.substr(0, cut + options.delimiter.size());
      page.prefixes.push_back({skip});
      last = "p" + skip;
    }
  }
  co_return page;
}

Task<SentPart> MemoryUpload::part(rt::Context& ctx, uint32_t number, Body body) {
  if (ended_ || number == 0 || number > store_.capabilities().parts_max) {
    co_return fail(store_.at(key_, {.code = Code::bad_input, .what = "no such part"}));
  }
  CO_TRY(Object object, co_await store_.receive(ctx, key_, std::move(body)));
  if (object.bytes.size() > options_.part_bytes) {
    co_return fail(
        store_.at(key_, {.code = Code::bad_input, .what = "a part larger than part_bytes"}));
  }
  const SentPart sent{
      .number = number, .bytes = object.bytes.size(), .crc32c = object.meta.digests.front()};
  parts_[number] = {.bytes = std::move(object.bytes), .crc = sent.crc32c};
  co_return sent;
}

Task<std::vector<SentPart>> MemoryUpload::take_over(rt::Context& ctx, std::vector<SentPart> parts) {
  CO_OK(ctx.check());
  StagedParts kept = store_.take_parts(id_);
  std::erase_if(parts, [&](const SentPart& each) {
    const auto at = kept.find(each.number);
    return at == kept.end() || at->second.crc != each.crc32c ||
           at->second.bytes.size() != each.bytes;
  });
  for (const SentPart& each : parts) {
    parts_[each.number] = std::move(kept[each.number]);
  }
  co_return parts;
}

void MemoryUpload::keep() {
  if (options_.resumable && !ended_) {
    store_.keep_parts(id_, std::move(parts_));
  }
}

Result<Object> MemoryUpload::whole(std::vector<Digest> digests) {
  Object object;
  Digest crc = digest_of(DigestKind::crc32c, "");
  uint32_t expected = 1;
  for (auto& [number, part] : parts_) {
    const bool full = part.bytes.size() == options_.part_bytes;
    if (number != expected++ || (!full && number != parts_.rbegin()->first)) {
      return fail(store_.at(key_, {.code = Code::bad_input,
                                   .what = "the parts have a gap, or one in the middle is short"}));
    }
    crc = combine_crc32c(crc, part.crc, part.bytes.size());
    object.bytes += part.bytes;
  }
  auto known = check_whole(crc, std::move(digests));
  if (!known.has_value()) {
    return fail(store_.at(key_, std::move(known).error()));
  }
  object.meta.digests = std::move(*known);
  return object;
}

Task<ObjectMeta> MemoryUpload::commit(rt::Context& ctx, std::vector<Digest> digests) {
  CO_OK(ctx.check());
  if (ended_) {
    co_return fail(store_.at(key_, {.code = Code::bad_input, .what = "the upload has ended"}));
  }
  ended_ = true;
  CO_TRY(Object object, whole(std::move(digests)));
  parts_.clear();
  co_return store_.keep(key_, std::move(object), options_.put, ctx.clock().wall());
}

}  // namespace

std::unique_ptr<ObjectStore> make_store(BufferPool& buffers, std::string base) {
  return std::make_unique<MemoryStore>(buffers, std::move(base));
}

}  // namespace tutti::cloud::memory
