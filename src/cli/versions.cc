// SPDX-License-Identifier: Apache-2.0
// tutti rm --version-id: one version goes, whatever it is: an old one, the latest, a delete marker.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/data_side.h"
#include "cli/selecting.h"
#include "xfer/select.h"

namespace tutti::cli {
namespace {

Task<cloud::ObjectMeta> find(rt::Context& ctx, cloud::Located located, std::string version) {
  xfer::Selected selected = xfer::Selected::exactly(located);
  selected.set_versions();
  while (true) {
    CO_TRY(auto meta, co_await selected.next(ctx));
    if (!meta) {
      co_return fail(Error{.code = Code::not_found,
                           .what = fmt::format("there is no version {} of it", version),
                           .where = cloud::address_of(located, located.key),
                           .remedy = "tutti ls --all-versions lists those there are"});
    }
    if (meta->version == version) {
      co_return std::move(*meta);
    }
  }
}

}  // namespace

Task<int> remove_version(Invocation& call, DataSide& side, RmArgs args) {
  rt::Context& ctx = call.environment.context();
  if (args.addresses.size() > 1) {
    co_return fail(Code::bad_input, "--version-id is of one object",
                   "remove versions of several objects one by one");
  }
  CO_TRY(const cloud::Located located, open_version(side, args.addresses.front(), args.version));
  CO_TRY(const cloud::ObjectMeta meta, co_await find(ctx, located, args.version));
  const std::string what =
      fmt::format("version {} of {}, {}", printable(args.version),
                  printable(cloud::address_of(located, located.key)),
                  meta.delete_marker ? "a delete marker" : bytes_text(meta.size));
  if (!args.dry_run) {
    CO_TRY(const bool agreed, confirm(call, fmt::format("Remove {}, for ever?", what)));
    if (!agreed) {
      call.output.note("nothing was removed");
      co_return 1;
    }
    CO_OK(co_await located.store->remove(ctx, located.key, {.version = args.version}));
  }
  if (call.output.json()) {
    call.output.value(Value::of({{"objects", 1}, {"bytes", meta.size}, {"dry_run", args.dry_run}}));
  } else if (args.dry_run) {
    call.output.line(fmt::format("would remove {}. Nothing was done.", what));
  } else {
    call.output.note(fmt::format("removed {}", what));
  }
  co_return 0;
}

}  // namespace tutti::cli
