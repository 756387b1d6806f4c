// SPDX-License-Identifier: Apache-2.0
// Rename: other names for objects at their destination, as `sed -E` writes it. A value; pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace re2 {
class RE2;
}

namespace tutti::transfer {

// s/PATTERN/REPLACEMENT/FLAGS. The character behind `s` stands between them, whichever it is, and
// is meant itself behind a backslash. PATTERN: RE2's. REPLACEMENT: \1 to \9 are what its groups
// matched, & the whole match. FLAGS: g for every match instead of the first, i for either case.
class Rename {
 public:
  static Result<Rename> parse(std::string_view text);  // bad_input says what is wrong with it
  std::string apply(std::string name) const;           // as it is, where nothing matches

 private:
  Rename(std::shared_ptr<const re2::RE2> pattern, std::string replacement, bool everywhere)
      : pattern_(std::move(pattern)),
        replacement_(std::move(replacement)),
        everywhere_(everywhere) {}

  std::shared_ptr<const re2::RE2> pattern_;
  std::string replacement_;  // as RE2 writes it
  bool everywhere_;
};

// One after the other. bad_input: nothing would be left of the name.
Result<std::string> renamed(const std::vector<Rename>& renames, std::string_view name);

Result<std::vector<Rename>> parse_renames(const std::vector<std::string>& texts);

}  // namespace tutti::transfer
