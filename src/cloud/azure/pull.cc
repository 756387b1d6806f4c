// SPDX-License-Identifier: Apache-2.0
// An object of another store becomes a blob without its bytes passing through us: the service reads
// it at a URL, a block at a time (Put Block From URL), and says of each the CRC64 of what it read.
// Until the blocks are committed nobody sees them, so that a wrong one is never seen.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "cloud/azure/store.h"
#include "rt/scope.h"

namespace tutti::cloud::azure {
namespace {

constexpr uint64_t block_bytes_least = 16U << 20U;
constexpr uint64_t blocks_max = 50'000;
constexpr size_t blocks_parallel = 4;
constexpr size_t url_bytes_max = 2048;  // of x-ms-copy-source

struct Pulling {
  std::shared_ptr<Blobs> blobs;
  Key key;
  PullSource source;
  std::string mark = {};  // in the ids of its blocks
  uint64_t block_bytes = block_bytes_least;
  std::map<uint32_t, Digest> crcs = {};  // of the blocks, as the service computed them
  std::vector<Digest> compared = {};     // by the service, with what it read

  uint64_t size() const { return source.meta.size; }
  uint64_t offset_of(uint32_t number) const { return (number - 1) * block_bytes; }
  uint64_t length_of(uint32_t number) const {
    return std::min(block_bytes, size() - offset_of(number));
  }
  uint32_t count() const { return static_cast<uint32_t>((size() + block_bytes - 1) / block_bytes); }
};

// A word of the service about the source may repeat the URL, which is a secret: only its code is
// passed on. What is wrong with the source, or with reading it from there, is for another way.
Error without_url(const Error& error, std::string where) {
  Error out{.code = error.code,
            .what = fmt::format("the service did not pull it: {}", error.provider_code),
            .where = std::move(where),
            .retry_after = error.retry_after,
            .provider_code = error.provider_code};
  if (error.provider_code == "SourceConditionNotMet") {
    out.code = Code::conflict;
    out.what = "the source was changed since it was looked at";
    out.remedy = "list or look again";
  } else if (error.code == Code::denied || error.code == Code::bad_input ||
             error.code == Code::not_found || error.code == Code::conflict) {
    out.code = Code::unsupported;
    out.what = fmt::format("the service cannot read the source from where it is ({})",
                           error.provider_code);
  }
  return out;
}

Task<Unit> pull_block(rt::Context& ctx, Pulling& pulling, uint32_t number) {
  auto url = co_await pulling.source.url(ctx);
  CO_OK(url);
  if (url->size() > url_bytes_max) {
    co_return fail(Code::unsupported, "the signed URL of the source is too long for Azure");
  }
  sign::AzureSource source{.url = std::move(*url),
                           .offset = pulling.offset_of(number),
                           .length = pulling.length_of(number)};
  if (pulling.source.asks_if_match) {
    source.if_match = pulling.source.meta.etag;
  }
  const auto md5 = pulling.source.meta.digest(DigestKind::md5);
  const bool whole = pulling.count() == 1;
  if (whole && md5 && !pulling.source.meta.digest(DigestKind::crc64nvme)) {
    source.md5 = *md5;
  }
  Blobs& blobs = *pulling.blobs;
  auto reply =
      co_await blobs.sender().reply(ctx, {.request = sign::azure_block_from_request(
                                              blobs.place().container, pulling.key.text,
                                              sign::azure_block_id(pulling.mark, number), source),
                                          .where = blobs.where(pulling.key),
                                          .body = ""});
  if (!reply.has_value()) {
    co_return fail(without_url(reply.error(), blobs.where(pulling.key)));
  }
  if (source.md5) {
    pulling.compared = {*source.md5};
  }
  const auto check = sign::parse_azure_written(reply->headers).check;
  if (check && check->kind == DigestKind::crc64nvme) {
    pulling.crcs[number] = *check;
  }
  co_return Unit{};
}

Task<Unit> pull_blocks(rt::Scope& scope, Pulling& pulling) {
  for (uint32_t number = 1; number <= pulling.count(); ++number) {
    CO_OK(co_await scope.spawn(pull_block(scope.context(), pulling, number)));
  }
  co_return Unit{};
}

// What the service computed of the whole. `corrupt` where the source has other digests.
Result<std::vector<Digest>> computed(const Pulling& pulling) {
  std::vector<Digest> digests = pulling.compared;
  if (pulling.crcs.size() == pulling.count()) {
    Digest crc = pulling.crcs.at(1);
    for (uint32_t number = 2; number <= pulling.count(); ++number) {
      crc = combine_crc64nvme(crc, pulling.crcs.at(number), pulling.length_of(number));
    }
    digests.push_back(crc);
  }
  for (const Digest& each : digests) {
    if (const auto its = pulling.source.meta.digest(each.kind); its && *its != each) {
      return fail(Code::corrupt,
                  fmt::format("the service read bytes with {}, the source says {}", to_text(each),
                              to_text(*its)),
                  "the source is damaged, or was changed without Tutti: write it again");
    }
  }
  return digests;
}

bool any_proven(const ObjectMeta& source, const std::vector<Digest>& computed) {
  return std::ranges::any_of(computed,
                             [&](const Digest& each) { return source.digest(each.kind) == each; });
}

Task<ObjectMeta> commit(rt::Context& ctx, Pulling& pulling, PutOptions options) {
  Blobs& blobs = *pulling.blobs;
  auto digests = computed(pulling);
  if (!digests.has_value()) {
    co_return fail(blobs.at(pulling.key, std::move(digests).error()));
  }
  const bool proven = any_proven(pulling.source.meta, *digests);
  if (!proven && !pulling.source.asks_if_match) {
    CO_OK(co_await pulling.source.unchanged(ctx));
  }
  Notes notes{.options = std::move(options),
              .digests = proven ? pulling.source.meta.digests : std::vector<Digest>(),
              .mark = pulling.mark};
  for (const Digest& each : *digests) {
    if (std::ranges::find(notes.digests, each.kind, &Digest::kind) == notes.digests.end()) {
      notes.digests.push_back(each);
    }
  }
  std::vector<std::string> blocks;
  for (uint32_t number = 1; number <= pulling.count(); ++number) {
    blocks.push_back(sign::azure_block_id(pulling.mark, number));
  }
  sign::Request request = sign::azure_commit_request(
      blobs.place().container, pulling.key.text, azure_notes(notes), conditions_of(notes.options));
  CO_TRY(ObjectMeta written,
         co_await blobs.write(ctx, pulling.key, std::move(notes), pulling.size(),
                              std::move(request), sign::azure_commit_body(blocks)));
  if (!proven) {  // nothing else says how much there was to read
    CO_TRY(const sign::AzureBlob blob, co_await blobs.look(ctx, pulling.key));
    written.size = blob.size;
  }
  written.digests = std::move(*digests);
  co_return written;
}

}  // namespace

Task<ObjectMeta> pull_blob(rt::Context& ctx, std::shared_ptr<Blobs> blobs, Key key,
                           PullSource source, PutOptions options) {
  if (source.meta.size == 0) {
    co_return fail(blobs->at(
        key, {.code = Code::unsupported, .what = "an empty object has nothing to be pulled"}));
  }
  Pulling pulling{.blobs = std::move(blobs),
                  .key = std::move(key),
                  .source = std::move(source),
                  .mark = new_mark(ctx.random())};
  constexpr uint64_t mib = 1U << 20U;
  const uint64_t least = (pulling.size() + blocks_max - 1) / blocks_max;
  pulling.block_bytes = std::max(block_bytes_least, (least + mib - 1) / mib * mib);
  CO_OK(
      co_await rt::scoped(ctx, {.children_max = blocks_parallel}, pull_blocks, std::ref(pulling)));
  co_return co_await commit(ctx, pulling, std::move(options));
}

}  // namespace tutti::cloud::azure
