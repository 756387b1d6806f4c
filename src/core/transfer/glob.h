// SPDX-License-Identifier: Apache-2.0
// Glob: patterns over keys. Values; compiled once, matched in time linear in the pattern times the
// key.
//   *      any bytes but "/"          [a-z] [!0-9]   one byte of (not of) a set, never "/"
//   **     any bytes                  {a,b}          one of the words
//   **/    any folders, also none     \x             x itself
//   ?      one character but "/"      anything else stands for itself
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tutti::transfer {

// True where the text has *, ?, [ or { outside of an escape: it is a pattern, not a key.
bool is_glob(std::string_view text);

class Glob {
 public:
  // bad_input: an open bracket or brace, more than 1,000 words after the braces are written out.
  static Result<Glob> parse(std::string_view pattern);

  bool matches(std::string_view key) const;
  // What every matching key begins with: the prefix to list.
  const std::string& prefix() const { return prefix_; }

 private:
  struct Piece {
    enum class Kind : uint8_t { bytes, star, deep, folders, one, set } kind;
    std::string text = {};  // bytes; of a set: its members
    bool negated = false;
  };
  using Pattern = std::vector<Piece>;
  static Result<Pattern> compile(std::string_view text);
  static bool matches(const Pattern& pattern, std::string_view key);
  static size_t match_one(const Piece& piece, std::string_view key);

  std::vector<Pattern> patterns_;  // one for each way to choose the words
  std::string prefix_;
};

}  // namespace tutti::transfer
