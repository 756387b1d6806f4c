// SPDX-License-Identifier: Apache-2.0
// tutti manifest.
#include <filesystem>

#include <fmt/format.h>

#include "cli/commands.h"

namespace tutti::cli {
namespace {

namespace fs = std::filesystem;

Task<int> export_to(Invocation& call, ManifestArgs args) {
  const fs::path manifest = args.manifest;
  const fs::path to = args.to;
  std::error_code ec;
  if (!fs::is_regular_file(manifest, ec)) {
    co_return fail(Error{.code = Code::not_found,
                         .what = "there is no such file",
                         .where = args.manifest,
                         .remedy = "give a file that --manifest wrote"});
  }
  if (fs::is_directory(to, ec) || !to.has_filename()) {
    co_return fail(Error{.code = Code::bad_input,
                         .what = "a folder cannot be written as a file",
                         .where = args.to,
                         .remedy = "name the file: copied.parquet"});
  }
  if (fs::equivalent(manifest, to, ec)) {
    co_return fail(Error{.code = Code::bad_input,
                         .what = "the manifest would be replaced by its own export",
                         .where = args.to,
                         .remedy = "name another file"});
  }
  CO_TRY(const int64_t rows,
         co_await call.environment.export_manifest(call.environment.context(), manifest, to));
  if (call.output.json()) {
    call.output.value(Value::of({{"rows", rows}, {"file", args.to}}));
  } else {
    call.output.note(fmt::format("{}: {}", args.to, counted(rows, "row")));
  }
  co_return 0;
}

}  // namespace

Result<int> manifest(Invocation& call, const ManifestArgs& args) {
  return call.environment.loop().run(export_to(call, args));
}

}  // namespace tutti::cli
