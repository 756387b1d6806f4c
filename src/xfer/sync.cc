// SPDX-License-Identifier: Apache-2.0
#include "xfer/sync.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/body.h"
#include "rt/retry.h"
#include "rt/scope.h"
#include "xfer/pull.h"
#include "xfer/remove.h"
#include "xfer/settle.h"

namespace tutti::xfer {
namespace {

using cloud::Located;
using cloud::ObjectMeta;

// One name, as both sides have it.
struct Pair {
  std::string name;  // behind the prefixes
  std::optional<ObjectMeta> source;
  std::optional<ObjectMeta> there;
};

// Walks both listings side by side.
class Merge {
 public:
  Merge(const Located& from, const Located& to)
      : from_(from),
        to_(to),
        sources_(*from.store, {.prefix = from.key}),
        existing_(*to.store, {.prefix = to.key}) {}

  Task<std::optional<Pair>> next(rt::Context& ctx) {
    if (!begun_) {
      begun_ = true;
      CO_TRY(source_, co_await sources_.next(ctx));
      CO_TRY(there_, co_await existing_.next(ctx));
    }
    if (!source_ && !there_) {
      co_return std::nullopt;
    }
    const std::string source = source_ ? name_of(from_, *source_) : std::string();
    const std::string there = there_ ? name_of(to_, *there_) : std::string();
    const bool take_source = source_ && (!there_ || source <= there);
    const bool take_there = there_ && (!source_ || there <= source);
    Pair pair{.name = take_source ? source : there};
    if (take_source) {
      pair.source = std::exchange(source_, std::nullopt);
      CO_TRY(source_, co_await sources_.next(ctx));
    }
    if (take_there) {
      pair.there = std::exchange(there_, std::nullopt);
      CO_TRY(there_, co_await existing_.next(ctx));
    }
    co_return std::optional(std::move(pair));
  }
  // Of the source.
  const cloud::LeftOut& left_out() const { return sources_.left_out(); }

 private:
  static std::string name_of(const Located& located, const ObjectMeta& meta) {
    return meta.key.text.substr(located.key.text.size());
  }

  Located from_;
  Located to_;
  cloud::Listing sources_;
  cloud::Listing existing_;
  std::optional<ObjectMeta> source_;
  std::optional<ObjectMeta> there_;
  bool begun_ = false;
};

// What all objects of one sync share.
struct Sync {
  SyncRequest request;
  Run run;
  Run backup;  // from the destination to the backup, where there is one
  SyncReport report = {};
  bool any_source = false;
};

bool takes_part(const Sync& sync, const Pair& pair) {
  const ObjectMeta& meta = pair.source ? *pair.source : *pair.there;
  return sync.request.filter.matches(pair.name, meta.size, meta.modified);
}

// By what the listings say. nullopt: the digests decide.
std::optional<bool> listed_same(const Sync& sync, const Pair& pair) {
  if (pair.source->size != pair.there->size) {
    return false;
  }
  switch (sync.request.same) {
    case Same::size:
      return true;
    case Same::time:
      // Services know the time to the second.
      return pair.source->modified - pair.there->modified < seconds(1);
    case Same::digests:
      break;
  }
  return std::nullopt;
}

std::optional<bool> same_digest(const ObjectMeta& one, const ObjectMeta& other) {
  for (const Digest& each : one.digests) {
    if (const auto its = other.digest(each.kind)) {
      return *its == each;
    }
  }
  return std::nullopt;
}

Task<bool> is_same(rt::Context& ctx, Sync& sync, Job job, ObjectMeta there) {
  CO_OK(co_await know_source(ctx, sync.run, job));
  CO_TRY(there, co_await job.to->store->head(ctx, there.key));
  if (const auto known = same_digest(job.source, there)) {
    co_return *known;
  }
  auto compared = co_await compare_bytes(ctx, sync.run, job, there.etag);
  if (!compared.has_value() && compared.error().code == Code::conflict) {
    co_return false;
  }
  CO_OK(compared);
  co_return true;
}

Task<Unit> back_up(rt::Context& ctx, Sync& sync, ObjectMeta there, std::string name) {
  if (!sync.request.backup) {
    co_return Unit{};
  }
  const Located& to = sync.backup.request.to.front();
  const Job job{.source = std::move(there), .to = &to, .key = {to.key.text + name}};
  auto attempt = [&](rt::Context& inner) { return copy_to(inner, sync.backup, job); };
  auto entry = co_await rt::retry(ctx, {}, attempt);
  if (!entry.has_value() && entry.error().code == Code::conflict) {
    entry.error().remedy = "choose an empty backup for each sync, with the date in its name";
  }
  CO_OK(entry);
  ++sync.report.backed_up;
  co_return Unit{};
}

// Backed up where it is replaced, and sent.
Task<Entry> write_pair(rt::Context& ctx, Sync& sync, Job job, Pair pair) {
  if (pair.there) {
    CO_OK(co_await back_up(ctx, sync, *pair.there, pair.name));
  }
  auto attempt = [&](rt::Context& inner) {
    count_attempt(inner, job);
    return send(inner, sync.run, job, pair.there);
  };
  const auto again = [&sync, &job](const Error& error) {
    return deserves_another(sync.run, job, error);
  };
  co_return co_await rt::retry_while(ctx, {}, attempt, again);
}

void say(const Sync& sync, transfer::Act act, const cloud::Key& there) {
  if (sync.request.on_step) {
    sync.request.on_step(act, cloud::address_of(sync.request.to, there));
  }
}

Task<Unit> copy_pair(rt::Context& ctx, Sync& sync, Pair pair, Turn /*to the end*/) {
  Job job{.source = std::move(*pair.source),
          .to = &sync.run.request.to.front(),
          .key = {sync.request.to.key.text + pair.name}};
  if (pair.there && job.source.size == pair.there->size && sync.request.same == Same::digests) {
    CO_TRY(const bool same, co_await is_same(ctx, sync, job, *pair.there));
    if (same) {
      ++sync.report.same;
      co_return Unit{};
    }
  }
  ++sync.report.copied;
  sync.report.bytes += job.source.size;
  if (sync.request.dry_run) {
    say(sync, pair.there ? transfer::Act::replace : transfer::Act::copy, job.key);
    co_return Unit{};
  }
  auto entry = co_await write_pair(ctx, sync, job, std::move(pair));
  if (!entry.has_value()) {
    --sync.report.copied;
    sync.report.bytes -= job.source.size;
    co_return note_failure(ctx, sync.run, job, std::move(entry).error());
  }
  note(sync.run, job, std::move(*entry));
  co_return Unit{};
}

Task<Unit> copy_pairs(rt::Scope& scope, Sync& sync) {
  Merge merge(sync.request.from, sync.request.to);
  while (true) {
    CO_TRY(auto pair, co_await merge.next(scope.context()));
    if (!pair) {
      break;
    }
    sync.any_source = sync.any_source || pair->source.has_value();
    if (!takes_part(sync, *pair)) {
      continue;
    }
    if (!pair->source) {
      ++sync.report.extra;
      if (sync.request.dry_run && sync.request.remove_extra) {
        say(sync, transfer::Act::remove, pair->there->key);
      }
      continue;
    }
    if (pair->there && listed_same(sync, *pair) == true) {
      ++sync.report.same;
      continue;
    }
    ++sync.run.listed_objects;
    sync.run.listed_bytes += pair->source->size;
    Turn turn(sync.run.objects.turns());
    CO_OK(co_await turn.take(scope.context()));
    CO_OK(
        co_await scope.spawn(copy_pair(scope.context(), sync, std::move(*pair), std::move(turn))));
  }
  sync.report.left_out = merge.left_out();
  sync.report.left_out.first = cloud::address_of(sync.request.from, {sync.report.left_out.first});
  sync.run.progress.objects_total = sync.run.listed_objects;
  sync.run.progress.bytes_total = sync.run.listed_bytes;
  sync.run.tell();
  co_return Unit{};
}

Task<Unit> remove_pair(rt::Context& ctx, Sync& sync, ObjectMeta there, std::string name) {
  CO_OK(co_await back_up(ctx, sync, there, std::move(name)));
  co_return co_await remove_object(ctx, *sync.request.to.store, std::move(there));
}

Task<Unit> remove_pairs(rt::Scope& scope, Sync& sync) {
  Merge merge(sync.request.from, sync.request.to);
  while (true) {
    CO_TRY(auto pair, co_await merge.next(scope.context()));
    if (!pair) {
      co_return Unit{};
    }
    if (!pair->source && takes_part(sync, *pair)) {
      if (++sync.report.removed > sync.request.removes_max) {
        co_return fail(Code::conflict, "objects were added to the destination meanwhile",
                       "run it again");
      }
      CO_OK(co_await scope.spawn(
          remove_pair(scope.context(), sync, std::move(*pair->there), std::move(pair->name))));
    }
  }
}

Result<Unit> check_apart(const Located& one, const Located& other, std::string_view what) {
  const std::string left = one.root + one.key.text;
  const std::string right = other.root + other.key.text;
  if (cloud::same_bucket(one, other) && (left.starts_with(right) || right.starts_with(left))) {
    return fail(Error{.code = Code::bad_input,
                      .what = fmt::format("{} lie in each other", what),
                      .where = cloud::address_of(other, other.key),
                      .remedy = "choose another place"});
  }
  return Unit{};
}

Result<Unit> check_prefix(const Located& located) {
  if (located.key.text.empty() || located.key.text.ends_with('/')) {
    return Unit{};
  }
  return fail(Error{.code = Code::bad_input,
                    .what = "sync makes one prefix equal to another",
                    .where = cloud::address_of(located, located.key),
                    .remedy = "end the address with '/'; `tutti cp` copies one object"});
}

Result<Unit> check(const SyncRequest& request) {
  if (request.backup) {
    TRY_OK(check_prefix(*request.backup));
  }
  for (const Located* each : {&request.from, &request.to}) {
    TRY_OK(check_prefix(*each));
    if (!each->store->capabilities().ordered_listing) {
      return fail(Error{.code = Code::unsupported,
                        .what = "this store does not list in the order of the keys",
                        .where = cloud::address_of(*each, each->key),
                        .remedy = "use `tutti cp`"});
    }
  }
  TRY_OK(check_apart(request.from, request.to, "source and destination"));
  if (request.backup) {
    TRY_OK(check_apart(request.from, *request.backup, "source and backup"));
    TRY_OK(check_apart(request.to, *request.backup, "destination and backup"));
  }
  return Unit{};
}

// A source without any object: one object of that name was meant, or nothing is there at all.
Task<Error> nothing_below(rt::Context& ctx, Located from) {
  cloud::Key one = from.key;
  while (one.text.ends_with('/')) {
    one.text.pop_back();
  }
  if (!one.text.empty()) {
    const auto meta = co_await from.store->head(ctx, one);
    CO_OK(ctx.check());
    if (meta.has_value()) {
      co_return Error{.code = Code::bad_input,
                      .what = "sync copies what is below a folder, and this is one object",
                      .where = cloud::address_of(from, one),
                      .remedy = "`tutti cp` copies one object"};
    }
  }
  co_return co_await nothing_there(ctx, std::move(from));
}

}  // namespace

Task<SyncReport> sync(rt::Context& ctx, SyncRequest request, rt::Executor cpu) {
  CO_OK(check(request));
  Sync sync{.request = request,
            .run = {.request = {.from = request.from,
                                .to = {request.to},
                                .verify = request.verify,
                                .pull = request.pull,
                                .tags = request.tags,
                                .journal = request.journal,
                                .failures_max = request.failures_max,
                                .on_progress = request.on_progress,
                                .on_entry = request.on_entry},
                    .cpu = cpu,
                    .clock = &ctx.clock()},
            .backup = {.request = {.from = request.to,
                                   .if_exists = transfer::IfExists::verify,
                                   .verify = request.verify,
                                   .tags = request.tags},
                       .cpu = cpu,
                       .clock = &ctx.clock()}};
  if (request.backup) {
    sync.backup.request.to = {*request.backup};
  }
  CO_OK(co_await prepare_pulls(ctx, sync.run));
  CO_OK(co_await rt::scoped(ctx, {.children_max = sync.run.request.objects_parallel.most},
                            copy_pairs, std::ref(sync)));
  if (!sync.any_source) {  // a misspelt folder must not empty the destination
    CO_TRY(Error nothing, co_await nothing_below(ctx, request.from));
    co_return fail(std::move(nothing));
  }
  CO_OK(check_any_done(sync.run));
  sync.report.failed = sync.run.report.failed;
  sync.report.losses = sync.run.report.losses;
  sync.report.pulls = pulls_text(sync.run.report);
  if (request.remove_extra && sync.report.failed == 0) {
    if (sync.report.extra > request.removes_max) {
      co_return fail(
          Error{.code = Code::bad_input,
                .what = fmt::format("{} objects would be removed, {} are allowed; none was",
                                    sync.report.extra, request.removes_max),
                .where = cloud::address_of(request.to, request.to.key),
                .remedy = "look whether the source is the right one; --max-delete allows more"});
    }
    if (request.dry_run) {
      sync.report.removed = sync.report.extra;
    } else {
      CO_OK(co_await rt::scoped(ctx, {}, remove_pairs, std::ref(sync)));
    }
  }
  sync.report.entries = std::move(sync.run.report.entries);
  co_return std::move(sync.report);
}

}  // namespace tutti::xfer
