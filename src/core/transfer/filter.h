// SPDX-License-Identifier: Apache-2.0
// Which objects of a selection take part. A value; pure.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/transfer/glob.h"

namespace re2 {
class RE2;
}

namespace tutti::transfer {

// A regular expression (RE2) that may match anywhere in a name.
class Regex {
 public:
  static Result<Regex> parse(const std::string& pattern);  // bad_input says what is wrong
  bool matches(std::string_view name) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

// Patterns match what follows the source's prefix; one without a slash matches the last name of the
// key, wherever it lies.
struct Filter {
  std::vector<Glob> include = {};         // none, nor of the next: all
  std::vector<Regex> include_regex = {};  // one of either is enough
  std::vector<Glob> exclude = {};         // wins, as does the next
  std::vector<Regex> exclude_regex = {};
  std::optional<uint64_t> larger_than = std::nullopt;   // bytes
  std::optional<uint64_t> smaller_than = std::nullopt;  // bytes
  std::optional<Instant> newer_than = std::nullopt;
  std::optional<Instant> older_than = std::nullopt;
  std::optional<std::set<std::string, std::less<>>> only = std::nullopt;  // these names alone
  std::set<std::string, std::less<>> never = {};  // what the command itself writes

  bool takes(std::string_view name) const;  // as far as the name decides
  bool matches(std::string_view name, uint64_t size, Instant modified) const;
};

// A filter as it is written.
struct FilterTexts {
  std::vector<std::string> include = {};
  std::vector<std::string> exclude = {};
  std::vector<std::string> include_regex = {};
  std::vector<std::string> exclude_regex = {};
  std::string larger = {};  // "10MB"; empty: any size
  std::string smaller = {};
  std::string newer = {};  // "7d", before now; empty: any age
  std::string older = {};
};
// bad_input: what one of the texts is not. `now`: what ages count from.
Result<Filter> parse_filter(const FilterTexts& texts, Instant now);

// A name on each line, for Filter::only.
std::set<std::string, std::less<>> parse_names(std::string_view text);

// bad_input names the pattern that is none.
Result<std::vector<Glob>> parse_patterns(const std::vector<std::string>& patterns);

}  // namespace tutti::transfer
