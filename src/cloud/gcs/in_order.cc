// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/in_order.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/body_check.h"

namespace tutti::cloud::gcs {
namespace {

constexpr std::string_view id_begin = "session ";

// The service holds a session to what it was begun with: the condition, all that stands beside the
// bytes, the key.
std::string id_of(const Bucket& bucket, const Bucket::Target& target, std::string_view url) {
  const Digest begun =
      sha256(to_json(sign::gcs_resource(target.write)) + " " + bucket.options().service.kms_key);
  return fmt::format("{}{} {} {}", id_begin, target.if_generation, hex(begun), url);
}

}  // namespace

bool InOrderUpload::suits(const UploadOptions& options, const Capabilities& can) {
  return options.in_order && options.size.value_or(0) > 0 &&
         *options.size <= can.in_order_bytes_max &&
         (*options.size <= options.part_bytes || options.part_bytes % sign::gcs_chunk_unit == 0);
}

bool InOrderUpload::is_id(std::string_view id) { return id.starts_with(id_begin); }

Task<std::unique_ptr<Upload>> InOrderUpload::begin(rt::Context& ctx, GcsStore& store, Key key,
                                                   UploadOptions options, Bucket::Target target) {
  auto session = co_await store.bucket().begin_session(ctx, target);
  if (!session.has_value()) {
    co_return fail(store.at(key, std::move(session).error()));
  }
  co_return std::unique_ptr<Upload>(new InOrderUpload(store, std::move(key), std::move(options),
                                                      std::move(target), std::move(*session)));
}

Task<std::unique_ptr<Upload>> InOrderUpload::resume(rt::Context& ctx, GcsStore& store, Key key,
                                                    UploadOptions options, Bucket::Target target) {
  const std::string url = options.id.substr(options.id.rfind(' ') + 1);
  auto session = co_await store.bucket().resume_session(ctx, target.name, url);
  if (!session.has_value()) {
    co_return fail(store.at(key, std::move(session).error()));
  }
  if (options.id != id_of(store.bucket(), target, url)) {
    std::ignore = co_await (*session)->abandon(ctx);
    co_return fail(store.at(
        key, {.code = Code::not_found, .what = "the upload was begun for something else"}));
  }
  co_return std::unique_ptr<Upload>(new InOrderUpload(store, std::move(key), std::move(options),
                                                      std::move(target), std::move(*session)));
}

std::string InOrderUpload::id() const { return id_of(store_.bucket(), target_, session_->url()); }

Result<Unit> InOrderUpload::check(uint32_t number, const Body& body) const {
  const uint64_t due = std::min(options_.part_bytes, options_.size.value_or(0) - done_);
  std::string_view what;
  if (ended_ || due == 0) {
    what = "no such part";
  } else if (number != parts_ + 1) {
    what = "the parts of this upload come in order, each once";
  } else if (body.one_shot || body.size != due) {
    what = "a part of another size, or one that cannot be opened again";
  }
  return what.empty() ? Result<Unit>(Unit{})
                      : fail(store_.at(key_, {.code = Code::bad_input, .what = std::string(what)}));
}

// All but the object's last bytes; returns the CRC32C of the part.
Task<Digest> InOrderUpload::send(rt::Context& ctx, Body body) {
  const uint64_t bytes = *body.size;
  const auto reading = std::make_shared<Reading>(std::move(body));
  if (done_ + bytes == *options_.size) {
    CO_TRY(rest_, co_await session_->send_but_last(ctx, reading, done_));
  } else {
    CO_OK(co_await session_->send(ctx, reading, done_, bytes));
    CO_TRY(rest_, co_await reading->rest(ctx, bytes));  // none; the digest is known then
  }
  co_return reading->digests().front();
}

Task<SentPart> InOrderUpload::part(rt::Context& ctx, uint32_t number, Body body) {
  CO_OK(check(number, body));
  const uint64_t bytes = *body.size;
  auto crc = co_await send(ctx, std::move(body));
  if (!crc.has_value()) {
    co_return fail(store_.at(key_, std::move(crc).error()));
  }
  crc_ = combine_crc32c(crc_, *crc, bytes);
  done_ += bytes;
  parts_ = number;
  co_return SentPart{.number = number, .bytes = bytes, .crc32c = *crc};
}

// Those the service has all bytes of; it has a part of the next one, maybe, which is sent from
// there.
Task<std::vector<SentPart>> InOrderUpload::take_over(rt::Context& ctx,
                                                     std::vector<SentPart> parts) {
  CO_OK(ctx.check());
  std::ranges::sort(parts, {}, &SentPart::number);
  std::vector<SentPart> there;
  for (SentPart& each : parts) {
    if (each.number != parts_ + 1 || done_ + each.bytes > session_->persisted()) {
      break;
    }
    crc_ = combine_crc32c(crc_, each.crc32c, each.bytes);
    done_ += each.bytes;
    parts_ = each.number;
    there.push_back(std::move(each));
  }
  co_return there;
}

Task<ObjectMeta> InOrderUpload::commit(rt::Context& ctx, std::vector<Digest> digests) {
  CO_OK(ctx.check());
  if (ended_ || done_ != options_.size) {
    co_return fail(store_.at(
        key_, {.code = Code::bad_input, .what = "the upload has ended, or parts are missing"}));
  }
  ended_ = true;
  auto known = check_whole(crc_, std::move(digests));
  if (!known.has_value()) {
    co_return fail(store_.at(key_, std::move(known).error()));
  }
  const uint64_t offset = done_ - rest_.size();
  auto written = co_await store_.bucket().finish_session(
      ctx, *session_, std::move(target_),
      {.bytes = std::make_shared<const std::string>(std::move(rest_)),
       .offset = offset,
       .digests = std::move(*known)});
  if (!written.has_value()) {
    co_return fail(store_.at(key_, std::move(written).error()));
  }
  co_return store_.meta_of(*written);
}

Task<Unit> InOrderUpload::abort(rt::Context& ctx) {
  ended_ = true;
  co_return co_await session_->abandon(ctx);
}

}  // namespace tutti::cloud::gcs
