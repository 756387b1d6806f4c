// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/body_check.h"
#include "cloud/gcs/store.h"

namespace tutti::cloud::gcs {
namespace {

std::string receipt_of(const sign::GcsComponent& component) {
  return fmt::format("{} {}", component.generation, component.key);
}

}  // namespace

// Under no condition, as the names are this upload's alone: a try after a lost reply replaces what
// that one made.
Bucket::Target GcsUpload::next_component() {
  // Components have the class of the whole: the service composes only what is alike.
  return {.name = fmt::format("{}{}{:06}", folder_, series_, ++made_count_),
          .write = {.metadata = {{std::string(upload_note), key_.text}},
                    .storage_class = options_.put.storage_class.empty()
                                         ? store_.bucket().options().storage_class
                                         : options_.put.storage_class}};
}

Task<SentPart> GcsUpload::part(rt::Context& ctx, uint32_t number, Body body) {
  const Error no_part{.code = Code::bad_input, .what = "no such part"};
  const Error too_large{.code = Code::bad_input, .what = "a part larger than part_bytes"};
  if (ended_ || number == 0 || number > store_.capabilities().parts_max) {
    co_return fail(store_.at(key_, no_part));
  }
  if (body.size.value_or(0) > options_.part_bytes) {
    co_return fail(store_.at(key_, too_large));
  }
  const bool once = body.size.value_or(0) > 0 && !body.one_shot;
  auto written =
      once ? co_await store_.bucket().write_component(ctx, next_component(), std::move(body))
           : co_await store_.bucket().write(ctx, next_component(), std::move(body));
  if (!written.has_value()) {
    co_return fail(store_.at(key_, std::move(written).error()));
  }
  Piece piece{.component = {.key = written->object.key, .generation = written->object.generation},
              .size = written->object.size,
              .crc = written->digests.front()};
  made_.push_back(piece.component);
  if (piece.size > options_.part_bytes) {
    co_return fail(store_.at(key_, too_large));
  }
  if (ended_) {  // meanwhile
    co_return fail(store_.at(key_, no_part));
  }
  SentPart sent{.number = number,
                .bytes = piece.size,
                .crc32c = piece.crc,
                .receipt = receipt_of(piece.component)};
  parts_[number] = std::move(piece);
  co_return sent;
}

Task<std::vector<SentPart>> GcsUpload::take_over(rt::Context& ctx, std::vector<SentPart> parts) {
  series_ = fmt::format("{:020}", ctx.random().next());
  std::map<std::string, sign::GcsObject> there;  // by receipt
  sign::GcsListing listing{.prefix = folder_};
  do {
    CO_TRY(sign::GcsPage page, co_await store_.bucket().list(ctx, listing));
    for (sign::GcsObject& each : page.objects) {
      made_.push_back({.key = each.key, .generation = each.generation});
      std::string receipt = receipt_of(made_.back());
      there.emplace(std::move(receipt), std::move(each));
    }
    listing.token = page.next;
  } while (!listing.token.empty());
  std::erase_if(parts, [&](const SentPart& each) {
    const auto at = there.find(each.receipt);
    return at == there.end() || at->second.size != each.bytes ||
           std::ranges::find(at->second.digests, each.crc32c) == at->second.digests.end();
  });
  for (const SentPart& each : parts) {
    const sign::GcsObject& object = there.at(each.receipt);
    parts_[each.number] = {.component = {.key = object.key, .generation = object.generation},
                           .size = each.bytes,
                           .crc = each.crc32c};
  }
  co_return parts;
}

Task<Unit> GcsUpload::abort(rt::Context& ctx) {
  ended_ = true;
  if (!options_.id.empty() && made_.empty()) {
    CO_OK(co_await take_over(ctx, {}));  // finds what another process has made
  }
  parts_.clear();
  co_return co_await remove_components(ctx, store_.bucket(), std::exchange(made_, {}));
}

Result<std::vector<GcsUpload::Piece>> GcsUpload::pieces() const {
  std::vector<Piece> pieces;
  uint32_t expected = 1;
  for (const auto& [number, piece] : parts_) {
    const bool full = piece.size == options_.part_bytes;
    if (number != expected++ || (!full && number != parts_.rbegin()->first)) {
      return fail(store_.at(key_, {.code = Code::bad_input,
                                   .what = "the parts have a gap, or one in the middle is short"}));
    }
    pieces.push_back(piece);
  }
  return pieces;
}

// What so many at a time make, each a component again.
Task<std::vector<GcsUpload::Piece>> GcsUpload::joined(rt::Context& ctx, std::vector<Piece> pieces) {
  std::vector<Piece> out;
  for (size_t from = 0; from < pieces.size(); from += sign::gcs_components_max) {
    const size_t count = std::min(pieces.size() - from, sign::gcs_components_max);
    std::vector<sign::GcsComponent> components;
    Bucket::Whole whole{.crc = digest_of(DigestKind::crc32c, "")};
    for (size_t i = from; i < from + count; ++i) {
      components.push_back(pieces[i].component);
      whole.crc = combine_crc32c(whole.crc, pieces[i].crc, pieces[i].size);
      whole.size += pieces[i].size;
    }
    CO_TRY(const sign::GcsObject object,
           co_await store_.bucket().compose(ctx, next_component(), std::move(components), whole));
    made_.push_back({.key = object.key, .generation = object.generation});
    out.push_back({.component = made_.back(), .size = whole.size, .crc = whole.crc});
  }
  co_return out;
}

Task<ObjectMeta> GcsUpload::compose(rt::Context& ctx, std::vector<Digest> digests) {
  CO_TRY(std::vector<Piece> pieces, this->pieces());
  Bucket::Whole whole{.crc = digest_of(DigestKind::crc32c, "")};
  for (const Piece& each : pieces) {
    whole.crc = combine_crc32c(whole.crc, each.crc, each.size);
    whole.size += each.size;
  }
  // Before anything becomes visible: the service has compared the bytes of each part with its CRC.
  auto known = check_whole(whole.crc, std::move(digests));
  if (!known.has_value()) {
    co_return fail(store_.at(key_, std::move(known).error()));
  }
  if (pieces.empty()) {
    co_return co_await store_.put(ctx, key_, held_body(std::make_shared<const std::string>()),
                                  options_.put);
  }
  while (pieces.size() > sign::gcs_components_max) {
    CO_TRY(pieces, co_await joined(ctx, std::move(pieces)));
  }
  std::vector<sign::GcsComponent> components;
  for (Piece& each : pieces) {
    components.push_back(std::move(each.component));
  }
  CO_TRY(Bucket::Target target, store_.target(key_, options_.put));
  CO_TRY(sign::GcsObject object,
         co_await store_.bucket().compose(ctx, std::move(target), std::move(components), whole));
  co_return store_.meta_of(Written{.object = std::move(object), .digests = std::move(*known)});
}

Task<ObjectMeta> GcsUpload::commit(rt::Context& ctx, std::vector<Digest> digests) {
  CO_OK(ctx.check());
  if (ended_) {
    co_return fail(store_.at(key_, {.code = Code::bad_input, .what = "the upload has ended"}));
  }
  ended_ = true;
  auto meta = co_await compose(ctx, std::move(digests));
  // The object's fate is decided; what cannot be removed now is left to the next upload.
  std::vector<sign::GcsComponent> components = std::exchange(made_, {});
  if (ctx.check().has_value()) {
    std::ignore = co_await remove_components(ctx, store_.bucket(), std::move(components));
  } else {
    store_.leave(std::move(components));
  }
  co_return meta;
}

}  // namespace tutti::cloud::gcs
