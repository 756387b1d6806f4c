// SPDX-License-Identifier: Apache-2.0
#include "cloud/azure/store.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/azure/hashed.h"
#include "cloud/http/holding.h"
#include "cloud/http/request_body.h"
#include "cloud/versions.h"
#include "rt/wait.h"

namespace tutti::cloud::azure {
namespace {

using BlobsPtr = std::shared_ptr<Blobs>;

// Which bytes of which version; without a version the current one.
sign::Request get_request(const Blobs& blobs, const Key& key, Range range,
                          const GetOptions& options) {
  sign::Request request = sign::azure_get_request(blobs.place().container, key.text, range.offset,
                                                  range.length, options.if_match);
  if (!options.version.empty()) {
    request.query.emplace_back("versionid", options.version);
  }
  return request;
}

// The rest of one version of a blob.
Task<std::unique_ptr<net::HttpExchange>> get_rest(rt::Context& ctx, BlobsPtr blobs, Key key,
                                                  GetOptions options, Range range) {
  Tries tries;
  CO_TRY(http::Incoming incoming,
         co_await blobs->sender().open(
             ctx, {.request = get_request(*blobs, key, range, options), .where = blobs->where(key)},
             tries));
  co_return std::move(incoming.exchange);
}

class AzureStore final : public ObjectStore {
 public:
  explicit AzureStore(BlobsPtr blobs) : blobs_(std::move(blobs)) {}

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override {
    CO_OK(ctx.check());
    CO_OK(blobs_->check(key));
    CO_TRY(sign::AzureBlob blob, co_await blobs_->look(ctx, key, std::move(options.version)));
    co_return meta_of(std::move(blob), std::move(key));
  }
  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override;
  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override;
  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override;
  Task<Page> list(rt::Context& ctx, ListOptions options) override;
  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override;
  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override;
  Task<ObjectMeta> pull(rt::Context& ctx, Key to, PullSource source, PutOptions options) override {
    CO_OK(ctx.check());
    options = with_tier(std::move(options));
    CO_OK(blobs_->check_write(to, options));
    co_return co_await pull_blob(ctx, blobs_, std::move(to), std::move(source), std::move(options));
  }
  const Capabilities& capabilities() const override { return blobs_->capabilities(); }
  Task<Tags> tags(rt::Context& ctx, Key key) override;
  Task<Unit> create_bucket(rt::Context& ctx) override { return create_container(ctx, blobs_); }
  Task<Unit> remove_bucket(rt::Context& ctx) override {
    return remove_container(ctx, blobs_, *this);
  }
  Task<std::string> presign(rt::Context& ctx, Key key, PresignOptions options) override {
    CO_OK(blobs_->check(key));
    co_return co_await presign_blob(ctx, blobs_, std::move(key), std::move(options));
  }
  Task<std::vector<PendingUpload>> uploads(rt::Context&, Key prefix) override {
    co_return fail(blobs_->at(prefix, no_uploads()));
  }
  Task<Unit> abort_upload(rt::Context&, Key key, std::string) override {
    co_return fail(blobs_->at(key, no_uploads()));
  }
  Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options) override {
    return lock_of(ctx, blobs_, std::move(key), std::move(options));
  }
  Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                           LockOptions options) override {
    return azure::set_retention(ctx, blobs_, std::move(key), retention, std::move(options));
  }
  Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) override {
    return azure::set_legal_hold(ctx, blobs_, std::move(key), on, std::move(options));
  }
  Task<Unit> restore(rt::Context& ctx, Key key, RestoreOptions options) override {
    return azure::restore(ctx, blobs_, std::move(key), std::move(options));
  }

 private:
  Task<Opened> open_range(rt::Context& ctx, Key key, Range range, GetOptions options);
  Task<ObjectMeta> put_held(rt::Context& ctx, Key key, http::Collected held, PutOptions options);
  Task<Page> list_page(rt::Context& ctx, ListOptions options);
  Task<Page> list_versions(rt::Context& ctx, ListOptions options, std::string marker);
  Task<sign::AzureBlob> await_copy(rt::Context& ctx, Key to, sign::AzureBlob copy);
  // A listing of them has no time of their beginning, so that nobody could tell what may go:
  // whoever still sends would lose everything. What is a week old is gone already.
  static Error no_uploads() {
    return {.code = Code::unsupported,
            .what =
                "Azure does not say when an unfinished upload was begun, so those on their way "
                "cannot be told from those left behind; it drops their blocks itself after a week",
            .remedy = "wait; they cost until then, and need no cleaning up"};
  }
  PutOptions with_tier(PutOptions options) const {
    if (options.storage_class.empty()) {
      options.storage_class = blobs_->place().tier;
    }
    return options;
  }

  BlobsPtr blobs_;
  http::Holding holding_;
};

Task<Opened> AzureStore::get(rt::Context& ctx, Key key, GetOptions options) {
  CO_OK(ctx.check());
  CO_OK(blobs_->check(key));
  const Range range = options.range.value_or(Range{});
  const bool nothing = range.length == 0U || range.offset > INT64_MAX;
  auto opened = nothing ? Result<Opened>(fail(Error{.provider_code = "InvalidRange"}))
                        : co_await open_range(ctx, key, range, options);
  if (opened.has_value() || opened.error().provider_code != "InvalidRange") {
    co_return opened;
  }
  CO_TRY(ObjectMeta meta, co_await head(ctx, key, {.version = options.version}));
  if (!options.if_match.empty() && options.if_match != meta.etag) {
    co_return fail(blobs_->at(key, {.code = Code::conflict,
                                    .what = "the blob was changed since it was looked at",
                                    .remedy = "list or look again"}));
  }
  co_return Opened{.meta = std::move(meta), .source = http::empty_source()};
}

Task<Opened> AzureStore::open_range(rt::Context& ctx, Key key, Range range, GetOptions options) {
  Tries tries;
  CO_TRY(
      http::Incoming incoming,
      co_await blobs_->sender().open(
          ctx, {.request = get_request(*blobs_, key, range, options), .where = blobs_->where(key)},
          tries));
  CO_TRY(sign::AzureBlob blob, sign::parse_azure_blob(incoming.headers));
  const uint64_t end = blob.size - std::min(range.offset, blob.size);
  const uint64_t bytes = std::min(range.length.value_or(end), end);
  options.if_match = blob.etag;
  auto again = [blobs = blobs_, key, options, range, bytes](rt::Context& inner, uint64_t at) {
    return get_rest(inner, blobs, key, options,
                    {.offset = range.offset + at, .length = bytes - at});
  };
  Opened opened{.meta = meta_of(std::move(blob), std::move(key)), .source = nullptr};
  opened.source = http::reply_source(blobs_->environment().buffers, std::move(incoming.exchange),
                                     bytes, std::move(again));
  co_return opened;
}

Task<ObjectMeta> AzureStore::put(rt::Context& ctx, Key key, Body body, PutOptions options) {
  CO_OK(ctx.check());
  options = with_tier(std::move(options));
  CO_OK(blobs_->check_write(key, options));
  if (body.size && *body.size <= single_bytes_max) {
    CO_TRY(const http::Holding::Place place, co_await holding_.enter(ctx, *body.size));
    auto held = co_await http::collect(ctx, std::move(body), single_bytes_max);
    if (!held.has_value()) {
      co_return fail(blobs_->at(key, std::move(held).error()));
    }
    co_return co_await put_held(ctx, std::move(key), std::move(*held), std::move(options));
  }
  auto found = std::make_shared<std::vector<Digest>>();
  Body digested =
      hashed(std::move(body), {DigestKind::md5}, blobs_->environment().cpu, std::move(found));
  auto put = co_await http::put_in_parts(ctx, *this, key, std::move(digested), std::move(options),
                                         single_bytes_max);
  if (!put.has_value() && put.error().where.empty()) {
    co_return fail(blobs_->at(key, std::move(put).error()));
  }
  co_return put;
}

Task<ObjectMeta> AzureStore::put_held(rt::Context& ctx, Key key, http::Collected held,
                                      PutOptions options) {
  const auto bytes = std::make_shared<std::string>(std::move(held.bytes));
  const uint64_t size = bytes->size();
  Notes notes{.options = std::move(options), .digests = std::move(held.digests)};
  notes.mark = mark_for(notes.options, ctx.random());
  // Compared by the service, and kept by it.
  const std::vector<Digest> md5 =
      co_await digests_of(blobs_->environment().cpu, bytes, {DigestKind::md5});
  sign::AzureNotes noted = azure_notes(notes);
  noted.md5.reset();
  notes.digests.push_back(md5.front());
  sign::Request request = sign::azure_put_request(blobs_->place().container, key.text, noted,
                                                  conditions_of(notes.options), md5.front());
  co_return co_await blobs_->write(ctx, std::move(key), std::move(notes), size, std::move(request),
                                   std::move(*bytes));
}

Task<std::unique_ptr<Upload>> AzureStore::begin_upload(rt::Context& ctx, Key key,
                                                       UploadOptions options) {
  CO_OK(ctx.check());
  options.put = with_tier(std::move(options.put));
  CO_OK(blobs_->check_write(key, options.put));
  const PutOptions& put = options.put;
  if (put.only_if_absent || !put.if_match.empty()) {  // early: not after all the parts
    auto blob = co_await blobs_->look(ctx, key);
    if (!blob.has_value() && blob.error().code != Code::not_found) {
      co_return fail(std::move(blob).error());
    }
    const bool there = blob.has_value();
    if (put.only_if_absent ? there : !there || blob->etag != put.if_match) {
      co_return fail(blobs_->at(
          key, {.code = Code::conflict,
                .what = there ? "the blob is there, and is not to be replaced"
                              : "the blob to replace is gone",
                .remedy = "look again, or allow it to be replaced (if_exists: replace)"}));
    }
  }
  std::string mark = options.id.empty() ? new_mark(ctx.random()) : options.id;
  co_return make_upload(blobs_, std::move(key), std::move(options), std::move(mark));
}

Task<Unit> AzureStore::remove(rt::Context& ctx, Key key, RemoveOptions options) {
  CO_OK(ctx.check());
  CO_OK(blobs_->check(key));
  if (!options.version.empty()) {
    co_return co_await remove_version(ctx, blobs_, std::move(key), std::move(options.version));
  }
  Tries tries;
  auto reply = co_await blobs_->sender().reply(
      ctx,
      {.request = sign::azure_delete_request(blobs_->place().container, key.text, options.if_match),
       .where = blobs_->where(key),
       .decisive = true},
      tries);
  const bool gone = !reply.has_value() && reply.error().provider_code == "BlobNotFound";
  if (reply.has_value() || (gone && (options.if_match.empty() || tries.uncertain))) {
    co_return Unit{};
  }
  if (gone) {
    reply.error().code = Code::conflict;
  }
  co_return fail(std::move(reply).error());
}

// ---- listings

// Azure cannot begin a listing behind a key: what comes before is read and left out. A page that
// would be empty then is not given.
Task<Page> AzureStore::list(rt::Context& ctx, ListOptions options) {
  if (std::exchange(options.versions, false)) {
    const auto fetch = [this, options](rt::Context& inner, std::string marker) {
      return list_versions(inner, options, std::move(marker));
    };
    co_return co_await newest_first(ctx, fetch, std::string(options.cursor));
  }
  const Key start_after = options.cursor.empty() ? options.start_after : Key{};
  while (true) {
    CO_OK(ctx.check());
    CO_TRY(Page page, co_await list_page(ctx, options));
    std::erase_if(page.objects, [&](const ObjectMeta& each) { return each.key <= start_after; });
    std::erase_if(page.prefixes, [&](const Key& each) {
      // One that begins before that key may go on behind it.
      return each <= start_after && !start_after.text.starts_with(each.text);
    });
    if (page.next.empty() || !page.objects.empty() || !page.prefixes.empty()) {
      co_return page;
    }
    options.cursor = page.next;
  }
}

Task<Page> AzureStore::list_versions(rt::Context& ctx, ListOptions options, std::string marker) {
  options.cursor = std::move(marker);
  options.versions = true;
  CO_TRY(Page page, co_await list_page(ctx, options));
  std::erase_if(page.objects,
                [&](const ObjectMeta& each) { return each.key <= options.start_after; });
  co_return page;
}

Task<Page> AzureStore::list_page(rt::Context& ctx, ListOptions options) {
  const std::string where = blobs_->where(options.prefix);
  auto listed = std::make_shared<sign::AzurePage>();
  CO_OK(co_await blobs_->sender().reply(
      ctx, {.request = sign::azure_list_request(blobs_->place().container,
                                                {.prefix = options.prefix.text,
                                                 .delimiter = options.delimiter,
                                                 .limit = std::clamp(options.limit, 1U, 1000U),
                                                 .marker = options.cursor,
                                                 .versions = options.versions}),
            .where = where,
            .accept = [listed](const std::string& body) -> Result<Unit> {
              TRY(*listed, sign::parse_azure_page(body));
              return Unit{};
            }}));
  Page page{.objects = {}, .prefixes = {}, .next = std::move(listed->next)};
  for (sign::AzureBlob& blob : listed->blobs) {
    Key key{blob.key};
    page.objects.push_back(meta_of(std::move(blob), std::move(key)));
  }
  for (std::string& prefix : listed->prefixes) {
    page.prefixes.push_back({std::move(prefix)});
  }
  if (!std::ranges::is_sorted(page.objects, {}, &ObjectMeta::key)) {
    co_return fail(Error{.code = Code::unsupported,
                         .what = "the listing is not in the order of the names' bytes",
                         .where = where,
                         .remedy = "accounts with a hierarchical namespace list such names by "
                                   "folders: list or copy single folders"});
  }
  co_return page;
}

Task<Tags> AzureStore::tags(rt::Context& ctx, Key key) {
  CO_OK(ctx.check());
  CO_OK(blobs_->check(key));
  CO_TRY(const http::Reply reply,
         co_await blobs_->sender().reply(
             ctx, {.request = sign::azure_tags_request(blobs_->place().container, key.text),
                   .where = blobs_->where(key)}));
  auto tags = sign::parse_azure_tags(reply.body);
  if (!tags.has_value()) {
    co_return fail(blobs_->at(key, std::move(tags).error()));
  }
  co_return std::move(*tags);
}

// ---- copies

Task<ObjectMeta> AzureStore::copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) {
  CO_OK(ctx.check());
  options.put = with_tier(std::move(options.put));
  CO_OK(blobs_->check_write(to, options.put));
  ObjectMeta source = options.source.value_or(ObjectMeta{});
  sign::AzureContainer source_container = blobs_->place().container;
  if (options.bucket.empty()) {
    CO_OK(blobs_->check(from));
    CO_TRY(sign::AzureBlob blob, co_await blobs_->look(ctx, from, options.version));
    source = meta_of(std::move(blob), from);
  } else {
    source_container.container = options.bucket;
  }
  if (!options.if_match.empty() && options.if_match != source.etag) {
    co_return fail(blobs_->at(
        from, {.code = Code::conflict, .what = "the source was changed since it was looked at"}));
  }
  if ((!options.put.content_type.empty() && options.put.content_type != source.content_type) ||
      (options.put.headers != ContentHeaders{} && options.put.headers != source.headers)) {
    co_return fail(blobs_->at(to, {.code = Code::unsupported,
                                   .what = "a copy within Azure keeps its content type and headers",
                                   .remedy = "leave them away"}));
  }
  Notes notes{.options = options.put, .digests = source.digests};
  notes.mark = mark_for(notes.options, ctx.random());
  if (options.metadata_anew && notes.mark.empty()) {
    notes.mark = new_mark(ctx.random());  // without any metadata Azure keeps that of the source
  } else if (notes.options.metadata.empty() && !options.metadata_anew) {
    notes.options.metadata = source.metadata;
  }
  const auth::AzureAccess& access = blobs_->sender().credentials().access();
  const sign::AzureContainer& container = blobs_->place().container;
  sign::Pairs query = access.sas.value_or(sign::Pairs{});
  if (!source.is_latest && !options.version.empty()) {
    query.emplace_back("versionid", options.version);
  }
  sign::Request request = sign::azure_copy_request(
      container, to.text, azure_notes(notes), conditions_of(notes.options),
      {.url = sign::azure_url(source_container, access.endpoint.tls, from.text, query),
       .if_match = source.etag});
  CO_OK(co_await blobs_->write(ctx, to, std::move(notes), source.size, std::move(request), ""));
  CO_TRY(sign::AzureBlob copy, co_await blobs_->look(ctx, to));
  CO_TRY(copy, co_await await_copy(ctx, to, std::move(copy)));
  co_return meta_of(std::move(copy), std::move(to));
}

// Within an account a copy is mostly done at once; else the service goes on with it by itself.
Task<sign::AzureBlob> AzureStore::await_copy(rt::Context& ctx, Key to, sign::AzureBlob copy) {
  for (Duration wait = milliseconds(200); copy.copy_status == "pending";) {
    auto waited = co_await rt::delay(ctx, wait);
    if (!waited.has_value()) {
      rt::Context patient = ctx.uncancellable().with_timeout(seconds(10));
      std::ignore = co_await blobs_->sender().reply(
          patient, {.request = sign::azure_abort_copy_request(blobs_->place().container, to.text,
                                                              copy.copy_id),
                    .where = blobs_->where(to),
                    .body = ""});
      co_return fail(std::move(waited).error());
    }
    wait = std::min(wait * 2, seconds(10));
    CO_TRY(copy, co_await blobs_->look(ctx, to));
  }
  if (copy.copy_status == "failed" || copy.copy_status == "aborted") {
    co_return fail(blobs_->at(
        to, {.code = Code::unavailable, .what = fmt::format("the copy {}", copy.copy_status)}));
  }
  co_return copy;
}

}  // namespace

std::unique_ptr<ObjectStore> make_store(std::shared_ptr<Blobs> blobs) {
  return std::make_unique<AzureStore>(std::move(blobs));
}

}  // namespace tutti::cloud::azure
