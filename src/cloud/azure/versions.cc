// SPDX-License-Identifier: Apache-2.0
// One version of a blob: removing it, what locks it, and bringing it back from the archive.
#include <fmt/format.h>

#include "cloud/azure/store.h"
#include "cloud/locks.h"

namespace tutti::cloud::azure {
namespace {

using BlobsPtr = std::shared_ptr<Blobs>;

Task<Unit> send(rt::Context& ctx, BlobsPtr blobs, Key key, sign::Request request) {
  const bool put = request.method == "PUT";
  CO_OK(co_await blobs->sender().reply(
      ctx, {.request = std::move(request),
            .where = blobs->where(key),
            .body = put ? std::optional<std::string>("") : std::nullopt}));
  co_return Unit{};
}

// Until when and by what a version that was refused is locked.
Task<Error> refusal(rt::Context& ctx, BlobsPtr blobs, Key key, std::string version, Error error) {
  if (error.code == Code::denied) {
    const auto held = co_await lock_of(ctx, blobs, key, {.version = std::move(version)});
    if (held.has_value() && is_locked(*held, ctx.clock().wall())) {
      Error locked = blobs->at(key, locked_error(*held, ctx.clock().wall()));
      locked.provider_code = error.provider_code;
      co_return locked;
    }
  }
  co_return error;
}

// The current version cannot be removed by its name: it is made a previous one first.
Task<Unit> step_down(rt::Context& ctx, BlobsPtr blobs, Key key, std::string version) {
  CO_TRY(const sign::AzureBlob blob, co_await blobs->look(ctx, key, std::move(version)));
  co_return co_await send(
      ctx, blobs, key, sign::azure_delete_request(blobs->place().container, key.text, blob.etag));
}

}  // namespace

Task<Unit> remove_version(rt::Context& ctx, BlobsPtr blobs, Key key, std::string version) {
  const sign::Request request =
      sign::azure_delete_version_request(blobs->place().container, key.text, version);
  auto removed = co_await send(ctx, blobs, key, request);
  if (!removed.has_value() && removed.error().provider_code == "OperationNotAllowedOnRootBlob") {
    CO_OK(co_await step_down(ctx, blobs, key, version));
    removed = co_await send(ctx, blobs, key, request);
  }
  if (removed.has_value() || removed.error().provider_code == "BlobNotFound") {
    co_return Unit{};
  }
  CO_TRY(Error error,
         co_await refusal(ctx, blobs, key, std::move(version), std::move(removed).error()));
  co_return fail(std::move(error));
}

Task<Lock> lock_of(rt::Context& ctx, BlobsPtr blobs, Key key, LockOptions options) {
  CO_OK(blobs->check(key));
  CO_TRY(const sign::AzureBlob blob, co_await blobs->look(ctx, key, std::move(options.version)));
  Lock lock{.legal_hold = blob.legal_hold};
  if (!blob.retention.mode.empty()) {
    const bool locked = blob.retention.mode == "Locked" || blob.retention.mode == "locked";
    lock.retention = {.mode = locked ? RetentionMode::compliance : RetentionMode::governance,
                      .until = blob.retention.until};
  }
  co_return lock;
}

// Whoever may change an unlocked policy may end it: that it is meant is asked here.
Task<Unit> set_retention(rt::Context& ctx, BlobsPtr blobs, Key key,
                         std::optional<Retention> retention, LockOptions options) {
  CO_TRY(const Lock there, co_await lock_of(ctx, blobs, key, {.version = options.version}));
  auto good = check_retention(there, retention, options.bypass_governance, ctx.clock().wall());
  if (!good.has_value()) {
    co_return fail(blobs->at(key, std::move(good).error()));
  }
  co_return co_await send(
      ctx, blobs, key,
      sign::azure_retention_request(blobs->place().container, key.text, options.version,
                                    azure_retention(retention)));
}

Task<Unit> set_legal_hold(rt::Context& ctx, BlobsPtr blobs, Key key, bool on, LockOptions options) {
  CO_OK(blobs->check(key));
  co_return co_await send(
      ctx, blobs, key,
      sign::azure_legal_hold_request(blobs->place().container, key.text, options.version, on));
}

// Azure makes no copy: the blob itself becomes one of a tier that can be read, and stays that.
Task<Unit> restore(rt::Context& ctx, BlobsPtr blobs, Key key, RestoreOptions options) {
  CO_OK(blobs->check(key));
  const bool fast = options.tier == "expedited";
  if (!fast && !options.tier.empty() && options.tier != "standard" && options.tier != "bulk") {
    co_return fail(
        blobs->at(key, {.code = Code::bad_input,
                        .what = fmt::format("'{}' is no tier of a restore", options.tier),
                        .remedy = "it is bulk or standard, which are one here, or expedited"}));
  }
  CO_TRY(sign::AzureBlob blob, co_await blobs->look(ctx, key, options.version));
  const ObjectMeta meta = meta_of(std::move(blob), key);
  if (meta.archived == Archived::no) {
    co_return fail(blobs->at(key, {.code = Code::conflict, .what = "the blob is not archived"}));
  }
  const std::string& place = blobs->place().tier;
  co_return co_await send(
      ctx, blobs, key,
      sign::azure_tier_request(blobs->place().container, key.text, options.version,
                               place.empty() || place == "Archive" ? "Hot" : place,
                               fast ? "High" : "Standard"));
}

}  // namespace tutti::cloud::azure
