// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/filter.h"

#include <algorithm>

#include "base/size.h"
#include "core/transfer/re.h"

namespace tutti::transfer {
namespace {

bool any_matches(const auto& patterns, std::string_view name) {
  return std::ranges::any_of(patterns, [name](const auto& each) { return each.matches(name); });
}

Result<std::vector<Regex>> parse_regexes(const std::vector<std::string>& patterns) {
  std::vector<Regex> all;
  for (const std::string& each : patterns) {
    TRY(Regex regex, Regex::parse(each));
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

Result<std::optional<uint64_t>> size_of(const std::string& text) {
  if (text.empty()) {
    return std::nullopt;
  }
  TRY(const int64_t bytes, parse_size(text));
  return static_cast<uint64_t>(bytes);
}

}  // namespace

Result<Regex> Regex::parse(const std::string& pattern) {
  TRY(auto compiled, compile(pattern, Case::matters));
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

Result<Filter> parse_filter(const FilterTexts& texts, Instant now) {
  Filter filter;
  TRY(filter.include, parse_patterns(texts.include));
  TRY(filter.exclude, parse_patterns(texts.exclude));
  TRY(filter.include_regex, parse_regexes(texts.include_regex));
  TRY(filter.exclude_regex, parse_regexes(texts.exclude_regex));
  TRY(filter.larger_than, size_of(texts.larger));
  TRY(filter.smaller_than, size_of(texts.smaller));
  TRY(filter.newer_than, past_of(texts.newer, now));
  TRY(filter.older_than, past_of(texts.older, now));
  return filter;
}

std::set<std::string, std::less<>> parse_names(std::string_view text) {
  std::set<std::string, std::less<>> names;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) {
      names.emplace(text.substr(at, end - at));
    }
    at = end + 1;
  }
  return names;
}

bool Filter::takes(std::string_view name) const {
  if ((!include.empty() || !include_regex.empty()) && !any_matches(include, name) &&
      !any_matches(include_regex, name)) {
    return false;
  }
  return (!only || only->contains(name)) && !never.contains(name) && !any_matches(exclude, name) &&
         !any_matches(exclude_regex, name);
}

bool Filter::matches(std::string_view name, uint64_t size, Instant modified) const {
  return takes(name) && (!larger_than || size > *larger_than) &&
         (!smaller_than || size < *smaller_than) && (!newer_than || modified > *newer_than) &&
         (!older_than || modified < *older_than);
}

}  // namespace tutti::transfer
