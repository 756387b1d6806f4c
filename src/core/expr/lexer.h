// SPDX-License-Identifier: Apache-2.0
// Text to tokens, one at a time, in the three modes of Jinja2: text, inside {{ }} and inside {% %}.
// Comments and raw blocks never leave the lexer. Linear in the text.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/expr/expr.h"

namespace tutti::expr {

enum class Tok : uint8_t {
  text,  // between the tags, white space already trimmed as the tags ask
  output_begin,
  output_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  real,
  op,  // text: the operator
  end,
};

struct Token {
  Tok kind = Tok::end;
  size_t offset = 0;
  std::string text;  // name, decoded string, digits without '_', operator
};

// What the user would call it, for messages.
std::string describe(const Token& token);

class Lexer {
 public:
  // An expression has no tags: the whole text is inside.
  Lexer(std::string_view text, bool expression)
      : text_(text), mode_(expression ? Mode::expression : Mode::text) {}

  std::expected<Token, Problem> next();

 private:
  enum class Mode { text, output, block, expression };
  using Lexed = std::expected<Token, Problem>;

  Lexed lex_text();
  std::expected<bool, Problem> lex_tag(size_t tag, Token& out);
  std::expected<bool, Problem> skip_raw(size_t tag, Token& out);
  std::expected<void, Problem> skip_comment(size_t tag);
  Lexed lex_inside();
  bool lex_end(Token& out);
  Lexed lex_number();
  Lexed lex_name();
  Lexed lex_string();
  Lexed lex_operator();
  std::expected<void, Problem> lex_escape(std::string& out);
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool starts_with(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void skip_space();

  std::string_view text_;
  Mode mode_;
  size_t at_ = 0;
  size_t tag_ = 0;          // where the open tag begins
  bool trim_next_ = false;  // the tag before ended in -}} or -%}
  std::string brackets_;    // the closing ones that are still due
};

}  // namespace tutti::expr
