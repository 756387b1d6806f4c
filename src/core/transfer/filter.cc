// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/filter.h"

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

namespace tutti::transfer {
namespace {

bool any_matches(const auto& patterns, std::string_view name) {
  return std::ranges::any_of(patterns, [name](const auto& each) { return each.matches(name); });
}

}  // namespace

Result<Regex> Regex::parse(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(8 << 20);
  auto compiled = std::make_shared<const re2::RE2>(pattern, options);
  if (!compiled->ok()) {
    return fail(Error{.code = Code::bad_input,
                      .what = fmt::format("not a regular expression: {}", compiled->error()),
                      .where = pattern,
                      .remedy = "write one of RE2's: no look-around, no back-references"});
  }
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view name) const {
  return re2::RE2::PartialMatch({name.data(), name.size()}, *compiled_);
}

Result<std::vector<Glob>> parse_patterns(const std::vector<std::string>& patterns) {
  std::vector<Glob> globs;
  for (const std::string& each : patterns) {
    auto glob = Glob::parse(each.contains('/') ? each : "**/" + each);
    if (!glob.has_value()) {
      Error error = std::move(glob).error();
      error.where = each;
      return fail(std::move(error));
    }
    globs.push_back(std::move(*glob));
  }
  return globs;
}

bool Filter::matches(std::string_view name, uint64_t size, Instant modified) const {
  if ((!include.empty() || !include_regex.empty()) && !any_matches(include, name) &&
      !any_matches(include_regex, name)) {
    return false;
  }
  return (!only || only->contains(name)) && !any_matches(exclude, name) &&
         !any_matches(exclude_regex, name) && (!larger_than || size > *larger_than) &&
         (!smaller_than || size < *smaller_than) && (!newer_than || modified > *newer_than) &&
         (!older_than || modified < *older_than);
}

}  // namespace tutti::transfer
