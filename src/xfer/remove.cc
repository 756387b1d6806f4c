// SPDX-License-Identifier: Apache-2.0
#include "xfer/remove.h"

#include <fmt/format.h>

#include "rt/retry.h"
#include "rt/scope.h"

namespace tutti::xfer {
namespace {

constexpr size_t parallel = 32;

// What the removals of one call share.
struct Removal {
  Counted counted;
  std::function<void(uint64_t done)> on_done;
  uint64_t done = 0;
};

Task<Unit> remove_counted(rt::Context& ctx, Removal& removal, cloud::ObjectMeta object) {
  CO_OK(co_await remove_object(ctx, *removal.counted.located.store, std::move(object)));
  ++removal.done;
  if (removal.on_done) {
    removal.on_done(removal.done);
  }
  co_return Unit{};
}

// Those of one key.
Task<Unit> remove_versions(rt::Context& ctx, Removal& removal, size_t from, size_t to) {
  while (to > from) {
    CO_OK(co_await remove_counted(ctx, removal, removal.counted.objects[--to]));
  }
  co_return Unit{};
}

Task<Unit> remove_all(rt::Scope& scope, Removal& removal) {
  const std::vector<cloud::ObjectMeta>& objects = removal.counted.objects;
  for (size_t from = 0; from < objects.size();) {
    size_t to = from + 1;
    while (to < objects.size() && objects[to].key == objects[from].key) {
      ++to;
    }
    CO_OK(co_await scope.spawn(remove_versions(scope.context(), removal, from, to)));
    from = to;
  }
  co_return Unit{};
}

}  // namespace

Task<Counted> count(rt::Context& ctx, Selected selected, uint64_t max) {
  Counted counted{.located = selected.located(), .objects = {}};
  while (true) {
    CO_TRY(auto meta, co_await selected.next(ctx));
    if (!meta) {
      co_return counted;
    }
    if (counted.objects.size() == max) {
      co_return fail(
          Error{.code = Code::bad_input,
                .what = fmt::format("more than {} objects would be removed; none was", max),
                .where = cloud::address_of(counted.located, counted.located.key),
                .remedy = "narrow what is removed, or allow more"});
    }
    counted.bytes += meta->size;
    counted.objects.push_back(
        {.key = std::move(meta->key),
         .size = meta->size,
         .etag = std::move(meta->etag),
         .version = selected.versions() ? std::move(meta->version) : std::string()});
  }
}

Task<Unit> remove_object(rt::Context& ctx, cloud::ObjectStore& store, cloud::ObjectMeta object) {
  if (!object.version.empty()) {
    co_return co_await store.remove(ctx, object.key, {.version = object.version});
  }
  auto removed = co_await store.remove(ctx, object.key, {.if_match = object.etag});
  if (!removed.has_value() && removed.error().code == Code::conflict) {
    const auto now = co_await store.head(ctx, object.key);
    if (!now.has_value() && now.error().code == Code::not_found) {
      co_return Unit{};  // somebody else removed it
    }
  }
  co_return removed;
}

Task<Unit> remove(rt::Context& ctx, Counted counted, std::function<void(uint64_t done)> on_done) {
  Removal removal{.counted = std::move(counted), .on_done = std::move(on_done)};
  co_return co_await rt::scoped(ctx, {.children_max = parallel}, remove_all, std::ref(removal));
}

}  // namespace tutti::xfer
