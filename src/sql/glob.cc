// SPDX-License-Identifier: Apache-2.0
#include "sql/glob.h"

#include <optional>

namespace tutti::sql {
namespace {

struct Set {
  bool matches;
  size_t length;  // of the [...] in the pattern
};

// nullopt: no closing bracket, so the bracket stands for itself.
std::optional<Set> match_set(std::string_view pattern, char c) {
  size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  i += negated ? 1 : 0;
  const size_t first = i;
  bool found = false;
  for (; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 2;
    } else {
      found = found || pattern[i] == c;
    }
  }
  if (i >= pattern.size()) {
    return std::nullopt;
  }
  return Set{.matches = found != negated, .length = i + 1};
}

// How many characters of the pattern match `c` as one; 0: they do not.
size_t match_one(std::string_view pattern, char c) {
  if (pattern.empty()) {
    return 0;
  }
  if (pattern[0] == '?') {
    return c == '/' ? 0 : 1;
  }
  if (pattern[0] == '[') {
    if (const std::optional<Set> set = match_set(pattern, c)) {
      return set->matches && c != '/' ? set->length : 0;
    }
  }
  return pattern[0] == c ? 1 : 0;
}

// Both are within one segment. Iterative: the last star is the only one worth going back to.
bool segment_matches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  std::optional<size_t> star;
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    if (const size_t n = match_one(pattern.substr(p), text[t]); n > 0) {
      p += n;
      ++t;
      continue;
    }
    if (!star) {
      return false;
    }
    p = *star;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

std::string_view head(std::string_view path) { return path.substr(0, path.find('/')); }

// Behind the first segment; nullopt when it was the last.
std::optional<std::string_view> tail(std::string_view path) {
  const size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::nullopt
                                         : std::optional<std::string_view>(path.substr(slash + 1));
}

}  // namespace

bool has_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

std::string_view glob_prefix(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?["));
}

// Again by the last `**` alone, so the time is the product of the two lengths at most.
bool glob_matches(std::string_view pattern, std::string_view key) {
  std::optional<std::string_view> p = pattern;
  std::optional<std::string_view> k = key;
  std::optional<std::string_view> behind_stars;
  std::optional<std::string_view> retry_at;
  while (k) {
    if (p && head(*p) == "**") {
      behind_stars = p = tail(*p);
      retry_at = k;
      if (!p) {
        return true;  // `**` at the end
      }
      continue;
    }
    if (p && segment_matches(head(*p), head(*k))) {
      p = tail(*p);
      k = tail(*k);
      if (p.has_value() || !k.has_value()) {
        continue;
      }
    }
    if (!retry_at) {
      return false;
    }
    retry_at = k = tail(*retry_at);
    p = behind_stars;
  }
  return !p;
}

}  // namespace tutti::sql
