// SPDX-License-Identifier: Apache-2.0
// tutti rm --uploads: ends uploads that were begun and that nobody came back for.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/data_side.h"
#include "core/transfer/plan.h"

namespace tutti::cli {
namespace {

struct Found {
  cloud::Located located;
  std::vector<cloud::PendingUpload> uploads;  // old enough
  int64_t younger = 0;
};

std::string uploads_text(int64_t count) { return counted(count, "unfinished upload"); }

Task<Found> find_uploads(rt::Context& ctx, const DataSide* side, std::string address,
                         Duration age) {
  Found found;
  CO_TRY(found.located, open_address(*side, address));
  CO_TRY(const transfer::Selection selection, transfer::parse_selection(found.located.key.text));
  CO_TRY(auto all, co_await found.located.store->uploads(ctx, {selection.key}));
  const Instant until = ctx.clock().wall() - age;
  for (cloud::PendingUpload& each : all) {
    if (!selection.matches(each.key.text)) {
      continue;
    }
    if (each.started > until) {
      ++found.younger;
    } else {
      found.uploads.push_back(std::move(each));
    }
  }
  co_return found;
}

Value value_of(const std::vector<Found>& all) {
  ValueList uploads;
  for (const Found& found : all) {
    for (const cloud::PendingUpload& each : found.uploads) {
      uploads.push_back(Value::of({{"uri", cloud::address_of(found.located, each.key)},
                                   {"id", each.id},
                                   {"started", to_text(each.started)}}));
    }
  }
  return Value(std::move(uploads));
}

void show(Invocation& call, const std::vector<Found>& all) {
  for (const Found& found : all) {
    for (const cloud::PendingUpload& each : found.uploads) {
      std::string started = to_text(each.started).substr(0, 19);
      started[10] = ' ';
      call.output.line(
          fmt::format("{}  {}", started, printable(cloud::address_of(found.located, each.key))));
    }
  }
}

Task<Unit> abort_all(rt::Context& ctx, const std::vector<Found>* all) {
  for (const Found& found : *all) {
    for (const cloud::PendingUpload& each : found.uploads) {
      CO_OK(co_await found.located.store->abort_upload(ctx, each.key, each.id));
    }
  }
  co_return Unit{};
}

std::string younger_text(int64_t younger, const std::string& age) {
  return younger == 0 ? std::string()
                      : fmt::format("; {} begun less than {} ago stay", younger, age);
}

}  // namespace

Task<int> remove_uploads(Invocation& call, DataSide& side, RmArgs args) {
  rt::Context& ctx = call.environment.context();
  const std::string since = args.filter.older.empty() ? "7d" : args.filter.older;
  CO_TRY(const Duration age, parse_duration(since));
  std::vector<Found> all;
  int64_t count = 0;
  int64_t younger = 0;
  for (const std::string& each : args.addresses) {
    CO_TRY(Found found, co_await find_uploads(ctx, &side, each, age));
    count += static_cast<int64_t>(found.uploads.size());
    younger += found.younger;
    all.push_back(std::move(found));
  }
  if (std::cmp_greater(count, args.max)) {
    co_return fail(Code::bad_input,
                   fmt::format("{} are more than the {} that may be removed at once",
                               uploads_text(count), args.max),
                   "narrow the address, or allow more with --max");
  }
  const bool ends = !args.dry_run && count > 0;
  if (args.dry_run && !call.output.json()) {
    show(call, all);
  }
  if (ends) {
    CO_TRY(const bool agreed, confirm(call, fmt::format("End {}?", uploads_text(count))));
    if (!agreed) {
      call.output.note("nothing was removed");
      co_return 1;
    }
    CO_OK(co_await abort_all(ctx, &all));
  }
  const std::string rest = younger_text(younger, since);
  if (call.output.json()) {
    call.output.value(Value::of({{"uploads", value_of(all)},
                                 {"count", count},
                                 {"younger", younger},
                                 {"dry_run", args.dry_run}}));
  } else if (args.dry_run) {
    call.output.line(fmt::format("would end {}{}. Nothing was done.", uploads_text(count), rest));
  } else {
    call.output.note(fmt::format("ended {}{}", uploads_text(count), rest));
  }
  co_return 0;
}

}  // namespace tutti::cli
