// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/store.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/body_check.h"
#include "cloud/gcs/in_order.h"
#include "cloud/locks.h"
#include "cloud/versions.h"
#include "rt/scope.h"

namespace tutti::cloud::gcs {
namespace {

constexpr std::string_view component_folder = ".tutti-upload-";
constexpr size_t component_digits = 32;
// One write for the service, where parts of 16 MiB would be two to four, and one more to compose
// them; beyond, what parts side by side gain in time outweighs that.
constexpr uint64_t in_order_bytes_max = 64U << 20U;

Error changed() {
  return {.code = Code::conflict,
          .what = "the object was changed since it was looked at",
          .remedy = "list or look again"};
}

sign::GcsRetention gcs_retention(const std::optional<Retention>& retention) {
  return retention
             ? sign::GcsRetention{.mode = retention->mode == RetentionMode::compliance ? "Locked"
                                                                                       : "Unlocked",
                                  .until = retention->until}
             : sign::GcsRetention{};
}

Lock lock_of(const sign::GcsObject& object) {
  Lock lock{.legal_hold = object.held};
  if (!object.retention.mode.empty()) {
    lock.retention = {.mode = object.retention.mode == "Locked" ? RetentionMode::compliance
                                                                : RetentionMode::governance,
                      .until = object.retention.until};
  }
  return lock;
}

// How many bytes of an object a range means.
uint64_t bytes_of(const Range& range, uint64_t size) {
  const uint64_t left = size - std::min(range.offset, size);
  return std::min(range.length.value_or(left), left);
}

sign::GcsRead read_of(const Range& range) {
  sign::GcsRead read{.offset = range.offset, .length = range.length};
  if (read.length && *read.length > UINT64_MAX - read.offset) {
    read.length.reset();
  }
  return read;
}

// The rest of a read whose connection broke, of the same generation.
Task<std::unique_ptr<net::HttpExchange>> read_on(rt::Context& ctx, std::shared_ptr<Bucket> bucket,
                                                 std::string name, sign::GcsRead read) {
  auto incoming = co_await bucket->read(ctx, std::move(name), std::move(read));
  if (incoming.has_value()) {
    co_return std::move(incoming->exchange);
  }
  Error error = std::move(incoming).error();
  if (error.code == Code::not_found) {
    error.code = Code::conflict;
    error.what = "the object was changed while it was read";
  }
  co_return fail(std::move(error));
}

http::Again again_of(std::shared_ptr<Bucket> bucket, std::string name, std::string generation,
                     uint64_t offset, uint64_t bytes) {
  return [=](rt::Context& ctx, uint64_t done) {
    return read_on(ctx, bucket, name,
                   {.generation = generation, .offset = offset + done, .length = bytes - done});
  };
}

Task<Unit> remove_component(rt::Context& ctx, Bucket& bucket, sign::GcsComponent component) {
  // For ever, also where the bucket keeps versions.
  std::ignore = co_await bucket.remove_version(ctx, component.key, component.generation);
  co_return Unit{};
}

Task<Unit> remove_all(rt::Scope& scope, Bucket& bucket,
                      std::vector<sign::GcsComponent> components) {
  for (sign::GcsComponent& each : components) {
    CO_OK(co_await scope.spawn(remove_component(scope.context(), bucket, std::move(each))));
  }
  co_return Unit{};
}

}  // namespace

bool is_component_name(std::string_view key) {
  const auto hexadecimal = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!key.starts_with(component_folder)) {
    return false;
  }
  key.remove_prefix(component_folder.size());
  const size_t slash = key.find('/');
  return slash == component_digits && std::ranges::all_of(key.substr(0, slash), hexadecimal) &&
         std::ranges::all_of(key.substr(slash + 1), digit);
}

bool is_generation(std::string_view etag) {
  return !etag.empty() && etag != "0" &&
         std::ranges::all_of(etag, [](char c) { return c >= '0' && c <= '9'; });
}

std::shared_ptr<ObjectStore> open_store(net::HttpClient& http, BufferPool& buffers,
                                        StoreOptions options) {
  return std::make_shared<GcsStore>(buffers, std::make_shared<Bucket>(http, std::move(options)));
}

Task<Unit> remove_components(rt::Context& ctx, Bucket& bucket,
                             std::vector<sign::GcsComponent> components) {
  co_return co_await rt::scoped(ctx, {.children_max = 16}, remove_all, std::ref(bucket),
                                std::move(components));
}

GcsStore::GcsStore(BufferPool& buffers, std::shared_ptr<Bucket> bucket)
    : buffers_(buffers), bucket_(std::move(bucket)) {
  can_.provider = "gcs";
  can_.far = true;
  can_.copies_between = true;
  can_.versions = true;
  can_.locks = true;
  can_.object_bytes_max = 5ULL << 40U;
  can_.in_order_bytes_max = in_order_bytes_max;
  can_.metadata_bytes_max = 8192;
  can_.metadata_signs = true;
  can_.get_describes = false;
  can_.keeps_digests = {DigestKind::crc32c};
  can_.checks_digests = {DigestKind::crc32c};
  can_.storage_classes = {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"};
  can_.note = "the name of an object has no line ends";
}

// ---- names

// A component of an unfinished upload.
bool GcsStore::is_hidden(std::string_view name) const {
  const std::string& prefix = bucket_->options().parts_prefix;
  return name.starts_with(prefix) && is_component_name(name.substr(prefix.size()));
}

Error GcsStore::at(const Key& key, Error error) const {
  error.where = bucket_->options().base + key.text;
  return error;
}

Result<Unit> GcsStore::check(const Key& key) const {
  auto good = check_key(key, can_.key_bytes_max);
  if (!good.has_value()) {
    return fail(at(key, std::move(good).error()));
  }
  const std::string& name = key.text;
  if (name.find_first_of("\r\n") != std::string::npos || name == "." || name == ".." ||
      name.starts_with(".well-known/acme-challenge/")) {
    return fail(at(key, {.code = Code::bad_input,
                         .what = "Google Cloud Storage has no objects of that name",
                         .remedy = "use a name without line ends that is not '.' or '..'"}));
  }
  if (is_hidden(name)) {
    return fail(at(key, {.code = Code::bad_input,
                         .what = "parts of unfinished uploads have such names",
                         .remedy = "use another name"}));
  }
  return Unit{};
}

ObjectMeta GcsStore::meta_of(const sign::GcsObject& object) const {
  return {.key = {object.key},
          .size = object.size,
          .etag = object.generation,
          .modified = object.updated,
          .digests = object.digests,
          .content_type = object.content_type,
          .headers = object.headers,
          .metadata = object.metadata,
          .version = object.generation,
          .is_latest = object.live};
}

ObjectMeta GcsStore::meta_of(const Written& written) const {
  ObjectMeta meta = meta_of(written.object);
  for (const Digest& each : written.digests) {
    if (!meta.digest(each.kind)) {
      meta.digests.push_back(each);
    }
  }
  return meta;
}

Result<Bucket::Target> GcsStore::target(const Key& key, const PutOptions& options) const {
  TRY_OK(check(key));
  auto good = check_put_options(options, can_);
  if (!good.has_value()) {
    return fail(at(key, std::move(good).error()));
  }
  Bucket::Target target{.name = key.text,
                        .if_generation = options.only_if_absent ? "0" : options.if_match,
                        .write = {.content_type = options.content_type,
                                  .headers = options.headers,
                                  .metadata = options.metadata,
                                  .storage_class = options.storage_class,
                                  .retention = gcs_retention(options.lock.retention),
                                  .held = options.lock.legal_hold}};
  if (target.write.storage_class.empty()) {
    target.write.storage_class = bucket_->options().storage_class;
  }
  if (!options.if_match.empty() && (options.only_if_absent || !is_generation(options.if_match))) {
    return fail(at(key, changed()));  // no object can be so
  }
  return target;
}

// ---- reading

// What is no generation can be none of this object's.
Result<Unit> GcsStore::check_version(const Key& key, const std::string& version) const {
  return version.empty() || is_generation(version)
             ? Result<Unit>(Unit{})
             : fail(at(key, {.code = Code::not_found,
                             .what = "there is no such version of the object",
                             .remedy = "versions are numbers here; tutti ls --all-versions lists "
                                       "them"}));
}

Task<ObjectMeta> GcsStore::head(rt::Context& ctx, Key key, HeadOptions options) {
  CO_OK(ctx.check());
  CO_OK(check(key));
  CO_OK(check_version(key, options.version));
  CO_TRY(const sign::GcsObject object,
         co_await bucket_->stat(ctx, key.text, std::move(options.version)));
  co_return meta_of(object);
}

// A range that holds no byte cannot be asked for.
Task<Opened> GcsStore::nothing_of(rt::Context& ctx, Key key, GetOptions options) {
  CO_TRY(ObjectMeta meta, co_await head(ctx, key, {.version = options.version}));
  if (!options.if_match.empty() && options.if_match != meta.etag) {
    co_return fail(at(key, changed()));
  }
  co_return Opened{.meta = std::move(meta), .source = http::empty_source()};
}

Task<Opened> GcsStore::get(rt::Context& ctx, Key key, GetOptions options) {
  CO_OK(ctx.check());
  CO_OK(check(key));
  CO_OK(check_version(key, options.version));
  const bool other = !options.version.empty() && options.if_match != options.version;
  if (!options.if_match.empty() && (other || !is_generation(options.if_match))) {
    co_return fail(at(key, changed()));
  }
  const Range range = options.range.value_or(Range{});
  if (range.length == 0U) {
    co_return co_await nothing_of(ctx, std::move(key), std::move(options));
  }
  sign::GcsRead read = read_of(range);
  read.generation = options.version;
  read.if_generation = options.version.empty() ? options.if_match : std::string();
  auto incoming = co_await bucket_->read(ctx, key.text, read);
  if (!incoming.has_value()) {
    if (incoming.error().provider_code == "notFound" && !options.version.empty() &&
        !options.if_match.empty()) {
      co_return fail(at(key, changed()));  // the bucket does not keep what is replaced
    }
    if (options.range && incoming.error().provider_code == sign::gcs_no_such_range) {
      co_return co_await nothing_of(ctx, std::move(key), std::move(options));
    }
    co_return fail(std::move(incoming).error());
  }
  CO_TRY(const sign::GcsObject object, sign::parse_gcs_read(key.text, incoming->headers));
  const uint64_t bytes = bytes_of(range, object.size);
  if (incoming->status != 206 && bytes != object.size) {
    co_return fail(at(key, {.code = Code::unavailable,
                            .what = "the store gave all of the object instead of a part"}));
  }
  Opened opened{.meta = meta_of(object), .source = nullptr};
  opened.source =
      http::reply_source(buffers_, std::move(incoming->exchange), bytes,
                         again_of(bucket_, object.key, object.generation, range.offset, bytes));
  co_return opened;
}

Task<Page> GcsStore::list(rt::Context& ctx, ListOptions options) {
  CO_OK(ctx.check());
  sign::GcsListing listing{.prefix = options.prefix.text,
                           .start_after = options.start_after.text,
                           .delimiter = options.delimiter,
                           .limit = std::clamp<uint32_t>(options.limit, 1, 1000),
                           .token = options.cursor,
                           .versions = options.versions};
  if (!options.versions) {
    co_return co_await fetch_page(ctx, std::move(listing));
  }
  const auto fetch = [this, listing](rt::Context& inner, std::string token) {
    sign::GcsListing from = listing;
    from.token = std::move(token);
    return fetch_page(inner, std::move(from));
  };
  co_return co_await newest_first(ctx, fetch, std::move(options.cursor));
}

Task<Page> GcsStore::fetch_page(rt::Context& ctx, sign::GcsListing listing) {
  CO_TRY(sign::GcsPage found, co_await bucket_->list(ctx, std::move(listing)));
  Page page{.next = std::move(found.next)};
  for (const sign::GcsObject& each : found.objects) {
    if (!is_hidden(each.key)) {
      page.objects.push_back(meta_of(each));
    }
  }
  for (std::string& each : found.prefixes) {
    if (!is_hidden(each)) {
      page.prefixes.push_back({std::move(each)});
    }
  }
  co_return page;
}

// ---- writing

Task<ObjectMeta> GcsStore::put(rt::Context& ctx, Key key, Body body, PutOptions options) {
  CO_OK(ctx.check());
  CO_TRY(Bucket::Target target, this->target(key, options));
  auto written = co_await bucket_->write(ctx, std::move(target), std::move(body));
  if (!written.has_value()) {
    Error error = std::move(written).error();
    co_return fail(error.where.empty() ? at(key, std::move(error)) : std::move(error));
  }
  co_return meta_of(*written);
}

Task<Unit> GcsStore::remove(rt::Context& ctx, Key key, RemoveOptions options) {
  CO_OK(ctx.check());
  CO_OK(check(key));
  const std::string& version = options.version;
  if (!version.empty() && !is_generation(version)) {
    co_return Unit{};  // there is none of that name to remove
  }
  const bool other = !version.empty() && options.if_match != version;
  if (!options.if_match.empty() && (other || !is_generation(options.if_match))) {
    co_return fail(at(key, changed()));
  }
  auto removed = version.empty() ? co_await bucket_->remove(ctx, key.text, options.if_match)
                                 : co_await bucket_->remove_version(ctx, key.text, version);
  if (removed.has_value()) {
    co_return removed;
  }
  CO_TRY(Error error, co_await refusal(ctx, key, version, std::move(removed).error()));
  co_return fail(std::move(error));
}

// What was denied may be so because the object is locked: then that is the reason to give.
Task<Error> GcsStore::refusal(rt::Context& ctx, Key key, std::string version, Error error) {
  if (error.code == Code::denied) {
    const auto held = co_await lock(ctx, key, {.version = std::move(version)});
    if (held.has_value() && is_locked(*held, ctx.clock().wall())) {
      Error locked = at(key, locked_error(*held, ctx.clock().wall()));
      locked.provider_code = error.provider_code;
      co_return locked;
    }
  }
  co_return error;
}

// ---- locks

Task<Lock> GcsStore::lock(rt::Context& ctx, Key key, LockOptions options) {
  CO_OK(ctx.check());
  CO_OK(check(key));
  CO_OK(check_version(key, options.version));
  CO_TRY(const sign::GcsObject object,
         co_await bucket_->stat(ctx, key.text, std::move(options.version)));
  co_return lock_of(object);
}

Task<Unit> GcsStore::set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                                   LockOptions options) {
  CO_OK(ctx.check());
  CO_OK(check(key));
  CO_OK(check_version(key, options.version));
  auto good = check_retention({}, retention, false, ctx.clock().wall());
  if (!good.has_value()) {
    co_return fail(at(key, std::move(good).error()));
  }
  auto set = co_await bucket_->change(ctx, key.text,
                                      {.body = sign::gcs_retention_body(gcs_retention(retention)),
                                       .generation = options.version,
                                       .override_unlocked = options.bypass_governance});
  if (set.has_value()) {
    co_return set;
  }
  CO_TRY(Error error, co_await refusal(ctx, key, options.version, std::move(set).error()));
  co_return fail(std::move(error));
}

Task<Unit> GcsStore::set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) {
  CO_OK(ctx.check());
  CO_OK(check(key));
  CO_OK(check_version(key, options.version));
  co_return co_await bucket_->change(
      ctx, key.text, {.body = sign::gcs_hold_body(on), .generation = std::move(options.version)});
}

// The source is looked at first: its version is what is copied, however many steps it takes, and
// what is not said anew of the target is its.
namespace {

sign::GcsObject object_of(const Key& key, ObjectMeta meta) {
  return {.key = key.text,
          .size = meta.size,
          .generation = std::move(meta.etag),
          .live = meta.is_latest,
          .content_type = std::move(meta.content_type),
          .headers = std::move(meta.headers),
          .metadata = std::move(meta.metadata),
          .digests = std::move(meta.digests)};
}

}  // namespace

Task<ObjectMeta> GcsStore::copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) {
  CO_OK(ctx.check());
  CO_OK(check(from));
  const bool inside = options.bucket.empty();
  sign::GcsObject source = object_of(from, options.source.value_or(ObjectMeta{}));
  CO_OK(check_version(from, options.version));
  if (inside) {
    CO_TRY(source, co_await bucket_->stat(ctx, from.text, options.version));
  }
  if (!options.if_match.empty() && options.if_match != source.generation) {
    co_return fail(at(from, changed()));
  }
  CO_TRY(Bucket::Target target, this->target(to, options.put));
  const bool anew = target.write != sign::GcsWrite{} || options.metadata_anew;
  if (target.write.content_type.empty()) {
    target.write.content_type = source.content_type;
  }
  if (target.write.headers == ContentHeaders{}) {
    target.write.headers = source.headers;
  }
  if (target.write.metadata.empty() && !options.metadata_anew) {
    target.write.metadata = source.metadata;
  }
  CO_TRY(const sign::GcsObject copied,
         co_await bucket_->copy(ctx, inside ? bucket_->options().bucket : options.bucket,
                                std::move(source), std::move(target), anew));
  co_return meta_of(copied);
}

Task<std::string> GcsStore::presign(rt::Context& ctx, Key key, PresignOptions options) {
  CO_OK(ctx.check());
  CO_OK(check(key));
  auto url = co_await bucket_->presign(ctx, std::move(options.method), key.text, options.valid);
  co_return url.has_value() ? std::move(url) : fail(at(key, std::move(url).error()));
}

// ---- uploads

Task<std::unique_ptr<Upload>> GcsStore::begin_upload(rt::Context& ctx, Key key,
                                                     UploadOptions options) {
  CO_OK(ctx.check());
  CO_TRY(Bucket::Target target, this->target(key, options.put));
  if (!target.if_generation.empty()) {
    const auto there = co_await bucket_->stat(ctx, target.name);
    if (!there.has_value() && there.error().code != Code::not_found) {
      co_return fail(there.error());
    }
    const std::string generation = there.has_value() ? there->generation : "0";
    if (generation != target.if_generation) {
      co_return fail(at(key, changed()));
    }
  }
  CO_OK(co_await sweep(ctx));
  if (InOrderUpload::is_id(options.id)) {
    co_return co_await InOrderUpload::resume(ctx, *this, std::move(key), std::move(options),
                                             std::move(target));
  }
  if (options.id.empty() && InOrderUpload::suits(options, can_)) {
    co_return co_await InOrderUpload::begin(ctx, *this, std::move(key), std::move(options),
                                            std::move(target));
  }
  if (!options.id.empty()) {
    std::string begun = options.id;
    co_return std::make_unique<GcsUpload>(*this, std::move(key), std::move(options),
                                          std::move(begun));
  }
  std::string folder = fmt::format("{}{}{:016x}{:016x}/", bucket_->options().parts_prefix,
                                   component_folder, ctx.random().next(), ctx.random().next());
  co_return std::make_unique<GcsUpload>(*this, std::move(key), std::move(options),
                                        std::move(folder));
}

// All that are below a folder, which may be only the beginning of its name.
Task<std::vector<sign::GcsObject>> GcsStore::components(rt::Context& ctx, std::string folder) {
  std::vector<sign::GcsObject> all;
  sign::GcsListing listing{.prefix = std::move(folder)};
  do {
    CO_TRY(sign::GcsPage page, co_await bucket_->list(ctx, listing));
    std::erase_if(page.objects, [this](const auto& each) { return !is_hidden(each.key); });
    std::ranges::move(page.objects, std::back_inserter(all));
    listing.token = page.next;
  } while (!listing.token.empty());
  co_return all;
}

Task<std::vector<PendingUpload>> GcsStore::uploads(rt::Context& ctx, Key prefix) {
  CO_OK(ctx.check());
  CO_TRY(const std::vector<sign::GcsObject> all,
         co_await components(ctx, bucket_->options().parts_prefix + std::string(component_folder)));
  std::map<std::string, PendingUpload> found;  // by id: the folder of the components
  for (const sign::GcsObject& each : all) {
    const std::string folder = each.key.substr(0, each.key.rfind('/') + 1);
    const auto note = each.metadata.find(std::string(upload_note));
    const std::string& key = note == each.metadata.end() ? folder : note->second;
    const auto [at, first] = found.try_emplace(
        folder, PendingUpload{.key = {key}, .id = folder, .started = each.updated});
    at->second.started = std::min(at->second.started, each.updated);
  }
  std::vector<PendingUpload> uploads;
  for (auto& [folder, each] : found) {
    if (each.key.text.starts_with(prefix.text)) {
      uploads.push_back(std::move(each));
    }
  }
  std::ranges::sort(uploads, {}, [](const PendingUpload& each) {
    return std::tuple(each.key, each.started, each.id);
  });
  co_return uploads;
}

Task<Unit> GcsStore::abort_upload(rt::Context& ctx, Key key, std::string id) {
  CO_OK(ctx.check());
  if (!id.ends_with('/') || !is_hidden(id + "0")) {
    co_return fail(at(key, {.code = Code::bad_input, .what = "no upload has this id"}));
  }
  CO_TRY(const std::vector<sign::GcsObject> all, co_await components(ctx, id));
  std::vector<sign::GcsComponent> found;
  for (const sign::GcsObject& each : all) {
    found.push_back({.key = each.key, .generation = each.generation});
  }
  CO_OK(co_await remove_components(ctx, *bucket_, std::move(found)));
  // What could not be removed says so now.
  CO_TRY(const std::vector<sign::GcsObject> left, co_await components(ctx, id));
  for (const sign::GcsObject& each : left) {
    CO_OK(co_await bucket_->remove_version(ctx, each.key, each.generation));
  }
  co_return Unit{};
}

void GcsStore::leave(std::vector<sign::GcsComponent> components) {
  left_.insert(left_.end(), std::make_move_iterator(components.begin()),
               std::make_move_iterator(components.end()));
}

Task<Unit> GcsStore::sweep(rt::Context& ctx) {
  co_return co_await remove_components(ctx, *bucket_, std::exchange(left_, {}));
}

}  // namespace tutti::cloud::gcs
