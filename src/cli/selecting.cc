// SPDX-License-Identifier: Apache-2.0
#include "cli/selecting.h"

#include <fmt/format.h>

#include "cli/output.h"
#include "rt/file.h"

namespace tutti::cli {
Result<transfer::Filter> filter_of(const FilterArgs& args, Instant now) {
  TRY(transfer::Filter filter, transfer::parse_filter(args, now));
  if (!args.names_from.empty()) {
    TRY(const std::string text, rt::read_file(args.names_from));
    filter.only = transfer::parse_names(text);
  }
  return filter;
}

std::unexpected<Error> in_file(const std::string& path, Error error) {
  error.where = error.where.empty() ? path : fmt::format("{}, {}", path, error.where);
  return fail(std::move(error));
}

std::string bytes_text(uint64_t bytes) { return human_bytes(static_cast<int64_t>(bytes)); }
std::string objects_text(uint64_t objects) {
  return counted(static_cast<int64_t>(objects), "object");
}

}  // namespace tutti::cli
