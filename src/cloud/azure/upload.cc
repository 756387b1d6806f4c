// SPDX-License-Identifier: Apache-2.0
// An upload: each part is one block. Blocks without a blob are not seen by anybody, and the service
// drops them after a week, so that nothing is to be done where an upload is given up.
#include <map>

#include <fmt/format.h>

#include "cloud/azure/hashed.h"
#include "cloud/azure/store.h"
#include "cloud/body.h"
#include "cloud/body_check.h"
#include "cloud/http/request_body.h"

namespace tutti::cloud::azure {
namespace {

using BlobsPtr = std::shared_ptr<Blobs>;

// One way of a part to the service; the last one's findings count.
struct Streamed {
  Body body;
  Found found = std::make_shared<std::vector<Digest>>();
  std::shared_ptr<http::BodyReader> reader = nullptr;
};

Task<std::shared_ptr<net::HttpSource>> open_part(rt::Context& ctx, std::shared_ptr<Streamed> part) {
  CO_TRY(auto reader, co_await http::BodyReader::open(ctx, part->body));
  part->reader = std::move(reader);
  co_return std::make_shared<http::PlainBody>(part->reader, *part->body.size);
}

const Digest* find(const std::vector<Digest>& digests, DigestKind kind) {
  const auto at = std::ranges::find(digests, kind, &Digest::kind);
  return at == digests.end() ? nullptr : &*at;
}

class AzureUpload final : public Upload {
 public:
  AzureUpload(BlobsPtr blobs, Key key, UploadOptions options, std::string mark)
      : blobs_(std::move(blobs)),
        key_(std::move(key)),
        options_(std::move(options)),
        mark_(std::move(mark)) {}

  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override;
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override;
  Task<Unit> abort(rt::Context&) override {
    ended_ = true;
    parts_.clear();
    co_return Unit{};
  }
  std::string id() const override { return mark_; }
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override;

 private:
  struct Part {
    uint64_t bytes = 0;
    Digest crc;
  };

  Task<Part> send(rt::Context& ctx, uint32_t number, Body body);
  // The size and digests of the whole.
  Result<std::pair<uint64_t, std::vector<Digest>>> whole(std::vector<Digest> digests) const;
  Error at(Error error) const { return blobs_->at(key_, std::move(error)); }

  BlobsPtr blobs_;
  Key key_;
  UploadOptions options_;
  std::string mark_;  // in the ids of its blocks
  std::map<uint32_t, Part> parts_;
  bool ended_ = false;
};

Task<SentPart> AzureUpload::part(rt::Context& ctx, uint32_t number, Body body) {
  if (ended_ || number == 0 || number > blobs_->capabilities().parts_max) {
    co_return fail(at({.code = Code::bad_input, .what = "no such part"}));
  }
  if (!body.size) {
    auto held = co_await http::collect(ctx, std::move(body), options_.part_bytes);
    if (!held.has_value()) {
      co_return fail(at(std::move(held).error()));
    }
    body = held_body(std::make_shared<const std::string>(std::move(held->bytes)));
  }
  if (*body.size > options_.part_bytes) {
    co_return fail(at({.code = Code::bad_input, .what = "a part larger than part_bytes"}));
  }
  auto sent = co_await send(ctx, number, std::move(body));
  if (!sent.has_value()) {
    co_return fail(at(std::move(sent).error()));
  }
  parts_[number] = *sent;
  co_return SentPart{.number = number, .bytes = sent->bytes, .crc32c = sent->crc};
}

// The service was told the CRC of each block when it took it: what waits under the id is the part.
Task<std::vector<SentPart>> AzureUpload::take_over(rt::Context& ctx, std::vector<SentPart> parts) {
  const auto reply = co_await blobs_->sender().reply(
      ctx, {.request = sign::azure_blocks_request(blobs_->place().container, key_.text),
            .where = blobs_->where(key_)});
  if (!reply.has_value() && reply.error().code == Code::not_found) {
    co_return std::vector<SentPart>();
  }
  CO_OK(reply);
  auto blocks = sign::parse_azure_blocks(reply->body);
  if (!blocks.has_value()) {
    co_return fail(at(std::move(blocks).error()));
  }
  std::erase_if(parts, [&](const SentPart& each) {
    const sign::AzureBlock waiting{.id = sign::azure_block_id(mark_, each.number),
                                   .size = each.bytes};
    return std::ranges::find(*blocks, waiting) == blocks->end();
  });
  for (const SentPart& each : parts) {
    parts_[each.number] = {.bytes = each.bytes, .crc = each.crc32c};
  }
  co_return parts;
}

// The service says what it received; only then the block counts.
Task<AzureUpload::Part> AzureUpload::send(rt::Context& ctx, uint32_t number, Body body) {
  const uint64_t bytes = *body.size;
  auto part = std::make_shared<Streamed>();
  const bool once = body.one_shot;
  part->body =
      hashed(std::move(body), {DigestKind::crc64nvme}, blobs_->environment().cpu, part->found);
  sign::Request request = sign::azure_block_request(
      blobs_->place().container, key_.text, sign::azure_block_id(mark_, number), std::nullopt);
  CO_TRY(const http::Reply reply,
         co_await blobs_->sender().reply(
             ctx, {.request = std::move(request),
                   .where = blobs_->where(key_),
                   .source = [part](rt::Context& inner) { return open_part(inner, part); },
                   .source_bytes = bytes,
                   .once = once}));
  const auto received = sign::parse_azure_written(reply.headers).check;
  const Digest* sent = find(*part->found, DigestKind::crc64nvme);
  if (!received || sent == nullptr || *received != *sent) {
    co_return fail(Code::corrupt,
                   received ? "a part arrived with other bytes than were sent"
                            : "the service does not say what it received",
                   "try again; nothing was kept");
  }
  co_return Part{.bytes = bytes, .crc = *find(part->reader->digests(), DigestKind::crc32c)};
}

Result<std::pair<uint64_t, std::vector<Digest>>> AzureUpload::whole(
    std::vector<Digest> digests) const {
  Digest crc = digest_of(DigestKind::crc32c, "");
  uint64_t size = 0;
  uint32_t expected = 1;
  for (const auto& [number, part] : parts_) {
    const bool full = part.bytes == options_.part_bytes;
    if (number != expected++ || (!full && number != parts_.rbegin()->first)) {
      return fail(Code::bad_input, "the parts have a gap, or one in the middle is short");
    }
    crc = combine_crc32c(crc, part.crc, part.bytes);
    size += part.bytes;
  }
  TRY(std::vector<Digest> known, check_whole(crc, std::move(digests)));
  return std::pair(size, std::move(known));
}

Task<ObjectMeta> AzureUpload::commit(rt::Context& ctx, std::vector<Digest> digests) {
  CO_OK(ctx.check());
  if (ended_) {
    co_return fail(at({.code = Code::bad_input, .what = "the upload has ended"}));
  }
  ended_ = true;
  auto all = whole(std::move(digests));
  if (!all.has_value()) {
    co_return fail(at(std::move(all).error()));
  }
  Notes notes{.options = options_.put, .digests = std::move(all->second), .mark = mark_};
  std::vector<std::string> blocks;
  for (const auto& [number, part] : parts_) {
    blocks.push_back(sign::azure_block_id(mark_, number));
  }
  sign::Request request = sign::azure_commit_request(
      blobs_->place().container, key_.text, azure_notes(notes), conditions_of(notes.options));
  auto written = co_await blobs_->write(ctx, key_, std::move(notes), all->first, std::move(request),
                                        sign::azure_commit_body(blocks));
  if (!written.has_value() && written.error().provider_code == "InvalidBlockList") {
    written.error().code = Code::conflict;
    written.error().what = "another write of the blob dropped the parts that were sent";
    written.error().remedy = "send it again";
  }
  co_return written;
}

}  // namespace

std::unique_ptr<Upload> make_upload(BlobsPtr blobs, Key key, UploadOptions options,
                                    std::string mark) {
  return std::make_unique<AzureUpload>(std::move(blobs), std::move(key), std::move(options),
                                       std::move(mark));
}

}  // namespace tutti::cloud::azure
