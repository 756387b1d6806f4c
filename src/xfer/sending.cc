// SPDX-License-Identifier: Apache-2.0
#include "xfer/sending.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/body.h"
#include "cloud/body_check.h"
#include "cloud/locks.h"
#include "rt/retry.h"
#include "rt/scope.h"
#include "xfer/hashing.h"
#include "xfer/inside.h"
#include "xfer/pull.h"
#include "xfer/stage/aes_gcm.h"
#include "xfer/staged.h"
#include "xfer/tee.h"

namespace tutti::xfer {

using cloud::Key;
using cloud::Located;
using cloud::ObjectMeta;
using transfer::Known;

namespace {

constexpr uint64_t hopeless_failures = 12;

}  // namespace

Known known(const ObjectMeta& meta) {
  return {.key = meta.key.text, .size = meta.size, .digests = meta.digests};
}

Error at(const Run& run, const Job& job, Error error) {
  const std::string to = cloud::address_of(*job.to, job.key);
  const std::string from = cloud::address_of(run.request.from, job.source.key);
  if (error.where.empty()) {
    error.where = to;
  }
  error.what = fmt::format("copying {} to {}: {}", from, to, error.what);
  return error;
}

Entry entry_of(rt::Context& ctx, const Run& run, const Job& job) {
  const Located& from = run.request.from;
  return {.from = {.address = cloud::address_of(from, job.source.key),
                   .ref = cloud::ref_of(from, job.source.key),
                   .etag = job.source.etag,
                   .version = job.source.version},
          .to = {.address = cloud::address_of(*job.to, job.key),
                 .ref = cloud::ref_of(*job.to, job.key)},
          .bytes = job.source.size,
          .storage_class = run.request.storage_class,
          .lost = job.lost,
          .at = ctx.clock().wall()};
}

transfer::Climb::Limits object_lanes(const Request& request) {
  transfer::Climb::Limits limits = request.objects_parallel;
  const size_t destinations = std::max<size_t>(1, request.to.size());
  limits.least = std::max<size_t>(1, limits.least / destinations);
  limits.most = std::max<size_t>(1, limits.most / destinations);
  return limits;
}

void count_attempt(rt::Context& ctx, const Job& job) {
  if (job.effort->attempts++ == 0) {
    job.effort->began = ctx.clock().wall();
  }
}

void note(Run& run, const Job& job, Entry entry) {
  entry.attempts = job.effort->attempts;
  entry.began = job.effort->began;
  entry.sent_bytes = job.effort->sent;
  entry.read_back_bytes = job.effort->read_back;
  ++run.progress.objects_done;
  Report& report = run.report;
  switch (entry.done) {
    case Done::failed:
      ++report.failed;
      break;
    case Done::skipped:
      ++report.skipped;
      run.progress.bytes_done += entry.bytes;
      break;
    default:
      ++report.objects;
      report.bytes += entry.bytes;
      report.losses.add(entry.lost);
  }
  ++report.routes.at(static_cast<size_t>(entry.route));
  if (entry.done != Done::failed) {
    ++report.proofs[static_cast<size_t>(entry.proof)];
  }
  if (run.request.on_entry) {
    run.request.on_entry(entry);
  } else {
    report.entries.push_back(std::move(entry));
  }
  run.tell();
}

Result<Unit> note_failure(rt::Context& ctx, Run& run, const Job& job, Error error) {
  const Report& report = run.report;
  const bool hopeless = report.failed >= hopeless_failures && report.objects + report.skipped == 0;
  if (!ctx.check().has_value() || report.failed >= run.request.failures_max || hopeless) {
    return fail(at(run, job, std::move(error)));
  }
  if (!run.first_failure) {
    run.first_failure = at(run, job, error);
  }
  Entry entry = entry_of(ctx, run, job);
  entry.done = Done::failed;
  entry.error = std::move(error);
  note(run, job, std::move(entry));
  return Unit{};
}

Result<Unit> check_any_done(const Run& run) {
  return run.first_failure && run.report.objects + run.report.skipped == 0
             ? fail(*run.first_failure)
             : Result<Unit>(Unit{});
}

bool deserves_another(const Run& run, const Job& job, const Error& error) {
  const bool nothing_worked = run.report.objects + run.report.skipped + job.effort->sent == 0;
  const bool tried = rt::names_attempts(error);
  const bool unreached = error.code == Code::unavailable && tried;
  const bool out_of_patience = error.code == Code::throttled && tried;
  return is_retryable(error.code) && !out_of_patience && !(unreached && nothing_worked);
}

Task<Unit> know_source(rt::Context& ctx, Run& run, Job& job) {
  if (job.source.digests.empty()) {
    CO_TRY(job.source, co_await run.request.from.store->head(ctx, job.source.key));
  }
  co_return Unit{};
}

Task<std::optional<ObjectMeta>> look(rt::Context& ctx, cloud::ObjectStore& store, Key key) {
  auto meta = co_await store.head(ctx, std::move(key));
  if (!meta.has_value() && meta.error().code == Code::not_found) {
    co_return std::nullopt;
  }
  CO_OK(meta);
  co_return std::optional(std::move(*meta));
}

// Each end is digested for itself, so that one buffer at a time is in hand.
Task<Entry> compare_bytes(rt::Context& ctx, Run& run, Job job, std::string etag) {
  CO_TRY(const Seen mine, co_await digest_object(ctx, *run.request.from.store, job.source.key,
                                                 job.source.etag, whole_kinds(true), run.cpu));
  CO_TRY(const Seen theirs,
         co_await digest_object(ctx, *job.to->store, job.key, etag, whole_kinds(true), run.cpu));
  job.effort->read_back += theirs.bytes;
  if (mine.digests.front() != theirs.digests.front()) {
    co_return fail(
        Error{.code = Code::conflict,
              .what = fmt::format("it exists and is different: {} there, {} here",
                                  to_text(theirs.digests.front()), to_text(mine.digests.front())),
              .where = cloud::address_of(*job.to, job.key),
              .remedy = "look at both; if_exists: replace takes the source's bytes"});
  }
  Entry entry = entry_of(ctx, run, job);
  entry.to.etag = etag;
  entry.digests = mine.digests;
  entry.proof = Proof::end_to_end;
  entry.done = Done::skipped;
  co_return entry;
}

bool store_proves(const Located& to, const ObjectMeta& written, const Seen& seen) {
  const auto& checks = to.store->capabilities().checks_digests;
  return std::ranges::any_of(seen.digests, [&](const Digest& each) {
    return std::ranges::find(checks, each.kind) != checks.end() &&
           written.digest(each.kind) == each;
  });
}

Task<Proof> prove(rt::Context& ctx, Run& run, Job job, ObjectMeta written, Seen seen) {
  if (written.size != seen.bytes) {
    co_return fail(Code::corrupt,
                   fmt::format("{} bytes were sent, {} are there", seen.bytes, written.size));
  }
  if (run.request.verify.policy == Verify::none) {
    co_return Proof::size;
  }
  if (!run.request.verify.reads_back(job.key.text, written.etag) &&
      store_proves(*job.to, written, seen)) {
    co_return Proof::store;
  }
  auto back = co_await digest_object(ctx, *job.to->store, job.key, written.etag,
                                     kinds_of(seen.digests), run.cpu);
  if (!back.has_value() && back.error().code == Code::corrupt) {
    back.error().what = "the destination, read back: " + back.error().what;
    back.error().remedy = "the destination is damaged: remove it and copy again";
  }
  CO_OK(back);
  job.effort->read_back += back->bytes;
  for (const Digest& each : seen.digests) {
    const auto there = std::ranges::find(back->digests, each.kind, &Digest::kind);
    if (there == back->digests.end() || *there != each) {
      co_return fail(
          Code::corrupt,
          fmt::format("{} was sent, {} was read back", to_text(each),
                      there == back->digests.end() ? "nothing of that kind" : to_text(*there)),
          "the destination is damaged: remove it and copy again");
    }
  }
  co_return Proof::end_to_end;
}

Task<cloud::Tags> tags_of(rt::Context& ctx, Run& run, Key key) {
  cloud::ObjectStore& from = *run.request.from.store;
  if (!run.request.tags || from.capabilities().tags.count_max == 0) {
    co_return cloud::Tags{};
  }
  auto tags = co_await from.tags(ctx, std::move(key));
  const bool none = !tags.has_value() && tags.error().code == Code::unsupported;
  co_return none ? Result<cloud::Tags>(cloud::Tags{}) : std::move(tags);
}

cloud::PutOptions put_options(const Run& run, Job& job, const cloud::Tags& tags,
                              const std::optional<ObjectMeta>& existing) {
  const cloud::Capabilities& can = job.to->store->capabilities();
  Carried carried = carry(job.source, tags, run.request.origin, can);
  job.lost = std::move(carried.lost);
  cloud::PutOptions options = std::move(carried.put);
  options.only_if_absent = !existing && can.only_if_absent;
  options.if_match = existing && can.put_if_match ? existing->etag : std::string();
  if (!can.storage_classes.empty()) {
    options.storage_class = cloud::storage_class_of(can, run.request.storage_class);
  }
  options.lock = run.request.lock;
  return options;
}

void take_read(ObjectMeta& source, const ObjectMeta& read, const cloud::Capabilities& can) {
  ObjectMeta known = std::exchange(source, read);
  if (!can.get_describes) {
    source.headers = std::move(known.headers);
    source.metadata = std::move(known.metadata);
  }
}

namespace {

std::string text_of(const ObjectRef& ref) {
  return to_json(Value(ValueList{ref.provider, ref.endpoint, ref.account, ref.bucket, ref.key}));
}

std::string text_of(const stage::Spec& spec) {
  return fmt::format(" {}:{}:{}", stage::kind_name(spec.kind), spec.level,
                     stage::key_id_text(spec.key));
}

}  // namespace

std::string destination_id(const Job& job) { return text_of(cloud::ref_of(*job.to, job.key)); }

std::string source_id(const Run& run, const Job& job) {
  const cloud::Lock& lock = run.request.lock;
  std::string id =
      fmt::format("{} {} {} {} {}{}{}", text_of(cloud::ref_of(run.request.from, job.source.key)),
                  job.source.etag, job.source.size, run.request.origin, run.request.storage_class,
                  run.request.tags ? " tags" : "",
                  lock == cloud::Lock{} ? std::string() : " " + cloud::lock_text(lock));
  for (const stage::Spec& each : run.request.stages) {
    id += text_of(each);
  }
  return id;
}

namespace {

// What one way of the bytes to one destination has come to.
struct Way {
  Sending sending;
  cloud::PutOptions put = {};
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  std::shared_ptr<uint64_t> progress = std::make_shared<uint64_t>(0);
  Result<ObjectMeta> written = fail(rt::cancelled_error("not sent"));
};

OnBytes count_of(Run& run, const Way& way) {
  return [&run, progress = way.progress](uint64_t bytes) {
    *progress += bytes;
    run.progress.bytes_done += bytes;
    run.tell();
  };
}

// The same of bytes that are sent now, not by an earlier process.
OnBytes count_sent(Run& run, const Way& way) {
  return [count = count_of(run, way), effort = way.sending.job.effort](uint64_t bytes) {
    effort->sent += bytes;
    count(bytes);
  };
}

// All of them send this version.
Task<Unit> describe(rt::Context& ctx, Run& run, std::vector<Way>& ways, ObjectMeta source) {
  CO_TRY(const cloud::Tags tags, co_await tags_of(ctx, run, source.key));
  for (Way& each : ways) {
    Job& job = each.sending.job;
    job.source = source;
    each.put = put_options(run, job, tags, each.sending.existing);
  }
  co_return Unit{};
}

Task<Unit> put_one(rt::Context& ctx, Run& run, Way& way, cloud::Body bytes) {
  const Job& job = way.sending.job;
  cloud::Body body = hashing_body(std::move(bytes), whole_kinds(run.request.sha256),
                                  job.source.digests, run.cpu, way.seen, count_sent(run, way));
  way.written = co_await job.to->store->put(ctx, job.key, std::move(body), way.put);
  co_return Unit{};
}

Task<Unit> put_each(rt::Scope& scope, Run& run, std::vector<Way>& ways, cloud::Body bytes) {
  std::vector<cloud::Body> bodies = tee(bytes, ways.size());
  for (size_t i = 0; i < ways.size(); ++i) {
    CO_OK(co_await scope.spawn(put_one(scope.context(), run, ways[i], std::move(bodies[i]))));
  }
  co_return Unit{};
}

// The bytes, whole, in one put each. The source is opened first: that says what the object is.
Task<Unit> put_whole(rt::Context& ctx, Run& run, std::vector<Way>& ways) {
  cloud::ObjectStore& from = *run.request.from.store;
  Job& first = ways.front().sending.job;
  if (!from.capabilities().get_describes) {
    CO_OK(co_await know_source(ctx, run, first));
  }
  CO_TRY(cloud::Opened opened,
         co_await from.get(ctx, first.source.key, {.if_match = first.source.etag}));
  take_read(first.source, opened.meta, from.capabilities());
  CO_OK(co_await describe(ctx, run, ways, first.source));
  cloud::Body body = cloud::body_of(from, std::move(opened));
  if (ways.size() == 1) {
    co_return co_await put_one(ctx, run, ways.front(), std::move(body));
  }
  co_return co_await rt::scoped(ctx, {}, put_each, std::ref(run), std::ref(ways), std::move(body));
}

Task<Unit> put_large(rt::Context& ctx, Run& run, std::vector<Way>& ways) {
  Job& first = ways.front().sending.job;
  CO_OK(co_await know_source(ctx, run, first));
  CO_OK(co_await describe(ctx, run, ways, first.source));
  PartsJob parts{.from = *run.request.from.store,
                 .source = first.source,
                 .journal = run.request.journal,
                 .source_id = source_id(run, first)};
  for (Way& each : ways) {
    const Job& job = each.sending.job;
    parts.to.push_back({.store = *job.to->store,
                        .key = job.key,
                        .options = each.put,
                        .address = destination_id(job),
                        .on_bytes = count_sent(run, each),
                        .on_there = count_of(run, each)});
  }
  const uint64_t bytes = first.source.size;
  CO_TRY(auto written, co_await put_parts(ctx, std::move(parts), run.parts.turns(), run.cpu));
  for (size_t i = 0; i < ways.size(); ++i) {
    if (!written[i].has_value()) {
      ways[i].written = fail(std::move(written[i]).error());
      continue;
    }
    *ways[i].seen = {.bytes = bytes, .digests = {written[i]->crc32c}};
    ways[i].written = std::move(written[i]->meta);
  }
  co_return Unit{};
}

// One reading of the bytes; what did not arrive does not count as progress.
Task<std::vector<Way>> put_ways(rt::Context& ctx, Run& run, std::vector<Sending> sendings) {
  std::vector<Way> ways;
  for (Sending& each : sendings) {
    ways.push_back({.sending = std::move(each)});
  }
  const bool large = ways.front().sending.job.source.size > whole_bytes_max;
  auto put = large ? co_await put_large(ctx, run, ways) : co_await put_whole(ctx, run, ways);
  for (Way& each : ways) {
    if (!put.has_value() && !each.written.has_value()) {
      each.written = fail(put.error());
    }
    if (!each.written.has_value()) {
      run.progress.bytes_done -= *each.progress;
    }
  }
  co_return ways;
}

// Proven, and told.
Task<Entry> finish(rt::Context& ctx, Run& run, Way way) {
  CO_OK(way.written);
  const Job& job = way.sending.job;
  CO_TRY(const Proof proof, co_await prove(ctx, run, job, *way.written, *way.seen));
  Entry entry = entry_of(ctx, run, job);
  entry.proof = proof;
  entry.route = Route::through;
  entry.to.etag = way.written->etag;
  entry.to.version = way.written->version;
  entry.digests = way.seen->digests;
  entry.done = way.sending.existing ? Done::replaced : Done::written;
  entry.class_kept = !job.to->store->capabilities().storage_classes.empty();
  co_return entry;
}

}  // namespace

Task<Entry> send(rt::Context& ctx, Run& run, Job job, std::optional<ObjectMeta> existing) {
  if (!run.request.stages.empty()) {
    co_return co_await send_staged(ctx, run, std::move(job), std::move(existing));
  }
  if (stays_inside(run, job)) {
    auto entry = co_await copy_inside(ctx, run, job, existing);
    if (entry.has_value() || !may_pass_through(run, job, entry.error().code)) {
      co_return entry;
    }
  }
  if (may_pull(run, job)) {
    CO_TRY(auto entry, co_await pull_object(ctx, run, job, existing));
    if (entry) {
      co_return std::move(*entry);
    }
  }
  const Sending sending{.job = std::move(job), .existing = std::move(existing)};
  CO_TRY(auto ways, co_await put_ways(ctx, run, {sending}));
  if (!ways.front().written.has_value() && ways.front().written.error().code == Code::corrupt) {
    // Nothing became visible. The bytes may have changed on the way: once more.
    count_attempt(ctx, sending.job);
    CO_TRY(auto again, co_await put_ways(ctx, run, {sending}));
    if (again.front().written.has_value()) {
      ways = std::move(again);
    }
  }
  co_return co_await finish(ctx, run, std::move(ways.front()));
}

Task<std::vector<Sent>> send_together(rt::Context& ctx, Run& run, std::vector<Sending> sendings) {
  CO_TRY(auto ways, co_await put_ways(ctx, run, std::move(sendings)));
  std::vector<Sent> sent;
  for (Way& each : ways) {
    const bool visible = each.written.has_value();
    sent.push_back({.entry = co_await finish(ctx, run, std::move(each)), .visible = visible});
  }
  co_return sent;
}

}  // namespace tutti::xfer
