// SPDX-License-Identifier: Apache-2.0
#include "xfer/settle.h"

#include <algorithm>

#include "xfer/inside.h"
#include "xfer/pull.h"

namespace tutti::xfer {
namespace {

using cloud::ObjectMeta;
using transfer::Act;
using transfer::IfExists;
using transfer::Known;

constexpr uint64_t unasked_bytes_max = 1U << 20U;

// An object of this task's earlier try is compared, not refused; what stages made of the source
// cannot be compared, and is written anew.
IfExists rule_for(const Run& run, const std::optional<ObjectMeta>& existing) {
  const IfExists rule = run.request.if_exists;
  if (rule != IfExists::fail || !existing || run.request.origin.empty()) {
    return rule;
  }
  const auto origin = existing->metadata.find(origin_name);
  const bool ours = origin != existing->metadata.end() && origin->second == run.request.origin;
  const IfExists again = run.request.stages.empty() ? IfExists::verify : IfExists::replace;
  return ours ? again : rule;
}

Entry left_alone(rt::Context& ctx, const Run& run, const Job& job, const ObjectMeta& existing,
                 Proof proof) {
  Entry entry = entry_of(ctx, run, job);
  entry.to.etag = existing.etag;
  entry.to.version = existing.version;
  entry.bytes = existing.size;
  entry.digests = existing.digests;
  entry.digests_from_store = true;
  entry.proof = proof;
  entry.done = Done::skipped;
  return entry;
}

// The destination's store computed the CRC32C of what it has (and did not just keep what a writer
// claimed), and it is the source's; so is the size.
bool crc_tells(const Run& run, const Job& job, const ObjectMeta& existing) {
  const auto& checks = job.to->store->capabilities().checks_digests;
  const auto crc = job.source.digest(DigestKind::crc32c);
  return !run.request.sha256 && !run.request.verify.reads_back(job.key.text, existing.etag) &&
         crc && std::ranges::find(checks, DigestKind::crc32c) != checks.end() &&
         crc == existing.digest(DigestKind::crc32c);
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
      if (crc_tells(run, job, *existing)) {
        co_return left_alone(ctx, run, job, *existing, Proof::store);
      }
      co_return co_await compare_bytes(ctx, run, std::move(job), existing->etag);
    case Act::skip:
      co_return left_alone(ctx, run, job, *existing, Proof::size);
    case Act::equal:
      co_return left_alone(ctx, run, job, *existing, Proof::end_to_end);
    default:
      co_return fail(Error{
          .code = Code::conflict,
          .what = step.why,
          .where = cloud::address_of(*job.to, job.key),
          .remedy = "if_exists: verify leaves equal objects, skip leaves all, replace replaces"});
  }
}

bool expects_existing(const Run& run, const cloud::Located* to) {
  const auto known = run.expects_existing.find(to);
  return known != run.expects_existing.end() ? known->second : !to->store->capabilities().far;
}

// A small object that must not be there yet is just sent: the destination's own condition decides.
// That saves a question for each. Where objects are there already the question is cheaper than the
// bytes; a copy the service makes by itself has no bytes.
bool sends_unasked(const Run& run, const Job& job) {
  return job.to->store->capabilities().only_if_absent && !stays_inside(run, job) &&
         (run.request.if_exists == IfExists::fail || !expects_existing(run, job.to)) &&
         job.source.size <= unasked_bytes_max;
}

// The next is likely to be as this one: what a broken copy left stands at the beginning. Nothing
// else makes a near store send unasked than that it was empty.
void learn(Run& run, const cloud::Located* to, bool existing) {
  if (existing || to->store->capabilities().far) {
    run.expects_existing[to] = existing;
  }
}

}  // namespace

Task<Entry> copy_to(rt::Context& ctx, Run& run, Job job) {
  std::optional<Error> refused;
  if (sends_unasked(run, job)) {
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
  learn(run, job.to, existing.has_value());
  co_return co_await settle(ctx, run, std::move(job), std::move(existing));
}

Task<Unit> look_for_existing(rt::Context& ctx, Run& run) {
  for (const cloud::Located& to : run.request.to) {
    const auto page = co_await to.store->list(ctx, {.prefix = to.key, .limit = 1});
    if (page.has_value()) {  // who may not list is not asked for each object either
      run.expects_existing[&to] = !page->objects.empty() || !page->next.empty();
    }
  }
  co_return Unit{};
}

// What can just be sent; nullopt: it has to be looked at, or refused, on its own.
Task<std::optional<Sending>> ready(rt::Context& ctx, Run& run, Job job) {
  if (stays_inside(run, job) || may_pull(run, job)) {
    co_return std::nullopt;
  }
  if (sends_unasked(run, job)) {
    co_return Sending{.job = std::move(job)};
  }
  auto existing = co_await look(ctx, *job.to->store, job.key);
  if (!existing.has_value() || (*existing && rule_for(run, *existing) != IfExists::replace)) {
    co_return std::nullopt;
  }
  co_return Sending{.job = std::move(job), .existing = std::move(*existing)};
}

}  // namespace tutti::xfer
