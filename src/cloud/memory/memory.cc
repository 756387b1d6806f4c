// SPDX-License-Identifier: Apache-2.0
#include "cloud/memory/memory.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/body_check.h"
#include "cloud/locks.h"

namespace tutti::cloud::memory {
namespace {

struct Object {
  ObjectMeta meta;
  std::string bytes;
  Tags tags = {};
};
using ObjectPtr = std::shared_ptr<const Object>;

// One of the things a name has meant: an object, or that it was removed.
struct Version {
  uint64_t number = 0;  // rises with each write of the store
  ObjectPtr object;     // of a delete marker: without bytes
  Lock lock = {};
  bool archived = false;
  Instant readable_from = {};  // of an archived one that was asked for
  Instant readable_until = {};

  bool is_marker() const { return object->meta.delete_marker; }
  Archived state(Instant now) const {
    return !archived || readable_until == Instant{} ? (archived ? Archived::yes : Archived::no)
           : now < readable_from                    ? Archived::restoring
           : now < readable_until                   ? Archived::restored
                                                    : Archived::yes;
  }
};
using Versions = std::vector<Version>;  // the oldest first

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
  MemoryStore(BufferPool& buffers, std::string base, Options options)
      : buffers_(buffers), base_(std::move(base)), archive_(options.archive) {
    can_.provider = "memory";
    can_.versions = options.versions || options.locks;
    can_.delete_markers = can_.versions;
    can_.locks = options.locks;
    if (archive_) {
      can_.archives = true;
      can_.storage_classes = {"standard", "archive"};
    }
    can_.metadata_bytes_max = 2048;
    can_.metadata_signs = true;
    can_.tags = {.count_max = 10, .name_letters_max = 128, .value_letters_max = 256};
    can_.keeps_digests = {DigestKind::crc32c, DigestKind::sha256, DigestKind::md5,
                          DigestKind::crc64nvme};
    can_.checks_digests = {DigestKind::crc32c};
  }

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override {
    CO_OK(ctx.check());
    CO_TRY(const Version* found, find(key, options.version));
    co_return described(*found, ctx.clock().wall());
  }

  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override {
    CO_OK(ctx.check());
    CO_TRY(const Version* found, find(key, options.version));
    const Archived state = found->state(ctx.clock().wall());
    if (state == Archived::yes || state == Archived::restoring) {
      co_return fail(at(key, archived_error(state)));
    }
    if (!options.if_match.empty() && options.if_match != found->object->meta.etag) {
      co_return fail(at(key, {.code = Code::conflict,
                              .what = "the object was changed since it was looked at",
                              .remedy = "list or look again"}));
    }
    Opened opened{.meta = described(*found, ctx.clock().wall()), .source = nullptr};
    opened.source =
        std::make_unique<ObjectSource>(buffers_, found->object, options.range.value_or(Range{}));
    co_return opened;
  }

  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override {
    CO_OK(check_write(key, options, ctx.clock().wall()));
    CO_OK(condition(key, options));  // early: not after a long body
    CO_TRY(Object object, co_await receive(ctx, key, std::move(body)));
    co_return keep(std::move(key), std::move(object), std::move(options), ctx.clock().wall());
  }

  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override {
    CO_OK(ctx.check());
    CO_OK(check_write(key, options.put, ctx.clock().wall()));
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
    CO_OK(check_version(key, options.version));
    const auto at_key = objects_.find(key.text);
    if (!options.version.empty()) {
      co_return at_key == objects_.end() ? Result<Unit>(Unit{})
                                         : erase(at_key, options.version, ctx.clock().wall());
    }
    CO_OK(condition(key, {.if_match = options.if_match}));
    if (can_.versions) {
      Object marker;
      marker.meta.delete_marker = true;
      add(key, std::move(marker), ctx.clock().wall());
    } else if (at_key != objects_.end()) {
      objects_.erase(at_key);
    }
    co_return Unit{};
  }

  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override {
    CO_OK(ctx.check());
    CO_TRY(const Version* found, find(from, options.version));
    const ObjectPtr source = found->object;
    const Archived state = found->state(ctx.clock().wall());
    if (state == Archived::yes || state == Archived::restoring) {
      co_return fail(at(from, archived_error(state)));
    }
    if (!options.if_match.empty() && options.if_match != source->meta.etag) {
      co_return fail(at(from, {.code = Code::conflict, .what = "the source was changed"}));
    }
    CO_OK(check_write(to, options.put, ctx.clock().wall()));
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
    CO_TRY(const Version* found, find(key, {}));
    co_return found->object->tags;
  }

  Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options) override {
    CO_OK(ctx.check());
    CO_TRY(const Version* found, find_lockable(key, options.version));
    co_return found->lock;
  }

  Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                           LockOptions options) override {
    CO_OK(ctx.check());
    CO_TRY(Version * found, find_lockable(key, options.version));
    auto good =
        check_retention(found->lock, retention, options.bypass_governance, ctx.clock().wall());
    if (!good.has_value()) {
      co_return fail(at(key, std::move(good).error()));
    }
    found->lock.retention = retention;
    co_return Unit{};
  }

  Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) override {
    CO_OK(ctx.check());
    CO_TRY(Version * found, find_lockable(key, options.version));
    found->lock.legal_hold = on;
    co_return Unit{};
  }

  Task<Unit> restore(rt::Context& ctx, Key key, RestoreOptions options) override {
    CO_OK(ctx.check());
    if (!archive_) {
      co_return co_await ObjectStore::restore(ctx, std::move(key), std::move(options));
    }
    CO_TRY(Version * found, find(key, options.version));
    const Instant now = ctx.clock().wall();
    const Archived state = found->state(now);
    if (state == Archived::no) {
      co_return fail(at(key, {.code = Code::conflict, .what = "the object is not archived"}));
    }
    if (state == Archived::yes) {
      found->readable_from = now + *archive_;
    }
    found->readable_until =
        std::max(now, found->readable_from) + days(static_cast<int64_t>(options.days));
    co_return Unit{};
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
    object.meta.content_type = std::move(options.content_type);
    object.meta.headers = std::move(options.headers);
    object.meta.metadata = std::move(options.metadata);
    object.tags = std::move(options.tags);
    Version& kept = add(key, std::move(object), now);
    kept.lock = options.lock;
    kept.archived = options.storage_class == "archive";
    return described(kept, now);
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

  Result<Unit> check_write(const Key& key, const PutOptions& options, Instant now) const {
    TRY_OK(check(key, options));
    auto good = check_retention({}, options.lock.retention, false, now);
    return good.has_value() ? good : fail(at(key, std::move(good).error()));
  }

  Result<Unit> check_version(const Key& key, const std::string& version) const {
    return version.empty() || can_.versions
               ? Result<Unit>(Unit{})
               : fail(at(key, {.code = Code::unsupported,
                               .what = "memory keeps no versions of an object here"}));
  }

  Result<Unit> condition(const Key& key, const PutOptions& options) const {
    const Version* there = latest(key);
    const bool object = there != nullptr && !there->is_marker();
    auto good = check_conditions(options, object ? &there->object->meta : nullptr);
    return good.has_value() ? good : fail(at(key, std::move(good).error()));
  }

  const Version* latest(const Key& key) const {
    const auto found = objects_.find(key.text);
    return found == objects_.end() ? nullptr : &found->second.back();
  }

  // An object; the latest, or of that version.
  Result<Version*> find(const Key& key, const std::string& version) {
    TRY_OK(check(key, {}));
    TRY_OK(check_version(key, version));
    const auto found = objects_.find(key.text);
    if (found != objects_.end()) {
      Versions& all = found->second;
      const auto at_version = version.empty() ? std::prev(all.end()) : find_number(all, version);
      if (at_version != all.end() && !at_version->is_marker()) {
        return &*at_version;
      }
    }
    return fail(at(key, {.code = Code::not_found,
                         .what = version.empty() ? "there is no such object"
                                                 : "there is no such version of the object"}));
  }

  Result<Version*> find_lockable(const Key& key, const std::string& version) {
    if (!can_.locks) {
      return fail(
          at(key, {.code = Code::unsupported, .what = "memory does not lock objects here"}));
    }
    return find(key, version);
  }

  static Versions::iterator find_number(Versions& all, const std::string& version) {
    return std::ranges::find_if(all,
                                [&](const Version& each) { return id_of(each.number) == version; });
  }
  static std::string id_of(uint64_t number) { return fmt::format("v{:x}", number); }

  Version& add(const Key& key, Object object, Instant now) {
    const uint64_t number = ++writes_;
    object.meta.key = key;
    object.meta.etag = object.meta.delete_marker ? std::string() : fmt::format("{:x}", number);
    object.meta.modified = now;
    object.meta.version = can_.versions ? id_of(number) : std::string();
    Versions& all = objects_[key.text];
    if (!can_.versions) {
      all.clear();
    }
    all.push_back({.number = number, .object = std::make_shared<const Object>(std::move(object))});
    return all.back();
  }

  Result<Unit> erase(std::map<std::string, Versions, std::less<>>::iterator at_key,
                     const std::string& version, Instant now) {
    Versions& all = at_key->second;
    const auto found = find_number(all, version);
    if (found == all.end()) {
      return Unit{};
    }
    if (is_locked(found->lock, now)) {
      return fail(at({at_key->first}, locked_error(found->lock, now)));
    }
    all.erase(found);
    if (all.empty()) {
      objects_.erase(at_key);
    }
    return Unit{};
  }

  static ObjectMeta described(const Version& version, Instant now) {
    ObjectMeta meta = version.object->meta;
    meta.archived = version.state(now);
    if (meta.archived == Archived::restored) {
      meta.restored_until = version.readable_until;
    }
    return meta;
  }

  struct Place;
  static Place place_of(const ListOptions& options);
  static bool add_to(Page& page, const Versions& all, const ListOptions& options, uint64_t number,
                     Instant now);

  BufferPool& buffers_;
  std::string base_;
  std::optional<Duration> archive_;  // how long restoring takes
  Capabilities can_;
  std::map<std::string, Versions, std::less<>> objects_;  // none is empty
  std::map<std::string, StagedParts> kept_;               // of uploads that others may go on with
  uint64_t uploads_ = 0;
  uint64_t writes_ = 0;
};

// Where a listing goes on.
struct MemoryStore::Place {
  std::string behind = {};       // a key, unless `number` says that this key goes on
  std::string skip = {};         // a prefix already given
  uint64_t number = UINT64_MAX;  // of the first key: only versions before this one
};

// The cursor is `k` + the last key given, `p` + the last prefix, or `v` + the number of the last
// version, a slash and its key.
MemoryStore::Place MemoryStore::place_of(const ListOptions& options) {
  if (options.cursor.empty()) {
    return {.behind = options.start_after.text};
  }
  std::string rest = options.cursor.substr(1);
  if (options.cursor.front() == 'p') {
    return {.behind = rest, .skip = rest};
  }
  Place place{.behind = rest};
  if (options.cursor.front() == 'v') {
    const size_t slash = rest.find('/');
    place.behind = rest.substr(slash + 1);
    std::from_chars(rest.data(), rest.data() + slash, place.number);
  }
  return place;
}

// Of one key; false: the page was full before its last.
bool MemoryStore::add_to(Page& page, const Versions& all, const ListOptions& options,
                         uint64_t number, Instant now) {
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    if (each->number >= number) {
      continue;
    }
    if (page.objects.size() + page.prefixes.size() >= options.limit) {
      return false;
    }
    page.objects.push_back(described(*each, now));
    page.objects.back().is_latest = each == all.rbegin();
    const std::string& key = page.objects.back().key.text;
    page.next = options.versions ? fmt::format("v{}/{}", each->number, key) : "k" + key;
    if (!options.versions) {
      break;
    }
  }
  return true;
}

Task<Page> MemoryStore::list(rt::Context& ctx, ListOptions options) {
  CO_OK(ctx.check());
  CO_OK(check_version(options.prefix, options.versions ? "any" : ""));
  const std::string& prefix = options.prefix.text;
  options.limit = std::clamp<uint32_t>(options.limit, 1, 1000);
  Place place = place_of(options);
  const bool goes_on = place.number != UINT64_MAX;
  auto at_key = goes_on ? objects_.lower_bound(place.behind) : objects_.upper_bound(place.behind);
  if (at_key != objects_.end() && at_key->first < prefix) {
    at_key = objects_.lower_bound(prefix);
  }
  Page page;  // its `next` is where it has come to, until the end
  for (; at_key != objects_.end() && at_key->first.starts_with(prefix); ++at_key) {
    const auto& [key, all] = *at_key;
    if ((!place.skip.empty() && key.starts_with(place.skip)) ||
        (!options.versions && all.back().is_marker())) {
      continue;
    }
    const size_t cut =
        options.delimiter.empty() ? std::string::npos : key.find(options.delimiter, prefix.size());
    if (cut == std::string::npos) {
      const uint64_t number = goes_on && key == place.behind ? place.number : UINT64_MAX;
      if (!add_to(page, all, options, number, ctx.clock().wall())) {
        co_return page;
      }
    } else if (page.objects.size() + page.prefixes.size() == options.limit) {
      co_return page;
    } else {
      place.skip = key.substr(0, cut + options.delimiter.size());
      page.prefixes.push_back({place.skip});
      page.next = "p" + place.skip;
    }
  }
  page.next.clear();
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

std::unique_ptr<ObjectStore> make_store(BufferPool& buffers, std::string base, Options options) {
  return std::make_unique<MemoryStore>(buffers, std::move(base), options);
}

}  // namespace tutti::cloud::memory
