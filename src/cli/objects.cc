// SPDX-License-Identifier: Apache-2.0
// tutti rm, du, mb, rb, presign, verify. They need neither a project nor an owner; in a project its
// connections are known.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/data_side.h"
#include "cli/selecting.h"
#include "rt/file.h"
#include "xfer/remove.h"
#include "xfer/select.h"
#include "xfer/verify.h"

namespace tutti::cli {
namespace {

// What --all-versions of rm takes: one object, unless -r was said, too.
Result<Unit> check_versions(const RmArgs& args, const xfer::Selected& selected,
                            const std::string& address) {
  if (selected.selection().kind == transfer::Selection::Kind::object || args.recursive) {
    return Unit{};
  }
  return fail(Error{.code = Code::bad_input,
                    .what = "--all-versions removes for ever, and this is more than one object",
                    .where = address,
                    .remedy = "say -r, too, if all of it is meant; --dry-run counts"});
}

std::string removed_text(const RmArgs& args, uint64_t objects, uint64_t bytes) {
  return fmt::format(
      "{}, {}",
      args.versions ? counted(static_cast<int64_t>(objects), "version") : objects_text(objects),
      bytes_text(bytes));
}

Task<xfer::Selected> select(rt::Context& ctx, const DataSide* side, std::string address,
                            FilterArgs filter) {
  CO_TRY(cloud::Located located, open_address(*side, address));
  CO_TRY(xfer::Selected selected, co_await xfer::Selected::of(ctx, std::move(located)));
  CO_TRY(transfer::Filter parsed, filter_of(filter, ctx.clock().wall()));
  selected.set_filter(std::move(parsed));
  co_return selected;
}

Task<int> remove(Invocation& call, DataSide& side, RmArgs args) {
  rt::Context& ctx = call.environment.context();
  std::vector<xfer::Counted> all;
  uint64_t objects = 0;
  uint64_t bytes = 0;
  for (const std::string& each : args.addresses) {
    CO_TRY(xfer::Selected selected, co_await select(ctx, &side, each, args.filter));
    const cloud::Located located = selected.located();
    if (args.versions) {
      CO_OK(check_versions(args, selected, each));
      selected.set_versions();
    }
    auto counted = co_await xfer::count(ctx, std::move(selected), args.max - objects);
    if (!counted.has_value() && counted.error().code == Code::bad_input) {
      counted.error().remedy = "narrow the address, or allow more with --max";
    }
    CO_OK(counted);
    if (counted->objects.empty()) {
      CO_TRY(Error nothing, co_await xfer::nothing_there(ctx, located));
      co_return fail(std::move(nothing));
    }
    objects += counted->objects.size();
    bytes += counted->bytes;
    all.push_back(std::move(*counted));
  }
  const std::string what = removed_text(args, objects, bytes);
  if (!args.dry_run) {
    CO_TRY(const bool agreed,
           confirm(call, fmt::format("Remove {}{}?", what, args.versions ? ", for ever" : "")));
    if (!agreed) {
      call.output.note("nothing was removed");
      co_return 1;
    }
    for (xfer::Counted& each : all) {
      CO_OK(co_await xfer::remove(ctx, std::move(each), {}));
    }
  }
  if (call.output.json()) {
    call.output.value(
        Value::of({{"objects", objects}, {"bytes", bytes}, {"dry_run", args.dry_run}}));
  } else if (args.dry_run) {
    call.output.line(fmt::format("would remove {}. Nothing was done.", what));
  } else {
    call.output.note(fmt::format("removed {}", what));
  }
  co_return 0;
}

Task<int> usage(Invocation& call, DataSide& side, DuArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(xfer::Selected selected, co_await select(ctx, &side, args.address, args.filter));
  uint64_t objects = 0;
  uint64_t bytes = 0;
  while (true) {
    CO_TRY(const auto meta, co_await selected.next(ctx));
    if (!meta) {
      break;
    }
    ++objects;
    bytes += meta->size;
  }
  if (objects == 0) {
    CO_TRY(Error nothing, co_await xfer::nothing_there(ctx, selected.located()));
    co_return fail(std::move(nothing));
  }
  if (call.output.json()) {
    call.output.value(Value::of({{"objects", objects}, {"bytes", bytes}}));
  } else {
    call.output.line(
        fmt::format("{}, {} ({} bytes)", objects_text(objects), bytes_text(bytes), bytes));
  }
  co_return 0;
}

enum class Bucket : uint8_t { make, remove };

Task<int> change_bucket(Invocation& call, DataSide& side, std::string address, Bucket what) {
  rt::Context& ctx = call.environment.context();
  if (!is_address(address)) {
    co_return fail(Code::bad_input, fmt::format("'{}' names no bucket", address),
                   "write CONNECTION://BUCKET");
  }
  if (!address.ends_with('/')) {
    address += '/';
  }
  CO_TRY(const cloud::Located located, open_address(side, address));
  if (!located.key.text.empty()) {
    co_return fail(Error{.code = Code::bad_input,
                         .what = "this names more than a bucket",
                         .where = address,
                         .remedy = fmt::format("write {}", located.base)});
  }
  if (what == Bucket::make) {
    CO_OK(co_await located.store->create_bucket(ctx));
  } else {
    CO_OK(co_await located.store->remove_bucket(ctx));
  }
  call.output.note(fmt::format("{} {}", what == Bucket::make ? "made" : "removed", located.base));
  co_return 0;
}

Task<int> print_url(Invocation& call, DataSide& side, PresignArgs args) {
  CO_TRY(const cloud::Located located, open_address(side, args.address));
  CO_TRY(const Duration valid, parse_duration(args.expires));
  if (valid.us <= 0 || valid > days(7)) {
    co_return fail(Code::bad_input, fmt::format("a URL cannot be valid for {}", args.expires),
                   "write a time of at most 7d");
  }
  CO_TRY(const std::string url,
         co_await located.store->presign(call.environment.context(), located.key,
                                         {.method = args.put ? "PUT" : "GET", .valid = valid}));
  if (call.output.json()) {
    call.output.value(Value::of({{"url", url}}));
  } else {
    call.output.line(url);
  }
  co_return 0;
}

// Any number of times from its beginning. What is no file, as a pipe, is held.
using Manifest = std::function<std::unique_ptr<std::istream>()>;
Result<Manifest> open_manifest(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error) && access(path.c_str(), R_OK) == 0) {
    return [path] { return std::make_unique<std::ifstream>(path, std::ios::binary); };
  }
  TRY(std::string text, rt::read_file(path));
  return [text = std::move(text)] { return std::make_unique<std::istringstream>(text); };
}

// A line that is broken is said before anything is read.
Result<Unit> check_claims(xfer::Claims claims) {
  while (true) {
    TRY(const auto claim, claims.next());
    if (!claim) {
      return Unit{};
    }
  }
}

Task<int> prove(Invocation& call, DataSide& side, VerifyArgs args) {
  CO_TRY(const Manifest manifest, open_manifest(args.manifest));
  auto checked = check_claims(xfer::Claims(manifest()));
  if (!checked.has_value()) {
    co_return in_file(args.manifest, std::move(checked).error());
  }
  CO_TRY(const xfer::Proven proven,
         co_await xfer::prove_again(
             call.environment.context(), *side.connections, side.profile, xfer::Claims(manifest()),
             args.quick ? xfer::Proving::quick : xfer::Proving::read, call.environment.cpu()));
  ValueList different;
  for (const xfer::Disproved& each : proven.different) {
    different.push_back(Value::of({{"address", each.address}, {"what", each.what}}));
    if (!call.output.json()) {
      call.output.line(fmt::format("{}: {}", printable(each.address), each.what));
    }
  }
  if (call.output.json()) {
    call.output.value(Value::of({{"proven", proven.objects},
                                 {"bytes", proven.bytes},
                                 {"read", proven.read},
                                 {"different", Value(std::move(different))}}));
  } else {
    call.output.note(fmt::format(
        "{} as the manifest says, {} ({} read){}", objects_text(proven.objects),
        bytes_text(proven.bytes), proven.read,
        proven.different.empty() ? "" : fmt::format("; {} not", proven.different.size())));
  }
  co_return proven.different.empty() ? 0 : 1;
}

}  // namespace

Result<int> rm(Invocation& call, const RmArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(args.uploads            ? remove_uploads(call, side, args)
                                     : !args.version.empty() ? remove_version(call, side, args)
                                                             : remove(call, side, args));
}

Result<int> du(Invocation& call, const DuArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(usage(call, side, args));
}

Result<int> mb(Invocation& call, const MbArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(change_bucket(call, side, args.address, Bucket::make));
}

Result<int> rb(Invocation& call, const RbArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(change_bucket(call, side, args.address, Bucket::remove));
}

Result<int> presign(Invocation& call, const PresignArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(print_url(call, side, args));
}

Result<int> verify(Invocation& call, const VerifyArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(prove(call, side, args));
}

}  // namespace tutti::cli
