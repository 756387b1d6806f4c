// SPDX-License-Identifier: Apache-2.0
#include "xfer/transfer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "rt/retry.h"
#include "rt/scope.h"
#include "xfer/clashes.h"
#include "xfer/pull.h"
#include "xfer/queue.h"
#include "xfer/select.h"
#include "xfer/settle.h"
#include "xfer/staged.h"

namespace tutti::xfer {
namespace {

using cloud::Key;
using cloud::Located;
using cloud::ObjectMeta;
using transfer::Known;

Task<Unit> copy_one(rt::Context& ctx, Run& run, Job job) {
  // A listing has no digests, and a retry must see what is there now.
  auto attempt = [&run, &job](rt::Context& inner) {
    count_attempt(inner, job);
    return copy_to(inner, run, job);
  };
  const auto again = [&run, &job](const Error& error) { return deserves_another(run, job, error); };
  auto entry = co_await rt::retry_while(ctx, {}, attempt, again);
  if (!entry.has_value()) {
    co_return note_failure(ctx, run, job, std::move(entry).error());
  }
  note(run, job, std::move(*entry));
  co_return Unit{};
}

// May end well if it is looked at and tried again.
bool may_end_well(const Sent& sent) {
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
  for (const Sending& each : sendings) {
    count_attempt(ctx, each.job);
  }
  CO_TRY(auto sent, co_await send_together(ctx, run, sendings));
  for (size_t i = 0; i < sent.size(); ++i) {
    Job& job = sendings[i].job;
    if (sent[i].entry.has_value()) {
      note(run, job, std::move(*sent[i].entry));
    } else if (may_end_well(sent[i])) {
      left.push_back(std::move(job));
    } else {
      CO_OK(note_failure(ctx, run, job, std::move(sent[i].entry).error()));
    }
  }
  co_return left;
}

Task<Unit> copy_object(rt::Context& ctx, Run& run, std::vector<Job> jobs, Turn /*to the end*/) {
  if (jobs.size() > 1 && run.request.stages.empty()) {
    CO_TRY(jobs, co_await copy_together(ctx, run, std::move(jobs)));
  }
  for (Job& each : jobs) {
    CO_OK(co_await copy_one(ctx, run, std::move(each)));
  }
  co_return Unit{};
}

// One for each destination. What has no name there has failed.
Result<std::vector<Job>> jobs_of(rt::Context& ctx, Run& run, const ObjectMeta& source,
                                 const transfer::Selection& selection) {
  std::vector<Job> jobs;
  for (const Located& to : run.request.to) {
    auto key = target_of(run.request, selection, source.key.text, to);
    if (key.has_value()) {
      jobs.push_back({.source = source, .to = &to, .key = {std::move(*key)}});
    } else {
      TRY_OK(note_failure(ctx, run, {.source = source, .to = &to, .key = to.key},
                          std::move(key).error()));
    }
  }
  return jobs;
}

Result<Unit> fail_all(rt::Context& ctx, Run& run, const std::vector<Job>& jobs,
                      const Error& error) {
  for (const Job& job : jobs) {
    TRY_OK(note_failure(ctx, run, job, error));
  }
  return Unit{};
}

// What was asked for by name and is not there has failed.
Result<Unit> miss(rt::Context& ctx, Run& run, const Selected& listed) {
  if (run.request.allow_empty) {
    return Unit{};
  }
  for (const std::string& key : listed.missing()) {
    run.listed_objects += run.request.to.size();
    TRY(const std::vector<Job> jobs, jobs_of(ctx, run, {.key = {key}}, listed.selection()));
    TRY_OK(fail_all(ctx, run, jobs, {.code = Code::not_found, .what = "there is no such object"}));
  }
  return Unit{};
}

Task<Unit> copy_all(rt::Scope& scope, Run& run, Selected selected) {
  const transfer::Selection selection = selected.selection();
  Queue queue(std::move(selected), run.request.order);
  Clashes clashes(run.request);
  while (true) {
    CO_TRY(auto source, co_await queue.next(scope.context()));
    if (!source) {
      break;
    }
    run.listed_objects += run.request.to.size();
    run.listed_bytes += source->size * run.request.to.size();
    CO_TRY(std::vector<Job> jobs, jobs_of(scope.context(), run, *source, selection));
    if (jobs.empty()) {
      continue;
    }
    if (const auto clash = clashes.with_earlier(source->key.text, jobs.front().key.text)) {
      CO_OK(fail_all(scope.context(), run, jobs, *clash));
      continue;
    }
    Turn turn(run.objects.turns());
    CO_OK(co_await turn.take(scope.context()));
    CO_OK(
        co_await scope.spawn(copy_object(scope.context(), run, std::move(jobs), std::move(turn))));
  }
  run.report.left_out = queue.last_listing().left_out();
  CO_OK(miss(scope.context(), run, queue.last_listing()));
  run.progress.objects_total = run.listed_objects;
  run.progress.bytes_total = run.listed_bytes;
  run.tell();
  co_return Unit{};
}

// What cannot end well is refused before anything is written.
Result<Unit> check(const Request& request, const transfer::Selection& selection) {
  TRY_OK(check_stages(request));
  if (request.to.empty()) {
    return fail(Code::bad_input, "a transfer without a destination", "say where to copy to");
  }
  const bool to_names = std::ranges::any_of(
      request.to, [](const Located& to) { return !transfer::is_prefix(to.key.text); });
  if (to_names && !request.renames.empty()) {
    return fail(Code::bad_input, "a destination that is a name leaves nothing to be renamed",
                "end it with '/', or leave out what renames");
  }
  for (const Located& to : request.to) {
    auto good = transfer::check_destination(selection, to.key.text);
    if (good.has_value() && cloud::same_bucket(request.from, to)) {
      using Kind = transfer::Selection::Kind;
      const auto key = target_of(request, selection, selection.key, to);
      const std::string target = key.value_or("");
      if (selection.kind == Kind::prefix &&
          (to.root + to.key.text).starts_with(request.from.root + selection.base)) {
        good = fail(Code::bad_input, "the destination is inside the source",
                    "choose another destination");
      } else if (selection.kind == Kind::object && !request.from_version &&
                 to.root + target == request.from.root + selection.key) {
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

Result<Unit> check_copy(const Request& request, const Located& to,
                        const transfer::Selection& selection, const std::string& key) {
  const Located& from = request.from;
  const std::string target = target_of(request, selection, key, to).value_or("");
  const std::string whole = to.root + target;
  if (target.empty() || !whole.starts_with(from.root) ||
      !selection.matches(whole.substr(from.root.size()))) {
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
Task<Unit> check_pattern(rt::Context& ctx, Selected selected, Request request) {
  const Located& from = selected.located();
  const transfer::Selection& selection = selected.selection();
  std::vector<Located> to = request.to;
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
      CO_OK(check_copy(request, each, selection, source->key.text));
    }
  }
}

// Checked as a whole.
Task<Selected> select(rt::Context& ctx, Request request) {
  CO_TRY(Selected selected, request.from_exactly ? Result<Selected>(Selected::exactly(request.from))
                                                 : co_await Selected::of(ctx, request.from));
  selected.set_filter(request.filter);
  CO_OK(check(request, selected.selection()));
  CO_OK(co_await check_pattern(ctx, selected, request));
  co_return selected;
}

void add(transfer::Plan& all, const transfer::Plan& plan) {
  all.objects += plan.objects;
  all.bytes += plan.bytes;
  all.skipped += plan.skipped;
  all.conflicts += plan.conflicts;
  std::ranges::copy(plan.steps, std::back_inserter(all.steps));
}

// What is at the destination, as far as the transfer could write it.
Task<std::vector<Known>> there_of(rt::Context& ctx, Request request, transfer::Selection selection,
                                  Located to) {
  std::vector<Known> existing;
  const bool one = selection.kind == transfer::Selection::Kind::object;
  std::string below = to.key.text;
  if (one) {
    below = target_of(request, selection, selection.key, to).value_or(below);
  }
  cloud::Listing listing(*to.store, {.prefix = {std::move(below)}});
  while (true) {
    CO_TRY(auto meta, co_await listing.next(ctx));
    if (!meta) {
      co_return existing;
    }
    existing.push_back(known(*meta));
  }
}

// One object, with what is at the destination under its name there.
Result<transfer::Plan> plan_one(const Request& request, const Known& source, std::string target,
                                const std::vector<Known>& existing) {
  const auto at = std::ranges::lower_bound(existing, target, {}, &Known::key);
  const bool found = at != existing.end() && at->key == target;
  return transfer::make_plan(transfer::object_selection(source.key), {source}, std::move(target),
                             found ? std::vector{*at} : std::vector<Known>(),
                             {.if_exists = request.if_exists});
}

transfer::Plan conflict_of(const Known& source, std::string target, std::string why) {
  return {.steps = {{.act = transfer::Act::conflict,
                     .from = source.key,
                     .to = std::move(target),
                     .bytes = source.size,
                     .why = std::move(why)}},
          .conflicts = 1};
}

// Names that are changed are in another order than the sources': one after the other then.
Result<transfer::Plan> plan_of(const Request& request, const transfer::Selection& selection,
                               const std::vector<Known>& sources,
                               const std::vector<Known>& existing, const Located& to) {
  if (request.stages.empty() && request.renames.empty()) {
    return transfer::make_plan(selection, sources, to.key.text, existing,
                               {.if_exists = request.if_exists});
  }
  transfer::Plan all;
  Clashes clashes(request);
  for (const Known& source : sources) {
    auto target = target_of(request, selection, source.key, to);
    if (!target.has_value()) {
      add(all, conflict_of(source, to.key.text, target.error().what));
    } else if (const auto clash = clashes.with_earlier(source.key, *target)) {
      add(all, conflict_of(source, std::move(*target), clash->what));
    } else {
      TRY(const transfer::Plan one, plan_one(request, source, std::move(*target), existing));
      add(all, one);
    }
  }
  return all;
}

}  // namespace

bool Verification::reads_back(std::string_view key, std::string_view etag) const {
  if (policy != Verify::sample) {
    return policy == Verify::full;
  }
  const Digest crc = digest_of(DigestKind::crc32c, fmt::format("{} {}", key, etag));
  uint32_t number = 0;
  for (size_t i = 0; i < digest_size(crc.kind); ++i) {
    number = number << 8U | crc.bytes.at(i);
  }
  return number % 10'000 < sample;
}

Result<Verification> parse_verify(std::string_view text) {
  constexpr std::pair<std::string_view, Verify> names[] = {
      {"full", Verify::full}, {"store", Verify::store}, {"none", Verify::none}};
  const auto* at = std::ranges::find(names, text, &std::pair<std::string_view, Verify>::first);
  if (at != std::end(names)) {
    return at->second;
  }
  constexpr std::string_view sample = "sample:";
  double percent = 0;
  const char* end = text.data() + text.size();
  if (text.starts_with(sample) && text.ends_with('%') &&
      std::from_chars(text.data() + sample.size(), end, percent).ptr == end - 1 && percent > 0 &&
      percent <= 100) {
    return Verification(Verify::sample, static_cast<uint32_t>(std::lround(percent * 100)));
  }
  return fail(Code::bad_input, fmt::format("verify: '{}' is not known", text),
              "write full, sample:5% (any part of 100), store or none");
}

Task<Report> run(rt::Context& ctx, Request request, rt::Executor cpu) {
  CO_TRY(Selected selected, co_await select(ctx, request));
  const bool many = selected.selection().kind != transfer::Selection::Kind::object;
  Run run{.request = std::move(request), .cpu = std::move(cpu), .clock = &ctx.clock()};
  if (!run.request.journal.empty()) {
    co_await rt::offload(run.cpu, [folder = run.request.journal, now = ctx.clock().wall()] {
      sweep_journal(folder, now);
      return Unit{};
    });
  }
  if (many) {
    CO_OK(co_await look_for_existing(ctx, run));
  }
  CO_OK(co_await prepare_pulls(ctx, run));
  CO_OK(co_await rt::scoped(ctx, {.children_max = run.request.objects_parallel.most}, copy_all,
                            std::ref(run), std::move(selected)));
  if (run.listed_objects == 0 && !run.request.allow_empty) {
    CO_TRY(Error error, co_await nothing_there(ctx, run.request.from));
    co_return fail(std::move(error));
  }
  CO_OK(check_any_done(run));
  run.report.objects_at_once = run.objects.count();
  run.report.parts_at_once = run.parts.count();
  co_return std::move(run.report);
}

Task<Preview> preview(rt::Context& ctx, Request request) {
  CO_TRY(Selected selected, co_await select(ctx, request));
  const transfer::Selection& selection = selected.selection();
  std::vector<Known> sources;
  while (true) {
    CO_TRY(auto source, co_await selected.next(ctx));
    if (!source) {
      break;
    }
    sources.push_back(known(*source));
  }
  Preview preview{.plan = {}, .left_out = selected.left_out(), .missing = {}};
  if (!request.allow_empty) {
    for (const std::string& key : selected.missing()) {
      preview.missing.push_back(cloud::address_of(request.from, {key}));
    }
  }
  if (sources.empty() && preview.missing.empty() && !request.allow_empty) {
    CO_TRY(Error error, co_await nothing_there(ctx, request.from));
    co_return fail(std::move(error));
  }
  for (const Located& to : request.to) {
    CO_TRY(const std::vector<Known> existing, co_await there_of(ctx, request, selection, to));
    CO_TRY(transfer::Plan plan, plan_of(request, selection, sources, existing, to));
    for (transfer::Step& step : plan.steps) {
      step.from = cloud::address_of(request.from, {step.from});
      step.to = cloud::address_of(to, {step.to});
    }
    add(preview.plan, plan);
  }
  co_return preview;
}

}  // namespace tutti::xfer
