// SPDX-License-Identifier: Apache-2.0
#include "cloud/s3/writing.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/digest.h"
#include "cloud/http/request_body.h"
#include "cloud/locks.h"

namespace tutti::cloud::s3 {
namespace {

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

// Headers are ASCII; anything else goes as an encoded word (RFC 2047), as S3 itself gives it back.
std::string header_text(const std::string& text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; }) &&
                     !text.starts_with("=?") && !text.starts_with(' ') && !text.ends_with(' ');
  return plain ? text : fmt::format("=?UTF-8?B?{}?=", base64_encode(text));
}

}  // namespace

Sending::Sending(Client& client, std::function<sign::Request()> request, Body body)
    : client_(client), request_(std::move(request)), body_(std::move(body)) {}

Task<Unit> Sending::prepare(rt::Context& ctx) {
  const Checksum checksum = client_.settings().checksum;
  if (*body_.size <= held_bytes_max) {
    CO_TRY(auto held, co_await http::collect(ctx, body_, held_bytes_max));
    held_ = std::move(held.bytes);
    digests_ = std::move(held.digests);
  } else if (checksum == Checksum::header || checksum == Checksum::md5) {
    CO_OK(co_await read_ahead(ctx));
  }
  co_return Unit{};
}

Task<Unit> Sending::read_ahead(rt::Context& ctx) {
  if (body_.one_shot) {
    co_return fail(Code::unsupported,
                   "this store wants a checksum before the bytes, which can be read only once",
                   "set `checksum: trailer` or `off` for the connection");
  }
  Hasher md5(DigestKind::md5);
  CO_TRY(const auto reader,
         co_await read_whole(ctx, client_.settings().checksum == Checksum::md5 ? &md5 : nullptr));
  digests_ = reader->digests();
  digests_.push_back(md5.finish());
  co_return Unit{};
}

Task<std::shared_ptr<http::BodyReader>> Sending::read_whole(rt::Context& ctx, Hasher* md5) const {
  CO_TRY(std::shared_ptr<http::BodyReader> reader, co_await http::BodyReader::open(ctx, body_));
  while (true) {
    CO_TRY(const Chunk chunk, co_await reader->next(ctx));
    if (chunk.empty()) {
      co_return reader;
    }
    if (md5 != nullptr) {
      md5->update(chunk.bytes());
    }
  }
}

Task<Digest> Sending::crc(rt::Context& ctx) {
  if (digests().empty()) {
    if (body_.one_shot) {
      co_return fail(Code::unsupported, "the source can be read only once");
    }
    CO_TRY(reader_, co_await read_whole(ctx, nullptr));
  }
  co_return digests().front();
}

Task<Call> Sending::make(rt::Context& ctx) {
  if (body_.one_shot && !held_ && tries_ > 0) {
    co_return fail(Code::conflict, "the connection broke, and the source can be read only once",
                   "start the transfer again");
  }
  ++tries_;
  Call call{.request = request_()};
  call.repeatable = sign::find_value(call.request.headers, "if-none-match") == nullptr &&
                    sign::find_value(call.request.headers, "if-match") == nullptr;
  if (held_) {
    call.body = held_;
    add_checksum(call.request);
    co_return call;
  }
  CO_TRY(auto reader, co_await http::BodyReader::open(ctx, body_));
  reader_ = std::move(reader);
  if (client_.settings().checksum == Checksum::trailer) {
    ChunkedBody::set_headers(call.request, *body_.size);
    call.chunked =
        std::make_shared<ChunkedBody>(reader_, *body_.size, client_.settings().sign_payload);
  } else {
    add_checksum(call.request);
    call.plain = std::make_shared<http::PlainBody>(reader_, *body_.size);
  }
  co_return call;
}

void Sending::add_checksum(sign::Request& request) const {
  const Checksum checksum = client_.settings().checksum;
  if (checksum == Checksum::md5) {
    const Digest md5 = held_ ? digest_of(DigestKind::md5, *held_) : digests_.back();
    sign::set_value(request.headers, "content-md5", sign::s3_checksum(md5).second);
  } else if (checksum != Checksum::off) {
    auto [name, value] = sign::s3_checksum(digests_.front());
    sign::set_value(request.headers, name, std::move(value));
  }
}

Task<sign::S3Object> Sending::send(rt::Context& ctx, std::string where) {
  CO_OK(co_await prepare(ctx));
  CO_TRY(http::Incoming incoming,
         co_await client_.start(ctx, [this](rt::Context& inner) { return make(inner); }, where));
  CO_TRY(const http::Reply reply, co_await http::read_reply(ctx, std::move(incoming)));
  CO_TRY(sign::S3Object said, sign::parse_s3_object(reply.headers));
  for (const Digest& each : said.digests) {
    if (each.kind == DigestKind::crc32c && each != digests().front()) {
      co_return fail(Error{.code = Code::corrupt,
                           .what = fmt::format("{} was sent, the store wrote {}",
                                               to_text(digests().front()), to_text(each)),
                           .where = std::move(where)});
    }
  }
  co_return said;
}

void add_conditions(sign::Request& request, const PutOptions& options) {
  if (options.only_if_absent) {
    sign::set_value(request.headers, "if-none-match", "*");
  }
  if (!options.if_match.empty()) {
    sign::set_value(request.headers, "if-match", fmt::format("\"{}\"", options.if_match));
  }
}

void add_put_headers(sign::Request& request, const PutOptions& options, const Settings& settings) {
  if (!options.content_type.empty()) {
    sign::set_value(request.headers, "content-type", options.content_type);
  }
  for (const ContentHeader& each : content_headers) {
    if (const std::string& value = options.headers.*each.value; !value.empty()) {
      sign::set_value(request.headers, each.http, value);
    }
  }
  if (!options.tags.empty()) {
    sign::set_value(request.headers, "x-amz-tagging", sign::s3_tagging(options.tags));
  }
  for (const auto& [name, value] : options.metadata) {
    sign::set_value(request.headers, "x-amz-meta-" + name, header_text(value));
  }
  if (!options.storage_class.empty()) {
    sign::set_value(request.headers, "x-amz-storage-class", upper(options.storage_class));
  }
  const sign::S3Retention retention = s3_retention(options.lock.retention);
  for (auto& [name, value] : sign::s3_lock_headers(retention, options.lock.legal_hold)) {
    sign::set_value(request.headers, name, std::move(value));
  }
  for (const sign::Pairs* headers : {&settings.writes, &settings.keyed}) {
    for (const auto& [name, value] : *headers) {
      sign::set_value(request.headers, name, value);
    }
  }
}

void add_source_key(sign::Request& request, const Settings& settings) {
  constexpr std::string_view amz = "x-amz-";
  for (const auto& [name, value] : settings.keyed) {
    sign::set_value(request.headers, fmt::format("x-amz-copy-source-{}", name.substr(amz.size())),
                    value);
  }
}

sign::S3Retention s3_retention(const std::optional<Retention>& retention) {
  return retention
             ? sign::S3Retention{.mode = upper(std::string(retention_mode_name(retention->mode))),
                                 .until = retention->until}
             : sign::S3Retention{};
}

namespace {

Archived archived_of(const sign::S3Object& object) {
  const bool archive = object.storage_class == "GLACIER" ||
                       object.storage_class == "DEEP_ARCHIVE" || !object.archive_status.empty();
  return object.restoring        ? Archived::restoring
         : object.restored_until ? Archived::restored
         : archive               ? Archived::yes
                                 : Archived::no;
}

}  // namespace

ObjectMeta meta_of(Key key, const sign::S3Object& object) {
  return {.key = std::move(key),
          .size = object.size,
          .etag = object.etag,
          .modified = object.modified,
          .digests = object.digests,
          .content_type = object.content_type,
          .headers = object.headers,
          .metadata = object.metadata,
          .version = object.version,
          .is_latest = object.is_latest,
          .delete_marker = object.delete_marker,
          .archived = archived_of(object),
          .restored_until = object.restored_until};
}

}  // namespace tutti::cloud::s3
