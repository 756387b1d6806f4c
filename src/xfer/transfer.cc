// SPDX-License-Identifier: Apache-2.0
#include "xfer/transfer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "rt/retry.h"
#include "rt/scope.h"
#include "xfer/select.h"
#include "xfer/sending.h"

namespace tutti::xfer {
namespace {

using cloud::Key;
using cloud::Located;
using cloud::ObjectMeta;
using transfer::Act;
using transfer::IfExists;
using transfer::Known;

constexpr std::array<std::string_view, 3> verify_names{"full", "store", "none"};

constexpr uint64_t unasked_bytes_max = 1U << 20U;

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

Entry left_alone(rt::Context& ctx, const Run& run, const Job& job, const ObjectMeta& existing,
                 Proof proof) {
  Entry entry = entry_of(ctx, run, job);
  entry.to.etag = existing.etag;
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
  return !run.request.sha256 && run.request.verify != Verify::full && crc &&
         std::ranges::find(checks, DigestKind::crc32c) != checks.end() &&
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

// A small object that must not be there yet is just sent: the destination's own condition decides.
// That saves a question for each. Where one that is there would be left alone the question is
// cheaper than the bytes, unless a network is between.
bool sends_unasked(const Run& run, const Job& job) {
  const cloud::Capabilities& can = job.to->store->capabilities();
  return can.only_if_absent && (can.far || run.request.if_exists == IfExists::fail) &&
         job.source.size <= unasked_bytes_max;
}

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
  co_return co_await settle(ctx, run, std::move(job), std::move(existing));
}

Task<Unit> copy_one(rt::Context& ctx, Run& run, Job job) {
  // A listing has no digests, and a retry must see what is there now.
  auto attempt = [&run, &job](rt::Context& inner) { return copy_to(inner, run, job); };
  auto entry = co_await rt::retry(ctx, {}, attempt);
  if (!entry.has_value()) {
    co_return note_failure(ctx, run, job, std::move(entry).error());
  }
  note(run, std::move(*entry));
  co_return Unit{};
}

// What can just be sent; nullopt: it has to be looked at, or refused, on its own.
Task<std::optional<Sending>> ready(rt::Context& ctx, Run& run, Job job) {
  if (stays_inside(run, job)) {
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

// May end well if it is looked at and tried again.
bool deserves_another(const Sent& sent) {
  const Code code = sent.entry.error().code;
  return !sent.visible && (is_retryable(code) || code == Code::conflict || code == Code::corrupt);
}

// To as many destinations as possible with one reading. Returns those that are left for the way of
// one destination, which looks at each, tries again and tells what is wrong.
Task<std::vector<Job>> copy_together(rt::Context& ctx, Run& run, std::vector<Job> jobs) {
  std::vector<Job> left;
  std::vector<Sending> sendings;
  for (Job& job : jobs) {
    CO_TRY(auto sending, co_await ready(ctx, run, job));
    if (sending) {
      sendings.push_back(std::move(*sending));
    } else {
      left.push_back(job);
    }
  }
  if (sendings.size() < 2) {
    co_return jobs;
  }
  CO_TRY(auto sent, co_await send_together(ctx, run, sendings));
  for (size_t i = 0; i < sent.size(); ++i) {
    Job& job = sendings[i].job;
    if (sent[i].entry.has_value()) {
      note(run, std::move(*sent[i].entry));
    } else if (deserves_another(sent[i])) {
      left.push_back(std::move(job));
    } else {
      CO_OK(note_failure(ctx, run, job, std::move(sent[i].entry).error()));
    }
  }
  co_return left;
}

Task<Unit> copy_object(rt::Context& ctx, Run& run, ObjectMeta source,
                       transfer::Selection selection) {
  std::vector<Job> jobs;
  for (const Located& to : run.request.to) {
    CO_TRY(std::string key, transfer::destination_of(selection, source.key.text, to.key.text));
    jobs.push_back({.source = source, .to = &to, .key = {std::move(key)}});
  }
  if (jobs.size() > 1) {
    CO_TRY(jobs, co_await copy_together(ctx, run, std::move(jobs)));
  }
  for (Job& each : jobs) {
    CO_OK(co_await copy_one(ctx, run, std::move(each)));
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

// What cannot end well is refused before anything is written.
Result<Unit> check(const Request& request, const transfer::Selection& selection) {
  if (request.to.empty()) {
    return fail(Code::bad_input, "a transfer without a destination", "say where to copy to");
  }
  for (const Located& to : request.to) {
    auto good = transfer::check_destination(selection, to.key.text);
    if (good.has_value() && cloud::same_bucket(request.from, to)) {
      using Kind = transfer::Selection::Kind;
      const auto key = transfer::destination_of(selection, selection.key, to.key.text);
      if (selection.kind == Kind::prefix &&
          (to.root + to.key.text).starts_with(request.from.root + selection.base)) {
        good = fail(Code::bad_input, "the destination is inside the source",
                    "choose another destination");
      } else if (selection.kind == Kind::object &&
                 to.root + key.value() == request.from.root + selection.key) {
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
  const std::string whole = to.root + target;
  if (!whole.starts_with(from.root) || !selection.matches(whole.substr(from.root.size()))) {
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
    return !cloud::same_bucket(from, each) ||
           !(each.root + each.key.text).starts_with(from.root + selection.base);
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
  selected.set_filter(request.filter);
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
  if (!run.request.journal.empty()) {
    co_await rt::offload(run.cpu, [folder = run.request.journal, now = ctx.clock().wall()] {
      sweep_journal(folder, now);
      return Unit{};
    });
  }
  CO_OK(co_await rt::scoped(ctx,
                            {.children_max = std::max<size_t>(1, run.request.objects_parallel)},
                            copy_all, std::ref(run), std::move(selected)));
  if (run.listed_objects == 0 && !run.request.allow_empty) {
    CO_TRY(Error error, co_await nothing_there(ctx, run.request.from));
    co_return fail(std::move(error));
  }
  CO_OK(check_any_done(run));
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
