// SPDX-License-Identifier: Apache-2.0
#include "xfer/sending.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/body.h"
#include "xfer/hashing.h"

namespace tutti::xfer {

using cloud::Key;
using cloud::Located;
using cloud::ObjectMeta;
using transfer::Known;

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
                   .etag = job.source.etag},
          .to = {.address = cloud::address_of(*job.to, job.key),
                 .ref = cloud::ref_of(*job.to, job.key)},
          .bytes = job.source.size,
          .storage_class = run.request.storage_class,
          .at = ctx.clock().wall()};
}

void note(Run& run, Entry entry) {
  ++run.progress.objects_done;
  if (entry.done == Done::skipped) {
    ++run.report.skipped;
    run.progress.bytes_done += entry.bytes;
  } else {
    ++run.report.objects;
    run.report.bytes += entry.bytes;
  }
  run.report.entries.push_back(std::move(entry));
  run.tell();
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

namespace {

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
  if (run.request.verify == Verify::none) {
    co_return Proof::size;
  }
  if (run.request.verify == Verify::store && store_proves(*job.to, written, seen)) {
    co_return Proof::store;
  }
  CO_TRY(const Seen back, co_await digest_object(ctx, *job.to->store, job.key, written.etag,
                                                 kinds_of(seen.digests), run.cpu));
  for (const Digest& each : seen.digests) {
    const auto there = std::ranges::find(back.digests, each.kind, &Digest::kind);
    if (there == back.digests.end() || *there != each) {
      co_return fail(
          Code::corrupt,
          fmt::format("{} was sent, {} was read back", to_text(each),
                      there == back.digests.end() ? "nothing of that kind" : to_text(*there)),
          "the destination is damaged: remove it and copy again");
    }
  }
  co_return Proof::end_to_end;
}

cloud::PutOptions put_options(const Run& run, const Job& job, const ObjectMeta* existing) {
  const cloud::Capabilities& can = job.to->store->capabilities();
  cloud::PutOptions options{.content_type = job.source.content_type};
  options.only_if_absent = existing == nullptr && can.only_if_absent;
  options.if_match = existing != nullptr && can.put_if_match ? existing->etag : std::string();
  if (can.metadata_bytes_max > 0) {
    options.metadata = job.source.metadata;
    options.metadata.erase(origin_name);
    if (!run.request.origin.empty()) {
      options.metadata[origin_name] = run.request.origin;
    }
  }
  if (!can.storage_classes.empty()) {
    options.storage_class = run.request.storage_class;
  }
  return options;
}

// Names the object whatever the profile calls its connection.
std::string text_of(const ObjectRef& ref) {
  return to_json(Value(ValueList{ref.provider, ref.endpoint, ref.account, ref.bucket, ref.key}));
}

// Which bytes, and what the upload was begun with besides them.
std::string source_id(const Run& run, const Job& job) {
  return fmt::format("{} {} {} {} {}", text_of(cloud::ref_of(run.request.from, job.source.key)),
                     job.source.etag, job.source.size, run.request.origin,
                     run.request.storage_class);
}

// The bytes, whole, in one put. Its source is opened first: that says what the object is.
Task<ObjectMeta> put_whole(rt::Context& ctx, Run& run, Job& job, std::optional<ObjectMeta> existing,
                           std::shared_ptr<Seen> seen, OnBytes on_bytes) {
  cloud::ObjectStore& from = *run.request.from.store;
  CO_TRY(cloud::Opened opened,
         co_await from.get(ctx, job.source.key, {.if_match = job.source.etag}));
  job.source = opened.meta;
  cloud::Body body =
      hashing_body(cloud::body_of(from, std::move(opened)), whole_kinds(run.request.sha256),
                   job.source.digests, run.cpu, seen, std::move(on_bytes));
  co_return co_await job.to->store->put(ctx, job.key, std::move(body),
                                        put_options(run, job, existing ? &*existing : nullptr));
}

Task<ObjectMeta> put_large(rt::Context& ctx, Run& run, Job& job, std::optional<ObjectMeta> existing,
                           std::shared_ptr<Seen> seen, OnBytes on_bytes) {
  CO_OK(co_await know_source(ctx, run, job));
  PartsJob parts{.from = *run.request.from.store,
                 .source = job.source,
                 .to = *job.to->store,
                 .key = job.key,
                 .options = put_options(run, job, existing ? &*existing : nullptr),
                 .journal = run.request.journal,
                 .source_id = source_id(run, job),
                 .destination = text_of(cloud::ref_of(*job.to, job.key))};
  co_return co_await put_parts(ctx, std::move(parts), run.parts, run.cpu, std::move(seen),
                               std::move(on_bytes));
}

}  // namespace

Task<Entry> send(rt::Context& ctx, Run& run, Job job, std::optional<ObjectMeta> existing) {
  auto seen = std::make_shared<Seen>();
  const uint64_t bytes_before = run.progress.bytes_done;
  auto sent = std::make_shared<uint64_t>(0);
  auto on_bytes = [&run, sent](uint64_t bytes) {
    *sent += bytes;
    run.progress.bytes_done += bytes;
    run.tell();
  };
  const bool large = job.source.size > whole_bytes_max;
  auto written = large ? co_await put_large(ctx, run, job, existing, seen, std::move(on_bytes))
                       : co_await put_whole(ctx, run, job, existing, seen, std::move(on_bytes));
  if (!written.has_value()) {
    run.progress.bytes_done = std::max(bytes_before, run.progress.bytes_done - *sent);
    co_return fail(std::move(written).error());
  }
  Entry entry = entry_of(ctx, run, job);
  CO_TRY(entry.proof, co_await prove(ctx, run, job, *written, *seen));
  entry.to.etag = written->etag;
  entry.digests = seen->digests;
  entry.done = existing ? Done::replaced : Done::written;
  entry.class_kept = !job.to->store->capabilities().storage_classes.empty();
  co_return entry;
}

}  // namespace tutti::xfer
