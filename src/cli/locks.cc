// SPDX-License-Identifier: Apache-2.0
// tutti lock, restore: what must not be removed yet, and what cannot be read yet.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/data_side.h"
#include "cli/selecting.h"
#include "cloud/locks.h"
#include "core/transfer/plan.h"
#include "rt/wait.h"
#include "xfer/remove.h"
#include "xfer/select.h"

namespace tutti::cli {
namespace {

// ---- lock

Value lock_value(const cloud::Lock& lock, const std::string& uri, const std::string& version) {
  return Value::of(
      {{"uri", uri},
       {"version", version},
       {"retain_mode",
        lock.retention ? Value(cloud::retention_mode_name(lock.retention->mode)) : Value()},
       {"retain_until", lock.retention ? Value(to_text(lock.retention->until)) : Value()},
       {"legal_hold", lock.legal_hold}});
}

Result<cloud::Located> open_one(const DataSide& side, const std::string& address,
                                std::string_view command) {
  TRY(cloud::Located located, open_address(side, address));
  TRY(transfer::Selection selection, transfer::parse_selection(located.key.text));
  if (selection.kind != transfer::Selection::Kind::object) {
    return fail(
        Error{.code = Code::bad_input,
              .what = fmt::format("{} is of one object, not of a prefix or a pattern", command),
              .where = address,
              .remedy = "name the object"});
  }
  located.key = {std::move(selection.key)};
  return located;
}

Task<Unit> change_lock(rt::Context& ctx, cloud::Located located, ShowLockArgs args) {
  const cloud::LockOptions options{.version = args.version, .bypass_governance = args.bypass};
  CO_TRY(const cloud::Lock wanted,
         cloud::parse_lock(args.lock.until, args.lock.mode, args.lock.legal_hold == "on",
                           ctx.clock().wall()));
  // A hold last, where it is taken: it is not lost then to a retention that is refused.
  if (args.clear || wanted.retention) {
    CO_OK(co_await located.store->set_retention(ctx, located.key, wanted.retention, options));
  }
  if (!args.lock.legal_hold.empty()) {
    CO_OK(co_await located.store->set_legal_hold(ctx, located.key, wanted.legal_hold, options));
  }
  co_return Unit{};
}

Task<int> show_lock(Invocation& call, DataSide& side, ShowLockArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(const cloud::Located located, open_one(side, args.address, "tutti lock"));
  CO_OK(co_await change_lock(ctx, located, args));
  CO_TRY(const cloud::Lock lock,
         co_await located.store->lock(ctx, located.key, {.version = args.version}));
  const std::string uri = cloud::address_of(located, located.key);
  if (call.output.json()) {
    call.output.value(lock_value(lock, uri, args.version));
  } else {
    call.output.line(fmt::format("{}: {}", printable(uri), cloud::lock_text(lock)));
  }
  co_return 0;
}

// ---- restore

// What the objects have come to.
struct States {
  int64_t asked = 0;     // by this command
  int64_t underway = 0;  // asked for before
  int64_t readable = 0;  // restored already, or never archived
  std::vector<cloud::ObjectMeta> waiting = {};
};

Task<std::vector<cloud::ObjectMeta>> selected_of(rt::Context& ctx, cloud::Located located,
                                                 RestoreArgs args) {
  CO_TRY(xfer::Selected selected, co_await xfer::Selected::of(ctx, located));
  if (selected.selection().kind != transfer::Selection::Kind::object && !args.recursive) {
    co_return fail(Error{.code = Code::bad_input,
                         .what = "this is more than one object, and restoring costs",
                         .where = args.address,
                         .remedy = "say -r, too, if all of it is meant; --dry-run counts"});
  }
  CO_TRY(transfer::Filter filter, filter_of(args.filter, ctx.clock().wall()));
  selected.set_filter(std::move(filter));
  CO_TRY(xfer::Counted counted, co_await xfer::count(ctx, std::move(selected), UINT64_MAX));
  if (counted.objects.empty()) {
    CO_TRY(Error nothing, co_await xfer::nothing_there(ctx, located));
    co_return fail(std::move(nothing));
  }
  co_return std::move(counted.objects);
}

// A listing does not say all of it: each object is looked at.
Task<Unit> ask_for(rt::Context& ctx, const cloud::Located* located, RestoreArgs args,
                   cloud::ObjectMeta object, States* states) {
  CO_TRY(const cloud::ObjectMeta meta,
         co_await located->store->head(ctx, object.key, {.version = args.version}));
  switch (meta.archived) {
    case cloud::Archived::no:
    case cloud::Archived::restored:
      ++states->readable;
      co_return Unit{};
    case cloud::Archived::restoring:
      ++states->underway;
      break;
    case cloud::Archived::yes:
      ++states->asked;
      if (!args.dry_run) {
        CO_OK(co_await located->store->restore(
            ctx, object.key, {.version = args.version, .days = args.days, .tier = args.tier}));
      }
  }
  states->waiting.push_back(meta);
  co_return Unit{};
}

// Until all of them can be read.
Task<Unit> await_all(rt::Context& ctx, const cloud::Located* located, std::string version,
                     std::vector<cloud::ObjectMeta> waiting) {
  Duration pause = seconds(1);
  while (!waiting.empty()) {
    CO_TRY(const cloud::ObjectMeta meta,
           co_await located->store->head(ctx, waiting.back().key, {.version = version}));
    if (meta.archived == cloud::Archived::no || meta.archived == cloud::Archived::restored) {
      waiting.pop_back();
      pause = seconds(1);
      continue;
    }
    CO_OK(co_await rt::delay(ctx, pause));
    pause = std::min(pause * 2, minutes(5));
  }
  co_return Unit{};
}

Task<int> restore_all(Invocation& call, DataSide& side, RestoreArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(const cloud::Located located, args.version.empty()
                                           ? open_address(side, args.address)
                                           : open_version(side, args.address, args.version));
  const cloud::Capabilities& can = located.store->capabilities();
  if (!can.archives) {
    co_return fail(Error{
        .code = Code::unsupported,
        .what = fmt::format("{} archives no objects: they can be read as they are", can.provider),
        .where = args.address});
  }
  CO_TRY(std::vector<cloud::ObjectMeta> objects, co_await selected_of(ctx, located, args));
  States states;
  for (cloud::ObjectMeta& each : objects) {
    CO_OK(co_await ask_for(ctx, &located, args, std::move(each), &states));
  }
  const bool waits = args.wait && !args.dry_run;
  if (waits) {
    CO_OK(co_await await_all(ctx, &located, args.version, states.waiting));
  }
  if (call.output.json()) {
    call.output.value(Value::of({{"asked", states.asked},
                                 {"underway", states.underway},
                                 {"readable", states.readable},
                                 {"waited", waits},
                                 {"dry_run", args.dry_run}}));
    co_return 0;
  }
  const std::string text =
      fmt::format("{} {} of {}; under way already: {}, readable: {}",
                  args.dry_run ? "would ask for" : "asked for", states.asked,
                  objects_text(objects.size()), states.underway, states.readable);
  if (args.dry_run) {
    call.output.line(text + ". Nothing was done.");
  } else {
    call.output.note(waits ? text + "; all can be read now" : text);
  }
  co_return 0;
}

}  // namespace

Result<int> lock(Invocation& call, const ShowLockArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(show_lock(call, side, args));
}

Result<int> restore(Invocation& call, const RestoreArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(restore_all(call, side, args));
}

}  // namespace tutti::cli
