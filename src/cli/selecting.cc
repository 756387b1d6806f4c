// SPDX-License-Identifier: Apache-2.0
#include "cli/selecting.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/size.h"
#include "cli/output.h"
#include "rt/file.h"

namespace tutti::cli {
namespace {

Result<std::vector<transfer::Regex>> parse_regexes(const std::vector<std::string>& patterns) {
  std::vector<transfer::Regex> all;
  for (const std::string& each : patterns) {
    TRY(transfer::Regex regex, transfer::Regex::parse(each));
    all.push_back(std::move(regex));
  }
  return all;
}

// That long ago.
Result<std::optional<Instant>> past_of(const std::string& text, Instant now) {
  if (text.empty()) {
    return std::nullopt;
  }
  TRY(const Duration age, parse_duration(text));
  return now - age;
}

}  // namespace

Result<transfer::Filter> filter_of(const FilterArgs& args, Instant now) {
  transfer::Filter filter;
  TRY(filter.include, transfer::parse_patterns(args.include));
  TRY(filter.exclude, transfer::parse_patterns(args.exclude));
  TRY(filter.include_regex, parse_regexes(args.include_regex));
  TRY(filter.exclude_regex, parse_regexes(args.exclude_regex));
  TRY(filter.newer_than, past_of(args.newer, now));
  TRY(filter.older_than, past_of(args.older, now));
  if (!args.larger.empty()) {
    TRY(const int64_t bytes, parse_size(args.larger));
    filter.larger_than = static_cast<uint64_t>(bytes);
  }
  if (!args.smaller.empty()) {
    TRY(const int64_t bytes, parse_size(args.smaller));
    filter.smaller_than = static_cast<uint64_t>(bytes);
  }
  if (!args.names_from.empty()) {
    TRY(const std::string text, rt::read_file(args.names_from));
    filter.only.emplace();
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      if (end > at) {
        filter.only->insert(text.substr(at, end - at));
      }
      at = end + 1;
    }
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
