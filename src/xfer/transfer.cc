// SPDX-License-Identifier: Apache-2.0
#include "xfer/transfer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "rt/retry.h"
#include "rt/scope.h"
#include "xfer/hashing.h"
#include "xfer/parts.h"
#include "xfer/select.h"

namespace tutti::xfer {
namespace {

using cloud::Key;
using cloud::Located;
using cloud::ObjectMeta;
using transfer::Act;
using transfer::IfExists;
using transfer::Known;

constexpr std::array<std::string_view, 3> verify_names{"full", "store", "none"};
const std::string origin_name = "tutti-origin";

constexpr size_t parts_parallel = 8;
constexpr uint64_t unasked_bytes_max = 1U << 20U;

// What all objects of one run share. Lives as long as the run.
struct Run {
  Request request;
  rt::Executor cpu;
  Report report = {};
  Progress progress = {};
  rt::Semaphore parts{parts_parallel};  // of all objects together
  uint64_t listed_objects = 0;
  uint64_t listed_bytes = 0;

  void tell() const {
    if (request.on_progress) {
      request.on_progress(progress);
    }
  }
};

// One object on its way to one destination.
struct Job {
  ObjectMeta source;
  const Located* to = nullptr;  // one of the request's
  Key key;                      // there
};

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

// What a listing leaves out: digests, metadata.
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

// Reads both ends. Each is digested for itself, so that one buffer at a time is in hand.
Task<Entry> compare_bytes(rt::Context& ctx, Run& run, Job job, std::string etag) {
  CO_TRY(const Seen mine, co_await digest_object(ctx, *run.request.from.store, job.source.key,
                                                 job.source.etag, run.cpu));
  CO_TRY(const Seen theirs, co_await digest_object(ctx, *job.to->store, job.key, etag, run.cpu));
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
  if (run.request.verify == Verify::none) {
    co_return Proof::size;
  }
  if (run.request.verify == Verify::store && store_proves(*job.to, written, seen)) {
    co_return Proof::store;
  }
  CO_TRY(const Seen back,
         co_await digest_object(ctx, *job.to->store, job.key, written.etag, run.cpu));
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

// The bytes, whole, in one put. Its source is opened first: that says what the object is.
Task<ObjectMeta> put_whole(rt::Context& ctx, Run& run, Job& job, std::optional<ObjectMeta> existing,
                           std::shared_ptr<Seen> seen, OnBytes on_bytes) {
  cloud::ObjectStore& from = *run.request.from.store;
  CO_TRY(cloud::Opened opened,
         co_await from.get(ctx, job.source.key, {.if_match = job.source.etag}));
  job.source = opened.meta;
  cloud::Body body = hashing_body(cloud::body_of(from, std::move(opened)), whole_kinds,
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
                 .options = put_options(run, job, existing ? &*existing : nullptr)};
  co_return co_await put_parts(ctx, std::move(parts), run.parts, run.cpu, std::move(seen),
                               std::move(on_bytes));
}

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

// An object of this task's earlier try is compared, not refused.
IfExists rule_for(const Run& run, const std::optional<ObjectMeta>& existing) {
  const IfExists rule = run.request.if_exists;
  if (rule != IfExists::fail || !existing || run.request.origin.empty()) {
    return rule;
  }
  const auto origin = existing->metadata.find(origin_name);
  const bool ours = origin != existing->metadata.end() && origin->second == run.request.origin;
  return ours ? IfExists::verify : rule;
}

Task<Entry> settle(rt::Context& ctx, Run& run, Job job, std::optional<ObjectMeta> existing) {
  std::optional<Known> there;
  if (existing) {
    there = known(*existing);
    CO_OK(co_await know_source(ctx, run, job));
  }
  const transfer::Step step = transfer::decide(known(job.source), job.key.text,
                                               there ? &*there : nullptr, rule_for(run, existing));
  switch (step.act) {
    case Act::copy:
    case Act::replace:
      co_return co_await send(ctx, run, std::move(job), std::move(existing));
    case Act::compare:
      co_return co_await compare_bytes(ctx, run, std::move(job), existing->etag);
    case Act::skip:
    case Act::equal: {
      Entry entry = entry_of(ctx, run, job);
      entry.to.etag = existing->etag;
      entry.bytes = existing->size;
      entry.digests = existing->digests;
      entry.digests_from_store = true;
      entry.proof = step.act == Act::equal ? Proof::end_to_end : Proof::size;
      entry.done = Done::skipped;
      co_return entry;
    }
    default:
      co_return fail(Error{
          .code = Code::conflict,
          .what = step.why,
          .where = cloud::address_of(*job.to, job.key),
          .remedy = "if_exists: verify leaves equal objects, skip leaves all, replace replaces"});
  }
}

// A small object that must not be there yet is just sent: the destination's own condition decides.
// That saves a question for each.
bool sends_unasked(const Job& job) {
  const cloud::Capabilities& can = job.to->store->capabilities();
  return can.only_if_absent && can.far && job.source.size <= unasked_bytes_max;
}

Task<Entry> copy_to(rt::Context& ctx, Run& run, Job job) {
  std::optional<Error> refused;
  if (sends_unasked(job)) {
    auto entry = co_await send(ctx, run, job, std::nullopt);
    if (entry.has_value() || entry.error().code != Code::conflict) {
      co_return entry;
    }
    refused = std::move(entry).error();
  }
  CO_TRY(std::optional<ObjectMeta> existing, co_await look(ctx, *job.to->store, job.key));
  if (refused && !existing) {
    co_return fail(std::move(*refused));  // it was the source that changed
  }
  co_return co_await settle(ctx, run, std::move(job), std::move(existing));
}

Task<Unit> copy_one(rt::Context& ctx, Run& run, Job job) {
  // A listing has no digests, and a retry must see what is there now.
  auto attempt = [&run, &job](rt::Context& inner) { return copy_to(inner, run, job); };
  auto entry = co_await rt::retry(ctx, {}, attempt);
  if (!entry.has_value()) {
    co_return fail(at(run, job, std::move(entry).error()));
  }
  note(run, std::move(*entry));
  co_return Unit{};
}

Task<Unit> copy_object(rt::Context& ctx, Run& run, ObjectMeta source,
                       transfer::Selection selection) {
  for (const Located& to : run.request.to) {
    CO_TRY(std::string key, transfer::destination_of(selection, source.key.text, to.key.text));
    CO_OK(co_await copy_one(ctx, run, {.source = source, .to = &to, .key = {std::move(key)}}));
  }
  co_return Unit{};
}

Task<Unit> copy_all(rt::Scope& scope, Run& run, Selected selected) {
  while (true) {
    CO_TRY(auto source, co_await selected.next(scope.context()));
    if (!source) {
      break;
    }
    run.listed_objects += run.request.to.size();
    run.listed_bytes += source->size * run.request.to.size();
    CO_OK(co_await scope.spawn(
        copy_object(scope.context(), run, std::move(*source), selected.selection())));
  }
  run.progress.objects_total = run.listed_objects;
  run.progress.bytes_total = run.listed_bytes;
  run.tell();
  co_return Unit{};
}

bool same_store(const Located& a, const Located& b) {
  return cloud::ref_of(a, {}) == cloud::ref_of(b, {});
}

// What cannot end well is refused before anything is written.
Result<Unit> check(const Request& request, const transfer::Selection& selection) {
  if (request.to.empty()) {
    return fail(Code::bad_input, "a transfer without a destination", "say where to copy to");
  }
  for (const Located& to : request.to) {
    auto good = transfer::check_destination(selection, to.key.text);
    if (good.has_value() && same_store(request.from, to)) {
      using Kind = transfer::Selection::Kind;
      const auto key = transfer::destination_of(selection, selection.key, to.key.text);
      if (selection.kind == Kind::prefix && to.key.text.starts_with(selection.base)) {
        good = fail(Code::bad_input, "the destination is inside the source",
                    "choose another destination");
      } else if (selection.kind == Kind::object && key.value() == selection.key) {
        good = fail(Code::bad_input, "source and destination are the same object",
                    "choose another destination");
      }
    }
    if (!good.has_value()) {
      Error error = std::move(good).error();
      error.where = cloud::address_of(to, to.key);
      return fail(std::move(error));
    }
  }
  return Unit{};
}

Result<Unit> check_copy(const Located& from, const Located& to,
                        const transfer::Selection& selection, const std::string& key) {
  TRY(const std::string target, transfer::destination_of(selection, key, to.key.text));
  if (!selection.matches(target)) {
    return Unit{};
  }
  return fail(Error{
      .code = Code::bad_input,
      .what = fmt::format("the pattern matches the copy of {} too", cloud::address_of(from, {key})),
      .where = cloud::address_of(to, {target}),
      .remedy = "choose another destination, or narrow the pattern"});
}

// A pattern whose own copies it would match again is refused, before anything is written. Only a
// destination below the folder the pattern begins with needs this look at the names.
Task<Unit> check_pattern(rt::Context& ctx, Selected selected, std::vector<Located> to) {
  const Located& from = selected.located();
  const transfer::Selection& selection = selected.selection();
  std::erase_if(to, [&](const Located& each) {
    return !same_store(from, each) || !each.key.text.starts_with(selection.base);
  });
  if (selection.kind != transfer::Selection::Kind::glob || to.empty()) {
    co_return Unit{};
  }
  while (true) {
    CO_TRY(const auto source, co_await selected.next(ctx));
    if (!source) {
      co_return Unit{};
    }
    for (const Located& each : to) {
      CO_OK(check_copy(from, each, selection, source->key.text));
    }
  }
}

// Checked as a whole.
Task<Selected> select(rt::Context& ctx, Request request) {
  CO_TRY(Selected selected, request.from_exactly ? Result<Selected>(Selected::exactly(request.from))
                                                 : co_await Selected::of(ctx, request.from));
  CO_OK(check(request, selected.selection()));
  CO_OK(co_await check_pattern(ctx, selected, request.to));
  co_return selected;
}

}  // namespace

Result<Verify> parse_verify(std::string_view text) {
  const auto* at = std::ranges::find(verify_names, text);
  if (at == verify_names.end()) {
    return fail(Code::bad_input, fmt::format("verify: '{}' is not known", text),
                "write full, store or none");
  }
  return static_cast<Verify>(at - verify_names.begin());
}

Task<Report> run(rt::Context& ctx, Request request, rt::Executor cpu) {
  CO_TRY(Selected selected, co_await select(ctx, request));
  Run run{.request = std::move(request), .cpu = std::move(cpu)};
  CO_OK(co_await rt::scoped(ctx,
                            {.children_max = std::max<size_t>(1, run.request.objects_parallel)},
                            copy_all, std::ref(run), std::move(selected)));
  if (run.listed_objects == 0 && !run.request.allow_empty) {
    CO_TRY(Error error, co_await nothing_there(ctx, run.request.from));
    co_return fail(std::move(error));
  }
  co_return std::move(run.report);
}

Task<transfer::Plan> preview(rt::Context& ctx, Request request) {
  CO_TRY(Selected selected, co_await select(ctx, request));
  std::vector<Known> sources;
  while (true) {
    CO_TRY(auto source, co_await selected.next(ctx));
    if (!source) {
      break;
    }
    sources.push_back(known(*source));
  }
  if (sources.empty() && !request.allow_empty) {
    CO_TRY(Error error, co_await nothing_there(ctx, request.from));
    co_return fail(std::move(error));
  }
  transfer::Plan all;
  for (const Located& to : request.to) {
    std::vector<Known> existing;
    const bool one = selected.selection().kind == transfer::Selection::Kind::object;
    CO_TRY(const std::string target,
           transfer::destination_of(selected.selection(), selected.selection().key, to.key.text));
    cloud::Listing listing(*to.store, {.prefix = {one ? target : to.key.text}});
    while (true) {
      CO_TRY(auto meta, co_await listing.next(ctx));
      if (!meta) {
        break;
      }
      existing.push_back(known(*meta));
    }
    CO_TRY(transfer::Plan plan, transfer::make_plan(selected.selection(), sources, to.key.text,
                                                    existing, {.if_exists = request.if_exists}));
    all.objects += plan.objects;
    all.bytes += plan.bytes;
    all.skipped += plan.skipped;
    all.conflicts += plan.conflicts;
    std::ranges::move(plan.steps, std::back_inserter(all.steps));
  }
  co_return all;
}

}  // namespace tutti::xfer
