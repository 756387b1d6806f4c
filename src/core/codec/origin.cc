// SPDX-License-Identifier: Apache-2.0
// The origin is JSON: written once a run, and other versions may add members.
#include <fmt/format.h>

#include "core/codec/codec.h"

namespace tutti::codec {
namespace {

constexpr int64_t format = 1;

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Error{.code = Code::corrupt,
                    .what = fmt::format("stored origin of a run: {}", what),
                    .where = {},
                    .remedy = "restore the project's state from a backup"});
}

Result<Digest> digest_in(const Value& stored, std::string_view key) {
  auto digest = parse_digest(stored.get_string(key));
  if (!digest) {
    return corrupt(fmt::format("'{}' is no digest", key));
  }
  return digest;
}

}  // namespace

std::string encode_origin(const run::Origin& origin) {
  ValueMap files;
  for (const auto& [path, digest] : origin.files) {
    files.set(path, to_text(digest));
  }
  return to_json(Value(ValueMap{{"format", format},
                                {"run_no", origin.run_no},
                                {"workflow", origin.workflow},
                                {"version", to_text(origin.version)},
                                {"frozen", to_text(origin.frozen)},
                                {"files", std::move(files)},
                                {"profile", origin.profile},
                                {"project", origin.project},
                                {"params", origin.params},
                                {"vars", origin.vars},
                                {"connections", origin.connections},
                                {"logical_date", origin.logical_date.us},
                                {"interval_start", origin.interval_start.us},
                                {"interval_end", origin.interval_end.us}}));
}

Result<run::Origin> decode_origin(std::string_view bytes) {
  const auto stored = parse_json(bytes);
  if (!stored) {
    return corrupt("it is no JSON");
  }
  if (stored->get_int("format") != format) {
    return corrupt(
        fmt::format("format {}, this version reads {}", stored->get_int("format"), format));
  }
  run::Origin origin;
  origin.run_no = stored->get_int("run_no");
  origin.workflow = stored->get_string("workflow");
  TRY(origin.version, digest_in(*stored, "version"));
  TRY(origin.frozen, digest_in(*stored, "frozen"));
  if (const Value& files = (*stored)["files"]; files.is_map()) {
    for (const auto& [path, digest] : files.as_map()) {
      TRY(origin.files[path], digest_in(files, path));
    }
  }
  origin.profile = stored->get_string("profile");
  origin.project = stored->get_string("project");
  origin.params = (*stored)["params"];
  origin.vars = (*stored)["vars"];
  origin.connections = (*stored)["connections"];
  if (origin.run_no <= 0 || !is_name(origin.workflow) || !origin.params.is_map() ||
      !origin.vars.is_map() || !origin.connections.is_map()) {
    return corrupt("members are missing");
  }
  origin.logical_date.us = stored->get_int("logical_date");
  origin.interval_start.us = stored->get_int("interval_start");
  origin.interval_end.us = stored->get_int("interval_end");
  return origin;
}

}  // namespace tutti::codec
