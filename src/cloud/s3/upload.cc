// SPDX-License-Identifier: Apache-2.0
#include "cloud/s3/upload.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/body_check.h"
#include "cloud/http/request_body.h"
#include "cloud/s3/writing.h"
#include "rt/scope.h"

namespace tutti::cloud::s3 {
namespace {

constexpr uint64_t copy_part_bytes = 512ULL << 20U;
constexpr size_t copies_parallel = 8;

struct Part {
  std::string etag;
  uint64_t bytes = 0;
  std::optional<Digest> crc = std::nullopt;  // none: copied, and the service does not say it
};

class S3Upload final : public Upload {
 public:
  S3Upload(std::shared_ptr<Client> client, Key key, UploadOptions options, std::string id,
           std::string where)
      : client_(std::move(client)),
        key_(std::move(key)),
        options_(std::move(options)),
        id_(std::move(id)),
        where_(std::move(where)) {}

  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override;
  // `bucket`: the source's.
  Task<Unit> copy_part(rt::Context& ctx, uint32_t number, std::string bucket, ObjectMeta source,
                       Range range);
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override;
  Task<Unit> abort(rt::Context& ctx) override;
  std::string id() const override { return id_; }
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override;

 private:
  sign::Request request_of(std::string method, sign::Pairs query) const {
    query.emplace_back("uploadId", id_);
    return sign::s3_object_request(client_->bucket(), std::move(method), key_.text,
                                   std::move(query));
  }
  sign::Request part_request(uint32_t number) const {
    sign::Request request = request_of("PUT", {{"partNumber", std::to_string(number)}});
    for (const auto& [name, value] : client_->settings().keyed) {
      sign::set_value(request.headers, name, value);
    }
    return request;
  }
  Error bad(std::string what) const {
    return {.code = Code::bad_input, .what = std::move(what), .where = where_};
  }
  Result<std::vector<Digest>> whole(std::vector<Digest> given) const;
  Task<ObjectMeta> complete(rt::Context& ctx, std::vector<Digest> digests);
  Task<ObjectMeta> find(rt::Context& ctx, Error error, std::vector<Digest> digests);
  bool checksums() const {
    return client_->settings().checksum == Checksum::trailer ||
           client_->settings().checksum == Checksum::header;
  }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const auto& [number, part] : parts_) {
      sum += part.bytes;
    }
    return sum;
  }

  std::shared_ptr<Client> client_;
  Key key_;
  UploadOptions options_;
  std::string id_;
  std::string where_;
  std::map<uint32_t, Part> parts_;
  bool ended_ = false;
};

Task<SentPart> S3Upload::part(rt::Context& ctx, uint32_t number, Body body) {
  if (ended_ || number == 0 || number > 10'000) {
    co_return fail(bad("no such part"));
  }
  if (!body.size) {
    CO_TRY(auto held, co_await http::collect(ctx, body, options_.part_bytes));
    body = held_body(std::make_shared<const std::string>(std::move(held.bytes)));
  }
  if (*body.size > options_.part_bytes) {
    co_return fail(bad("a part larger than part_bytes"));
  }
  const uint64_t bytes = *body.size;
  Sending sending(*client_, [this, number] { return part_request(number); }, std::move(body));
  CO_TRY(const sign::S3Object said, co_await sending.send(ctx, where_));
  const Digest crc = sending.digests().front();
  parts_[number] = {.etag = said.etag, .bytes = bytes, .crc = crc};
  co_return SentPart{.number = number, .bytes = bytes, .crc32c = crc, .receipt = said.etag};
}

// The service lists what it has; a part counts where its ETag is still the one of then.
Task<std::vector<SentPart>> S3Upload::take_over(rt::Context& ctx, std::vector<SentPart> parts) {
  std::map<uint32_t, std::string> there;
  std::optional<uint32_t> marker = 0;
  while (marker) {
    sign::Request request = request_of("GET", {{"part-number-marker", std::to_string(*marker)}});
    for (const auto& [name, value] : client_->settings().keyed) {
      sign::set_value(request.headers, name, value);
    }
    CO_TRY(const http::Reply reply, co_await client_->fetch(ctx, std::move(request), where_));
    auto page = sign::parse_s3_parts(reply.body);
    if (!page.has_value()) {
      Error error = std::move(page).error();
      error.where = where_;
      co_return fail(std::move(error));
    }
    for (const sign::S3Part& each : page->parts) {
      there[each.number] = each.etag;
    }
    marker = page->next > marker ? page->next : std::nullopt;
  }
  std::erase_if(parts, [&](const SentPart& each) {
    const auto at = there.find(each.number);
    return at == there.end() || at->second != each.receipt;
  });
  for (const SentPart& each : parts) {
    parts_[each.number] = {.etag = each.receipt, .bytes = each.bytes, .crc = each.crc32c};
  }
  co_return parts;
}

Task<Unit> S3Upload::copy_part(rt::Context& ctx, uint32_t number, std::string bucket,
                               ObjectMeta source, Range range) {
  sign::Request request = part_request(number);
  sign::set_value(request.headers, "x-amz-copy-source",
                  sign::s3_copy_source(bucket, source.key.text, source.version));
  sign::set_value(request.headers, "x-amz-copy-source-if-match",
                  fmt::format("\"{}\"", source.etag));
  sign::set_value(
      request.headers, "x-amz-copy-source-range",
      fmt::format("bytes={}-{}", range.offset, range.offset + range.length.value() - 1));
  add_source_key(request, client_->settings());
  CO_TRY(const auto written, co_await client_->write(ctx, std::move(request), where_));
  std::optional<Digest> crc;  // what the service computed over the bytes it copied
  if (!written.object.digests.empty()) {
    crc = written.object.digests.front();
  }
  parts_[number] = {.etag = written.object.etag, .bytes = *range.length, .crc = crc};
  co_return Unit{};
}

// CRC32C of all parts, compared with what is given; nothing where that of one is not
// known.
Result<std::vector<Digest>> S3Upload::whole(std::vector<Digest> given) const {
  Digest crc = digest_of(DigestKind::crc32c, "");
  uint32_t expected = 1;
  for (const auto& [number, part] : parts_) {
    const bool full = part.bytes == options_.part_bytes;
    if (number != expected++ || (!full && number != parts_.rbegin()->first)) {
      return fail(bad("the parts have a gap, or one in the middle is short"));
    }
    if (!part.crc) {
      return given;
    }
    crc = combine_crc32c(crc, *part.crc, part.bytes);
  }
  auto known = check_whole(crc, std::move(given));
  if (!known.has_value()) {
    Error error = std::move(known).error();
    error.where = where_;
    return fail(std::move(error));
  }
  return known;
}

// The reply to the commit may have been lost: the upload is gone, and the object is there.
Task<ObjectMeta> S3Upload::find(rt::Context& ctx, Error error, std::vector<Digest> digests) {
  sign::Request request = sign::s3_object_request(client_->bucket(), "HEAD", key_.text);
  sign::set_value(request.headers, "x-amz-checksum-mode", "ENABLED");
  for (const auto& [name, value] : client_->settings().keyed) {
    sign::set_value(request.headers, name, value);
  }
  auto reply = co_await client_->fetch(ctx, std::move(request), where_);
  if (reply.has_value()) {
    CO_TRY(const sign::S3Object object, sign::parse_s3_object(reply->headers));
    const ObjectMeta meta = meta_of(key_, object);
    if (meta.size == bytes() && !digests.empty() &&
        meta.digest(DigestKind::crc32c) == digests.front()) {
      co_return meta;
    }
  }
  CO_OK(ctx.check());
  co_return fail(std::move(error));
}

Task<ObjectMeta> S3Upload::complete(rt::Context& ctx, std::vector<Digest> digests) {
  std::vector<sign::S3Part> list;
  for (const auto& [number, part] : parts_) {
    list.push_back(
        {.number = number, .etag = part.etag, .crc32c = checksums() ? part.crc : std::nullopt});
  }
  sign::Request request = request_of("POST", {});
  add_conditions(request, options_.put);
  for (const auto& [name, value] : client_->settings().keyed) {
    sign::set_value(request.headers, name, value);
  }
  if (checksums() && !digests.empty() && parts_.begin()->second.crc) {
    auto [name, value] = sign::s3_checksum(digests.front());
    sign::set_value(request.headers, name, std::move(value));
    sign::set_value(request.headers, "x-amz-checksum-type", "FULL_OBJECT");
    sign::set_value(request.headers, "x-amz-mp-object-size", std::to_string(bytes()));
  }
  auto written =
      co_await client_->write(ctx, std::move(request), where_, sign::s3_complete_body(list));
  if (!written.has_value()) {
    const Error& error = written.error();
    if (error.provider_code == "NoSuchUpload" || error.code == Code::conflict ||
        error.code == Code::unknown_outcome) {
      co_return co_await find(ctx, std::move(written).error(), std::move(digests));
    }
    co_return fail(std::move(written).error());
  }
  co_return ObjectMeta{.key = key_,
                       .size = bytes(),
                       .etag = written->object.etag,
                       .modified = written->object.modified,
                       .digests = written->object.digests,
                       .content_type = options_.put.content_type,
                       .headers = options_.put.headers,
                       .metadata = options_.put.metadata,
                       .version = written->version};
}

// An upload has at least one part.
Task<ObjectMeta> S3Upload::commit(rt::Context& ctx, std::vector<Digest> digests) {
  if (ended_) {
    co_return fail(bad("the upload has ended"));
  }
  CO_TRY(digests, whole(std::move(digests)));
  if (parts_.empty()) {
    CO_OK(co_await part(ctx, 1, held_body(std::make_shared<const std::string>())));
  }
  auto written = co_await complete(ctx, std::move(digests));
  // An upload whose end met another conditional write is of no use any more
  // (CompleteMultipartUpload, "Conditional writes"): it begins anew.
  if (written.has_value() || !is_retryable(written.error().code) ||
      written.error().provider_code == "ConditionalRequestConflict") {
    const bool left = !written.has_value();
    if (left) {
      rt::Context patient = ctx.uncancellable().with_timeout(seconds(30));
      std::ignore = co_await abort(patient);
    }
    ended_ = true;
  }
  co_return written;
}

Task<Unit> S3Upload::abort(rt::Context& ctx) {
  if (std::exchange(ended_, true)) {
    co_return Unit{};
  }
  auto reply = co_await client_->fetch(ctx, request_of("DELETE", {}), where_);
  if (!reply.has_value() && reply.error().code != Code::not_found) {
    co_return fail(std::move(reply).error());
  }
  co_return Unit{};
}

Task<std::unique_ptr<S3Upload>> begin_upload(rt::Context& ctx, std::shared_ptr<Client> client,
                                             Key key, UploadOptions options, std::string where) {
  sign::Request request =
      sign::s3_object_request(client->bucket(), "POST", key.text, {{"uploads", ""}});
  PutOptions kept = options.put;  // the conditions are the commit's
  add_put_headers(request, kept, client->settings());
  const Checksum checksum = client->settings().checksum;
  if (checksum == Checksum::trailer || checksum == Checksum::header) {
    sign::set_value(request.headers, "x-amz-checksum-algorithm", "CRC32C");
    sign::set_value(request.headers, "x-amz-checksum-type", "FULL_OBJECT");
  }
  CO_TRY(const http::Reply reply, co_await client->fetch(ctx, std::move(request), where));
  auto id = sign::parse_s3_upload_id(reply.body);
  if (!id.has_value()) {
    Error error = std::move(id).error();
    error.where = std::move(where);
    co_return fail(std::move(error));
  }
  co_return std::make_unique<S3Upload>(std::move(client), std::move(key), std::move(options),
                                       std::move(*id), std::move(where));
}

Task<Unit> copy_parts(rt::Scope& scope, S3Upload& upload, std::string bucket, ObjectMeta source,
                      uint64_t part_bytes) {
  uint32_t number = 0;
  for (uint64_t at = 0; at < source.size; at += part_bytes) {
    const Range range{.offset = at, .length = std::min(part_bytes, source.size - at)};
    CO_OK(co_await scope.spawn(upload.copy_part(scope.context(), ++number, bucket, source, range)));
  }
  co_return Unit{};
}

}  // namespace

Task<std::unique_ptr<Upload>> begin(rt::Context& ctx, std::shared_ptr<Client> client, Key key,
                                    UploadOptions options, std::string where) {
  if (!options.id.empty()) {
    std::string id = options.id;
    co_return std::make_unique<S3Upload>(std::move(client), std::move(key), std::move(options),
                                         std::move(id), std::move(where));
  }
  CO_TRY(auto upload, co_await begin_upload(ctx, std::move(client), std::move(key),
                                            std::move(options), std::move(where)));
  co_return std::move(upload);
}

Task<ObjectMeta> copy_in_parts(rt::Context& ctx, std::shared_ptr<Client> client, std::string bucket,
                               ObjectMeta source, Key to, PutOptions options, std::string where) {
  const uint64_t part_bytes = std::max(copy_part_bytes, (source.size + 9'999) / 10'000);
  CO_TRY(auto upload, co_await begin_upload(ctx, std::move(client), std::move(to),
                                            {.put = std::move(options), .part_bytes = part_bytes},
                                            std::move(where)));
  auto copied = co_await rt::scoped(ctx, {.children_max = copies_parallel}, copy_parts,
                                    std::ref(*upload), std::move(bucket), source, part_bytes);
  if (!copied.has_value()) {
    rt::Context patient = ctx.uncancellable().with_timeout(seconds(30));
    std::ignore = co_await upload->abort(patient);
    co_return fail(std::move(copied).error());
  }
  co_return co_await upload->commit(ctx, {});
}

}  // namespace tutti::cloud::s3
