// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/body_check.h"
#include "cloud/cursor.h"
#include "cloud/http/request_body.h"
#include "cloud/locks.h"
#include "cloud/s3/s3.h"
#include "cloud/s3/upload.h"
#include "cloud/s3/writing.h"

namespace tutti::cloud::s3 {
namespace {

constexpr uint64_t unknown_part_bytes = 8U << 20U;  // of bodies whose size is not known

Capabilities capabilities_of(const Settings& settings) {
  Capabilities can{
      .provider = "s3",
      .far = true,
      .copies_between = true,
      .versions = true,
      .delete_markers = true,
      .locks = true,
      .archives = true,
      .object_bytes_max = 10'000 * (5ULL << 30U),  // parts of 5 GiB
      .part_bytes_min = part_bytes_min,
      .parts_max = 10'000,
      .key_bytes_max = 1024,
      .metadata_bytes_max = 2048,
      .metadata_signs = true,
      .tags = {.count_max = 10, .name_letters_max = 128, .value_letters_max = 256},
      .storage_classes = {"standard", "standard_ia", "onezone_ia", "intelligent_tiering",
                          "glacier_ir", "glacier", "deep_archive"},
      .note = {}};
  can.etag_of_content = true;
  if (settings.checksum == Checksum::trailer || settings.checksum == Checksum::header) {
    can.keeps_digests = {DigestKind::crc32c};
    can.checks_digests = {DigestKind::crc32c};
  }
  return can;
}

// Of a store that would be asked for ever.
Error no_progress(std::string_view what, std::string where) {
  return {.code = Code::unsupported,
          .what = fmt::format("a page of {} does not go on behind the page before it", what),
          .where = std::move(where),
          .remedy = "this store cannot list that; list a longer prefix, or all without folders"};
}

Result<std::string> tier_of(const std::string& tier) {
  constexpr std::pair<std::string_view, std::string_view> known[] = {
      {"bulk", "Bulk"}, {"standard", "Standard"}, {"", "Standard"}, {"expedited", "Expedited"}};
  for (const auto& [name, s3] : known) {
    if (tier == name) {
      return std::string(s3);
    }
  }
  return fail(Code::bad_input, fmt::format("'{}' is no tier of a restore", tier),
              "it is bulk, standard or expedited");
}

Error changed(std::string where) {
  return {.code = Code::conflict,
          .what = "the object was changed since it was looked at",
          .where = std::move(where),
          .remedy = "list or look again"};
}

// Some stores say 200 of a part, with the range it is.
bool is_part(const http::Incoming& incoming, uint64_t offset) {
  const std::string* range = sign::find_value(incoming.headers, "content-range");
  return incoming.status == 206 ||
         (range != nullptr && range->starts_with(fmt::format("bytes {}-", offset)));
}

class S3Store final : public ObjectStore {
 public:
  S3Store(net::HttpClient& http, BufferPool& buffers, std::shared_ptr<auth::AwsSource> credentials,
          Settings settings, std::string bucket, std::string base)
      : buffers_(buffers),
        base_(std::move(base)),
        can_(capabilities_of(settings)),
        client_(std::make_shared<Client>(http, std::move(credentials), std::move(settings),
                                         std::move(bucket))) {}

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override;
  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override;
  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override;
  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override;
  Task<Page> list(rt::Context& ctx, ListOptions options) override;
  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override;
  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override;
  const Capabilities& capabilities() const override { return can_; }
  Task<Tags> tags(rt::Context& ctx, Key key) override;
  Task<Unit> create_bucket(rt::Context& ctx) override;
  Task<Unit> remove_bucket(rt::Context& ctx) override;
  Task<std::string> presign(rt::Context& ctx, Key key, PresignOptions options) override;
  Task<std::vector<PendingUpload>> uploads(rt::Context& ctx, Key prefix) override;
  Task<Unit> abort_upload(rt::Context& ctx, Key key, std::string id) override;
  Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options) override;
  Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                           LockOptions options) override;
  Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) override;
  Task<Unit> restore(rt::Context& ctx, Key key, RestoreOptions options) override;

 private:
  std::string where(const Key& key) const { return base_ + key.text; }

  Result<Unit> check(const Key& key, const PutOptions& options = {}) const {
    auto good = check_key(key, can_.key_bytes_max);
    if (good.has_value()) {
      good = check_put_options(options, can_);
    }
    if (good.has_value() && options.lock != Lock{} &&
        client_->settings().checksum == Checksum::off) {
      good = fail(Code::bad_input, "S3 locks only what comes with a checksum",
                  "leave `checksum: off` of the connection away");
    }
    if (good.has_value()) {
      return good;
    }
    Error error = std::move(good).error();
    error.where = where(key).substr(0, 200);
    return fail(std::move(error));
  }

  // A request for the bytes or the head of an object, as the store's settings want it.
  sign::Request request_of(std::string method, const Key& key, std::string_view version) const {
    sign::Pairs query;
    if (!version.empty()) {
      query.emplace_back("versionId", version);
    }
    sign::Request request =
        sign::s3_object_request(client_->bucket(), std::move(method), key.text, std::move(query));
    for (const auto& [name, value] : client_->settings().keyed) {
      sign::set_value(request.headers, name, value);
    }
    return request;
  }

  Task<Unit> check_early(rt::Context& ctx, Key key, PutOptions options);
  Task<ObjectMeta> look(rt::Context& ctx, Key key, GetOptions options);
  Task<http::Incoming> open(rt::Context& ctx, Key key, GetOptions options, Range range);
  Task<std::unique_ptr<net::HttpExchange>> open_again(rt::Context& ctx, Key key, GetOptions options,
                                                      Range range);
  Task<ObjectMeta> send(rt::Context& ctx, Key key, Body body, PutOptions options);
  Task<Page> list_versions(rt::Context& ctx, ListOptions options);
  Task<Error> refusal(rt::Context& ctx, Key key, std::string version, Error error);
  sign::Request request_for(std::string method, const Key& key, std::string what,
                            const std::string& version) const;
  Task<std::optional<std::string>> ask_lock(rt::Context& ctx, Key key, std::string what,
                                            std::string version);
  Task<Unit> change(rt::Context& ctx, sign::Request request, Key key, std::string body);

  BufferPool& buffers_;
  std::string base_;
  Capabilities can_;
  std::shared_ptr<Client> client_;
};

Task<ObjectMeta> S3Store::look(rt::Context& ctx, Key key, GetOptions options) {
  sign::Request request = request_of("HEAD", key, options.version);
  sign::set_value(request.headers, "x-amz-checksum-mode", "ENABLED");
  if (!options.if_match.empty()) {
    sign::set_value(request.headers, "if-match", fmt::format("\"{}\"", options.if_match));
  }
  CO_TRY(const http::Reply reply, co_await client_->fetch(ctx, std::move(request), where(key)));
  CO_TRY(const sign::S3Object object, sign::parse_s3_object(reply.headers));
  if (!options.if_match.empty() && object.etag != options.if_match) {
    co_return fail(changed(where(key)));
  }
  co_return meta_of(std::move(key), object);
}

Task<ObjectMeta> S3Store::head(rt::Context& ctx, Key key, HeadOptions options) {
  CO_OK(check(key));
  CO_TRY(ObjectMeta meta, co_await look(ctx, std::move(key), {.version = options.version}));
  if (!options.version.empty()) {
    meta.version = std::move(options.version);  // "null", too
  }
  co_return meta;
}

// ---- get

Task<Call> get_call(sign::Request request) { co_return Call{.request = std::move(request)}; }

Task<http::Incoming> S3Store::open(rt::Context& ctx, Key key, GetOptions options, Range range) {
  const auto make = [this, &key, &options, range](rt::Context&) {
    sign::Request request = request_of("GET", key, options.version);
    sign::set_value(request.headers, "x-amz-checksum-mode", "ENABLED");
    if (!options.if_match.empty()) {
      sign::set_value(request.headers, "if-match", fmt::format("\"{}\"", options.if_match));
    }
    if (range.length && *range.length <= INT64_MAX - range.offset) {
      sign::set_value(request.headers, "range",
                      fmt::format("bytes={}-{}", range.offset, range.offset + *range.length - 1));
    } else if (range.offset > 0) {
      sign::set_value(request.headers, "range", fmt::format("bytes={}-", range.offset));
    }
    return get_call(std::move(request));
  };
  co_return co_await client_->start(ctx, make, where(key));
}

Task<std::unique_ptr<net::HttpExchange>> S3Store::open_again(rt::Context& ctx, Key key,
                                                             GetOptions options, Range range) {
  CO_TRY(http::Incoming incoming, co_await open(ctx, key, std::move(options), range));
  if (range.offset > 0 && !is_part(incoming, range.offset)) {
    co_return fail(Error{.code = Code::unsupported,
                         .what = "the connection broke, and the store gives no part of an object",
                         .where = where(key)});
  }
  co_return std::move(incoming.exchange);
}

Task<Opened> S3Store::get(rt::Context& ctx, Key key, GetOptions options) {
  CO_OK(check(key));
  const Range range = options.range.value_or(Range{});
  if (range.length == 0U) {
    CO_TRY(ObjectMeta meta, co_await look(ctx, std::move(key), std::move(options)));
    co_return Opened{.meta = std::move(meta), .source = http::empty_source()};
  }
  auto incoming = co_await open(ctx, key, options, range);
  if (!incoming.has_value()) {
    if (incoming.error().provider_code != "InvalidRange") {
      co_return fail(std::move(incoming).error());
    }
    // Beyond the end, which every range of an empty object is.
    CO_TRY(ObjectMeta meta, co_await look(ctx, std::move(key), std::move(options)));
    co_return Opened{.meta = std::move(meta), .source = http::empty_source()};
  }
  CO_TRY(const sign::S3Object object, sign::parse_s3_object(incoming->headers));
  Opened opened{.meta = meta_of(key, object), .source = nullptr};
  if (!options.if_match.empty() && object.etag != options.if_match) {
    co_return fail(changed(where(key)));  // a store that does not know the condition
  }
  if ((range.offset > 0 || range.length) && !is_part(*incoming, range.offset)) {
    co_return fail(Error{.code = Code::unsupported,
                         .what = "the store gives no part of an object",
                         .where = where(key)});
  }
  const uint64_t offset = std::min(range.offset, object.size);
  const uint64_t bytes = std::min(range.length.value_or(object.size), object.size - offset);
  options.if_match = object.etag;
  if (!object.version.empty()) {
    options.version = object.version;
  }
  const auto again = [this, key, options, offset, bytes](rt::Context& inner, uint64_t at) {
    return open_again(inner, key, options, {.offset = offset + at, .length = bytes - at});
  };
  opened.source = http::reply_source(buffers_, std::move(incoming->exchange), bytes, again);
  co_return opened;
}

// ---- put

Task<ObjectMeta> S3Store::send(rt::Context& ctx, Key key, Body body, PutOptions options) {
  const uint64_t size = *body.size;
  const auto request = [this, &key, &options] {
    sign::Request made = sign::s3_object_request(client_->bucket(), "PUT", key.text);
    add_put_headers(made, options, client_->settings());
    add_conditions(made, options);
    if (options.lock != Lock{} && client_->settings().checksum != Checksum::md5) {
      // Said before the body, where the checksum comes behind it.
      sign::set_value(made.headers, "x-amz-sdk-checksum-algorithm", "CRC32C");
    }
    return made;
  };
  Sending sending(*client_, request, std::move(body));
  auto said = co_await sending.send(ctx, where(key));
  if (!said.has_value()) {
    const bool conditional = options.only_if_absent || !options.if_match.empty();
    if (said.error().provider_code == "NoSuchKey" && !options.if_match.empty()) {
      said.error().code = Code::conflict;
      said.error().what = "the object to replace is gone";
    }
    if (said.error().code != Code::conflict || !conditional || sending.tries() == 1) {
      co_return fail(std::move(said).error());
    }
    // The first try may have done it, and its reply been lost.
    CO_TRY(ObjectMeta there, co_await look(ctx, key, {}));
    if (there.size == size && there.digest(DigestKind::crc32c)) {
      const auto crc = co_await sending.crc(ctx);
      CO_OK(ctx.check());
      if (crc.has_value() && there.digest(DigestKind::crc32c) == *crc) {
        co_return there;
      }
    }
    co_return fail(std::move(said).error());
  }
  ObjectMeta meta = meta_of(std::move(key), *said);
  meta.size = size;
  meta.content_type = options.content_type;
  meta.headers = options.headers;
  meta.metadata = options.metadata;
  co_return meta;
}

Task<ObjectMeta> S3Store::put(rt::Context& ctx, Key key, Body body, PutOptions options) {
  CO_OK(check(key, options));
  if (!body.size || *body.size > put_bytes_max) {
    co_return co_await http::put_in_parts(ctx, *this, std::move(key), std::move(body),
                                          std::move(options), unknown_part_bytes);
  }
  co_return co_await send(ctx, std::move(key), std::move(body), std::move(options));
}

// The end of an upload decides; this saves sending what it will refuse.
Task<Unit> S3Store::check_early(rt::Context& ctx, Key key, PutOptions options) {
  if (!options.only_if_absent && options.if_match.empty()) {
    co_return Unit{};
  }
  const auto there = co_await look(ctx, key, {});
  if (!there.has_value() && there.error().code != Code::not_found) {
    co_return fail(there.error());
  }
  auto good = check_conditions(options, there.has_value() ? &*there : nullptr);
  if (!good.has_value()) {
    good.error().where = where(key);
  }
  co_return good;
}

Task<std::unique_ptr<Upload>> S3Store::begin_upload(rt::Context& ctx, Key key,
                                                    UploadOptions options) {
  CO_OK(check(key, options.put));
  CO_OK(co_await check_early(ctx, key, options.put));
  std::string at = where(key);
  co_return co_await begin(ctx, client_, std::move(key), std::move(options), std::move(at));
}

// ---- the rest

// Every page has to go on behind the one before: that ends a listing whose service goes in circles.
Task<Page> S3Store::list(rt::Context& ctx, ListOptions options) {
  if (options.versions) {
    co_return co_await list_versions(ctx, std::move(options));
  }
  Cursor cursor = parse_cursor(options.cursor);  // its name: the last one given so far
  const sign::S3Listing listing{.prefix = options.prefix.text,
                                .start_after = options.start_after.text,
                                .delimiter = options.delimiter,
                                .limit = std::clamp<uint32_t>(options.limit, 1, 1000),
                                .token = cursor.token};
  CO_TRY(sign::S3Page found, co_await client_->list(ctx, listing, where(options.prefix)));
  Page page;
  std::string last = cursor.name;
  bool goes_on = found.next.empty() || found.next != cursor.token;
  for (const sign::S3Object& each : found.objects) {
    goes_on = goes_on && each.key > cursor.name;
    last = std::max(last, each.key);
    if (each.key > options.start_after.text) {  // some stores begin before it
      page.objects.push_back(meta_of({each.key}, each));
    }
  }
  for (std::string& each : found.prefixes) {
    goes_on = goes_on && each > cursor.name;
    last = std::max(last, each);
    page.prefixes.push_back({std::move(each)});
  }
  if (!goes_on) {
    co_return fail(no_progress("the listing", where(options.prefix)));
  }
  if (!found.next.empty()) {
    page.next = text_of({.token = std::move(found.next), .name = std::move(last)});
  }
  co_return page;
}

namespace {

// Some stores give the delete markers of a page behind all its versions: each goes to its place.
void sort_versions(std::vector<sign::S3Object>& objects) {
  const auto before = [](const sign::S3Object& a, const sign::S3Object& b) {
    return std::tuple(std::string_view(a.key), !a.is_latest, b.modified) <
           std::tuple(std::string_view(b.key), !b.is_latest, a.modified);
  };
  const auto marker = std::ranges::find(objects, true, &sign::S3Object::delete_marker);
  const bool at_end = std::ranges::all_of(marker, objects.end(), &sign::S3Object::delete_marker);
  if (!at_end || std::ranges::is_sorted(objects, before)) {
    return;
  }
  for (auto each = marker; each != objects.end(); ++each) {
    std::rotate(std::upper_bound(objects.begin(), each, *each, before), each, std::next(each));
  }
}

// Where a listing of versions goes on: behind this version, or without one behind this key.
struct VersionMarker {
  std::string key = {};
  std::string id = {};
};

// Some stores begin with what the page before has ended with.
void drop_given(std::vector<sign::S3Object>& objects, const VersionMarker& marker) {
  std::erase_if(objects, [&](const sign::S3Object& each) {
    return each.key < marker.key || (marker.id.empty() && each.key == marker.key);
  });
  const auto given = std::ranges::find_if(objects, [&](const sign::S3Object& each) {
    return each.key == marker.key && each.version == marker.id;
  });
  if (given != objects.end()) {
    objects.erase(objects.begin(), std::next(given));
  }
}

bool is_behind(const sign::S3Versions& page, const VersionMarker& marker) {
  return page.next_key > marker.key || (page.next_key == marker.key && page.next_id != marker.id);
}

}  // namespace

// The cursor's token is the key's marker, its rest that of the version. Two at least are asked for:
// where the first is one that was given, there is another.
Task<Page> S3Store::list_versions(rt::Context& ctx, ListOptions options) {
  Cursor cursor = parse_cursor(options.cursor);
  VersionMarker marker{.key = cursor.token, .id = cursor.name};
  if (options.cursor.empty()) {
    marker.key = options.start_after.text;
  }
  const sign::S3Listing listing{.prefix = options.prefix.text,
                                .delimiter = options.delimiter,
                                .limit = std::clamp<uint32_t>(options.limit, 2, 1000)};
  Page page;
  while (true) {
    CO_TRY(sign::S3Versions found,
           co_await client_->versions(
               ctx, sign::s3_versions_request(client_->bucket(), listing, marker.key, marker.id),
               where(options.prefix)));
    sort_versions(found.objects);
    const VersionMarker from = marker;
    marker = {.key = found.next_key, .id = found.next_id};
    if (found.more && !is_behind(found, from)) {
      co_return fail(no_progress("the listing of versions", where(options.prefix)));
    }
    drop_given(found.objects, from);
    if (options.cursor.empty()) {  // some begin with that key
      std::erase_if(found.objects, [&](const sign::S3Object& each) {
        return each.key <= options.start_after.text;
      });
    }
    for (const sign::S3Object& each : found.objects) {
      page.objects.push_back(meta_of({each.key}, each));
    }
    for (std::string& each : found.prefixes) {
      page.prefixes.push_back({std::move(each)});
    }
    if (!found.more) {
      co_return page;
    }
    if (marker.key > options.start_after.text || !options.cursor.empty()) {
      page.next = text_of({.token = std::move(marker.key), .name = std::move(marker.id)});
      co_return page;
    }
  }
}

// What was denied may be so because the version is locked: then that is the reason to give.
Task<Error> S3Store::refusal(rt::Context& ctx, Key key, std::string version, Error error) {
  if (error.code == Code::denied) {
    const auto held = co_await lock(ctx, key, {.version = std::move(version)});
    if (held.has_value() && is_locked(*held, ctx.clock().wall())) {
      Error locked = locked_error(*held, ctx.clock().wall());
      locked.where = where(key);
      locked.provider_code = error.provider_code;
      co_return locked;
    }
  }
  co_return error;
}

Task<Unit> S3Store::remove(rt::Context& ctx, Key key, RemoveOptions options) {
  CO_OK(check(key));
  sign::Request request = request_for("DELETE", key, {}, options.version);
  if (!options.if_match.empty()) {
    sign::set_value(request.headers, "if-match", fmt::format("\"{}\"", options.if_match));
  }
  auto reply = co_await client_->fetch(ctx, std::move(request), where(key));
  if (reply.has_value() || (reply.error().code == Code::not_found && options.if_match.empty() &&
                            reply.error().provider_code != "NoSuchBucket")) {
    co_return Unit{};
  }
  Error error = std::move(reply).error();
  if (error.code == Code::not_found && !options.if_match.empty()) {
    error.code = Code::conflict;
  }
  if (!options.version.empty()) {
    CO_TRY(error, co_await refusal(ctx, key, options.version, std::move(error)));
  }
  co_return fail(std::move(error));
}

// ---- locks, archives

// Of a sub-resource (empty: the object), of a version (empty: the latest).
sign::Request S3Store::request_for(std::string method, const Key& key, std::string what,
                                   const std::string& version) const {
  sign::Pairs query;
  if (!what.empty()) {
    query.emplace_back(std::move(what), "");
  }
  if (!version.empty()) {
    query.emplace_back("versionId", version);
  }
  return sign::s3_object_request(client_->bucket(), std::move(method), key.text, std::move(query));
}

// None: the version has no such lock.
Task<std::optional<std::string>> S3Store::ask_lock(rt::Context& ctx, Key key, std::string what,
                                                   std::string version) {
  auto reply =
      co_await client_->fetch(ctx, request_for("GET", key, std::move(what), version), where(key));
  if (!reply.has_value() && reply.error().provider_code == "NoSuchObjectLockConfiguration") {
    co_return std::nullopt;
  }
  CO_OK(reply);
  co_return std::optional(std::move(reply->body));
}

Task<Lock> S3Store::lock(rt::Context& ctx, Key key, LockOptions options) {
  CO_OK(check(key));
  Lock lock;
  CO_TRY(const auto retention, co_await ask_lock(ctx, key, "retention", options.version));
  if (retention) {
    CO_TRY(const sign::S3Retention said, sign::parse_s3_retention(*retention));
    if (!said.mode.empty()) {
      lock.retention = {
          .mode = said.mode == "COMPLIANCE" ? RetentionMode::compliance : RetentionMode::governance,
          .until = said.until};
    }
  }
  CO_TRY(const auto hold, co_await ask_lock(ctx, key, "legal-hold", options.version));
  if (hold) {
    CO_TRY(lock.legal_hold, sign::parse_s3_legal_hold(*hold));
  }
  co_return lock;
}

// S3 wants a checksum of such a body.
Task<Unit> S3Store::change(rt::Context& ctx, sign::Request request, Key key, std::string body) {
  sign::set_value(request.headers, "content-md5",
                  sign::s3_checksum(digest_of(DigestKind::md5, body)).second);
  CO_OK(co_await client_->fetch(ctx, std::move(request), where(key), std::move(body)));
  co_return Unit{};
}

Task<Unit> S3Store::set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                                  LockOptions options) {
  CO_OK(check(key));
  auto good = check_retention({}, retention, false, ctx.clock().wall());
  if (!good.has_value()) {
    good.error().where = where(key);
    co_return fail(std::move(good).error());
  }
  sign::Request request = request_for("PUT", key, "retention", options.version);
  if (options.bypass_governance) {
    sign::set_value(request.headers, "x-amz-bypass-governance-retention", "true");
  }
  auto set = co_await change(ctx, std::move(request), key,
                             sign::s3_retention_body(s3_retention(retention)));
  if (set.has_value()) {
    co_return set;
  }
  CO_TRY(Error error, co_await refusal(ctx, key, options.version, std::move(set).error()));
  co_return fail(std::move(error));
}

Task<Unit> S3Store::set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) {
  CO_OK(check(key));
  co_return co_await change(ctx, request_for("PUT", key, "legal-hold", options.version), key,
                            sign::s3_legal_hold_body(on));
}

Task<Unit> S3Store::restore(rt::Context& ctx, Key key, RestoreOptions options) {
  CO_OK(check(key));
  CO_TRY(const std::string tier, tier_of(options.tier));
  sign::Request look = request_of("HEAD", key, options.version);
  CO_TRY(const http::Reply reply, co_await client_->fetch(ctx, std::move(look), where(key)));
  CO_TRY(const sign::S3Object object, sign::parse_s3_object(reply.headers));
  if (meta_of(key, object).archived == Archived::no) {
    co_return fail(
        Error{.code = Code::conflict, .what = "the object is not archived", .where = where(key)});
  }
  const uint32_t days = object.archive_status.empty() ? options.days : 0;
  auto asked = co_await change(ctx, request_for("POST", key, "restore", options.version), key,
                               sign::s3_restore_body(days, tier));
  const bool on_its_way =
      !asked.has_value() && asked.error().provider_code == "RestoreAlreadyInProgress";
  co_return on_its_way ? Result<Unit>(Unit{}) : asked;
}

Task<ObjectMeta> S3Store::copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) {
  CO_OK(check(from));
  CO_OK(check(to, options.put));
  const bool inside = options.bucket.empty();
  if (!inside && !client_->settings().keyed.empty()) {
    co_return fail(Error{.code = Code::unsupported,
                         .what = "it is not known whose key the source is encrypted with",
                         .where = where(to)});
  }
  ObjectMeta source = options.source.value_or(ObjectMeta{});
  if (inside) {
    CO_TRY(source,
           co_await look(ctx, from, {.if_match = options.if_match, .version = options.version}));
  }
  if (!options.version.empty()) {
    source.version = options.version;
  }
  source.key = from;
  const std::string bucket = inside ? client_->name() : options.bucket;
  PutOptions put = options.put;
  // An object onto itself is refused unless something about it is said anew.
  const bool as_source = put.content_type.empty() && put.headers == ContentHeaders{} &&
                         put.metadata.empty() && !options.metadata_anew && (!inside || from != to);
  if (put.content_type.empty()) {
    put.content_type = source.content_type;
  }
  if (put.headers == ContentHeaders{}) {
    put.headers = source.headers;
  }
  if (put.metadata.empty() && !options.metadata_anew) {
    put.metadata = source.metadata;
  }
  const bool conditional = put.only_if_absent || !put.if_match.empty();
  if (source.size > copy_bytes_max || (conditional && source.size > 0)) {
    CO_OK(co_await check_early(ctx, to, put));
    co_return co_await copy_in_parts(ctx, client_, bucket, source, to, std::move(put), where(to));
  }
  if (conditional) {  // an empty object, which has no part to copy
    co_return co_await send(ctx, to, held_body(std::make_shared<const std::string>()), put);
  }
  sign::Request request = sign::s3_object_request(client_->bucket(), "PUT", to.text);
  add_put_headers(request, put, client_->settings());
  sign::set_value(request.headers, "x-amz-metadata-directive", as_source ? "COPY" : "REPLACE");
  if (!put.tags.empty()) {
    sign::set_value(request.headers, "x-amz-tagging-directive", "REPLACE");
  }
  sign::set_value(request.headers, "x-amz-copy-source",
                  sign::s3_copy_source(bucket, from.text, source.version));
  sign::set_value(request.headers, "x-amz-copy-source-if-match",
                  fmt::format("\"{}\"", source.etag));
  add_source_key(request, client_->settings());
  CO_TRY(const auto written, co_await client_->write(ctx, std::move(request), where(to)));
  co_return ObjectMeta{.key = to,
                       .size = source.size,
                       .etag = written.object.etag,
                       .modified = written.object.modified,
                       .digests = written.object.digests,
                       .content_type = put.content_type,
                       .headers = put.headers,
                       .metadata = put.metadata,
                       .version = written.version};
}

Task<Tags> S3Store::tags(rt::Context& ctx, Key key) {
  CO_OK(check(key));
  sign::Request request =
      sign::s3_object_request(client_->bucket(), "GET", key.text, {{"tagging", ""}});
  const auto reply = co_await client_->fetch(ctx, std::move(request), where(key));
  if (!reply.has_value() && reply.error().provider_code == "NoSuchTagSet") {
    co_return Tags{};
  }
  CO_OK(reply);
  auto tags = sign::parse_s3_tags(reply->body);
  if (!tags.has_value()) {
    tags.error().where = where(key);
  }
  co_return tags;
}

Task<Unit> S3Store::create_bucket(rt::Context& ctx) {
  const std::string& region = client_->settings().region;
  std::optional<std::string> body;
  if (client_->settings().endpoint.empty() && region != "us-east-1") {
    body = sign::s3_location_body(region);
  }
  CO_TRY(const http::Reply reply,
         co_await client_->fetch(ctx, sign::s3_request(client_->bucket(), "PUT"), base_,
                                 std::move(body)));
  co_return Unit{};
}

Task<Unit> S3Store::remove_bucket(rt::Context& ctx) {
  CO_TRY(const http::Reply reply,
         co_await client_->fetch(ctx, sign::s3_request(client_->bucket(), "DELETE"), base_));
  co_return Unit{};
}

Task<std::string> S3Store::presign(rt::Context& ctx, Key key, PresignOptions options) {
  CO_OK(check(key));
  co_return co_await client_->presign(ctx, std::move(options.method), std::move(key.text),
                                      options.valid);
}

Task<std::vector<PendingUpload>> S3Store::uploads(rt::Context& ctx, Key prefix) {
  std::vector<PendingUpload> all;
  sign::S3Uploads page;
  do {
    const std::string key_marker = std::exchange(page.next_key, {});
    const std::string id_marker = std::exchange(page.next_id, {});
    auto next = co_await client_->uploads(
        ctx, sign::s3_uploads_request(client_->bucket(), prefix.text, key_marker, id_marker),
        where(prefix));
    if (!next.has_value() && next.error().provider_code == "NoSuchUpload") {
      break;  // how some stores say that there is none
    }
    CO_TRY(page, std::move(next));
    if (!page.next_key.empty() && page.next_key == key_marker && page.next_id == id_marker) {
      co_return fail(no_progress("the list of uploads", where(prefix)));
    }
    for (sign::S3Pending& each : page.uploads) {
      all.push_back(
          {.key = {std::move(each.key)}, .id = std::move(each.id), .started = each.started});
    }
  } while (!page.next_key.empty());
  std::ranges::sort(all, {}, [](const PendingUpload& each) {
    return std::tuple(each.key, each.started, each.id);
  });
  co_return all;
}

// A part that is on its way meanwhile may stay: then the upload is listed again.
Task<Unit> S3Store::abort_upload(rt::Context& ctx, Key key, std::string id) {
  CO_OK(check(key));
  auto reply = co_await client_->fetch(
      ctx,
      sign::s3_object_request(client_->bucket(), "DELETE", key.text, {{"uploadId", std::move(id)}}),
      where(key));
  if (!reply.has_value() &&
      (reply.error().code != Code::not_found || reply.error().provider_code == "NoSuchBucket")) {
    co_return fail(std::move(reply).error());
  }
  co_return Unit{};
}

}  // namespace

std::shared_ptr<ObjectStore> make_store(net::HttpClient& http, BufferPool& buffers,
                                        std::shared_ptr<auth::AwsSource> credentials,
                                        Settings settings, std::string bucket, std::string base) {
  return std::make_shared<S3Store>(http, buffers, std::move(credentials), std::move(settings),
                                   std::move(bucket), std::move(base));
}

}  // namespace tutti::cloud::s3
