// SPDX-License-Identifier: Apache-2.0
#include "core/expr/lexer.h"

#include <array>

#include <fmt/format.h>

#include "core/expr/ast.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int digit_of(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  const char small = static_cast<char>(c | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : 99;
}

std::unexpected<Problem> wrong(size_t offset, std::string what, std::string remedy = {}) {
  return std::unexpected(Problem{offset, std::move(what), std::move(remedy)});
}

// \r\n and \r become \n, as Jinja2 does before it reads anything.
std::string with_newlines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      out += '\n';
    }
  }
  return out;
}

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case Tok::text:
      return "text";
    case Tok::output_begin:
      return "{{";
    case Tok::output_end:
      return "}}";
    case Tok::block_begin:
      return "{%";
    case Tok::block_end:
      return "%}";
    case Tok::string:
      return "a string";
    case Tok::end:
      return "the end";
    default:
      return fmt::format("'{}'", token.text);
  }
}

std::expected<Token, Problem> Lexer::next() {
  return mode_ == Mode::text ? lex_text() : lex_inside();
}

void Lexer::skip_space() {
  while (at_ < text_.size()) {
    size_t after = at_;
    if (!is_space(next_point(text_, after))) {
      return;
    }
    at_ = after;
  }
}

// Text up to the next tag that yields a token; comments and raw blocks are folded into it.
Lexer::Lexed Lexer::lex_text() {
  Token out{.kind = Tok::text, .offset = at_, .text = {}};
  while (true) {
    if (trim_next_) {
      skip_space();
      trim_next_ = false;
    }
    size_t tag = text_.find('{', at_);
    while (tag != std::string_view::npos &&
           (tag + 1 == text_.size() || !std::string_view("{%#").contains(text_[tag + 1]))) {
      tag = text_.find('{', tag + 1);
    }
    std::string_view piece = text_.substr(at_, tag == std::string_view::npos ? tag : tag - at_);
    if (tag == std::string_view::npos) {
      out.text += with_newlines(piece);
      at_ = text_.size();
      out.kind = out.text.empty() ? Tok::end : Tok::text;
      return out;
    }
    const bool trim = tag + 2 < text_.size() && text_[tag + 2] == '-';
    out.text += with_newlines(trim ? trim_right(piece) : piece);
    at_ = tag;
    auto done = lex_tag(tag, out);
    if (!done) {
      return std::unexpected(done.error());
    }
    if (*done) {
      return out;
    }
  }
}

// True when `out` is complete: the text before a {{ or {%, or that tag itself when there is none.
std::expected<bool, Problem> Lexer::lex_tag(size_t tag, Token& out) {
  const char kind = text_[tag + 1];
  if (kind == '#') {
    auto skipped = skip_comment(tag);
    return skipped ? std::expected<bool, Problem>(false) : std::unexpected(skipped.error());
  }
  if (kind == '%') {
    auto raw = skip_raw(tag, out);
    if (!raw || *raw) {
      return raw ? std::expected<bool, Problem>(false) : raw;
    }
  }
  if (!out.text.empty()) {
    // The tag is lexed again by the next call; its `-` has trimmed this text already, and there is
    // none left to trim.
    return true;
  }
  const bool sign = tag + 2 < text_.size() && (text_[tag + 2] == '-' || text_[tag + 2] == '+');
  out = {.kind = kind == '{' ? Tok::output_begin : Tok::block_begin, .offset = tag, .text = {}};
  mode_ = kind == '{' ? Mode::output : Mode::block;
  tag_ = tag;
  at_ = tag + (sign ? 3 : 2);
  return true;
}

std::expected<void, Problem> Lexer::skip_comment(size_t tag) {
  const size_t end = text_.find("#}", tag + 2);
  if (end == std::string_view::npos) {
    return wrong(tag, "a comment is opened and never closed", "end it with #}");
  }
  trim_next_ = end > tag + 2 && text_[end - 1] == '-';
  at_ = end + 2;
  return {};
}

// {% raw %} ... {% endraw %}: its content is appended to `out`. False when the tag is another one.
std::expected<bool, Problem> Lexer::skip_raw(size_t tag, Token& out) {
  const auto after_word = [this](size_t from, std::string_view word) {
    at_ = from;
    skip_space();
    const bool found = starts_with(word);
    at_ += found ? word.size() : 0;
    skip_space();
    return found;
  };
  const auto closes = [this](bool plus) {
    trim_next_ = starts_with("-%}");
    const bool signed_end = trim_next_ || (plus && starts_with("+%}"));
    const bool closed = signed_end || starts_with("%}");
    at_ += closed ? (signed_end ? 3 : 2) : 0;
    return closed;
  };
  const auto skip_sign = [this](size_t from) {
    return from + (from < text_.size() && (text_[from] == '-' || text_[from] == '+') ? 1 : 0);
  };
  if (!after_word(skip_sign(tag + 2), "raw") || !closes(false)) {
    at_ = tag;
    trim_next_ = false;
    return false;
  }
  if (trim_next_) {
    skip_space();
  }
  const size_t start = at_;
  for (size_t end = text_.find("{%", start); end != std::string_view::npos;
       end = text_.find("{%", end + 2)) {
    if (after_word(skip_sign(end + 2), "endraw") && closes(true)) {
      std::string_view inner = text_.substr(start, end - start);
      out.text += with_newlines(text_[end + 2] == '-' ? trim_right(inner) : inner);
      return true;
    }
  }
  return wrong(tag, "{% raw %} is opened and never closed", "end it with {% endraw %}");
}

Lexer::Lexed Lexer::lex_inside() {
  skip_space();
  Token token;
  if (at_ >= text_.size()) {
    if (mode_ != Mode::expression) {
      const bool output = mode_ == Mode::output;
      return wrong(tag_, fmt::format("{} is opened and never closed", output ? "{{" : "{%"),
                   fmt::format("end it with {}", output ? "}}" : "%}"));
    }
    token.offset = text_.size();
    return token;
  }
  if (lex_end(token)) {
    return token;
  }
  const char c = peek();
  if (is_digit(c)) {
    return lex_number();
  }
  if (c == '\'' || c == '"') {
    return lex_string();
  }
  size_t after = at_;
  return is_word(next_point(text_, after)) ? lex_name() : lex_operator();
}

// }} and %} end a tag only where no bracket is open, so that {{ {'a': {}}}} works.
bool Lexer::lex_end(Token& out) {
  if (!brackets_.empty() || mode_ == Mode::expression) {
    return false;
  }
  const std::string_view end = mode_ == Mode::output ? "}}" : "%}";
  const bool trims = peek() == '-';
  const bool sign = trims || (mode_ == Mode::block && peek() == '+');
  if (!text_.substr(at_ + (sign ? 1 : 0)).starts_with(end)) {
    return false;
  }
  out = {
      .kind = mode_ == Mode::output ? Tok::output_end : Tok::block_end, .offset = at_, .text = {}};
  at_ += end.size() + (sign ? 1 : 0);
  trim_next_ = trims;
  mode_ = Mode::text;
  return true;
}

Lexer::Lexed Lexer::lex_number() {
  Token token{.kind = Tok::integer, .offset = at_, .text = {}};
  const auto digits = [this, &token](int base) {
    while (digit_of(peek()) < base || (peek() == '_' && digit_of(peek(1)) < base)) {
      if (peek() != '_') {
        token.text += peek();
      }
      ++at_;
    }
  };
  const char letter = static_cast<char>(peek(1) | 0x20);
  const int base = peek() != '0'   ? 10
                   : letter == 'x' ? 16
                   : letter == 'o' ? 8
                   : letter == 'b' ? 2
                                   : 10;
  if (base != 10 && (digit_of(peek(2)) < base || (peek(2) == '_' && digit_of(peek(3)) < base))) {
    token.text = fmt::format("0{}", letter);
    at_ += 2;
    digits(base);
    return token;
  }
  digits(10);
  // As in Jinja2, a number right behind a dot (x.1.2) has no fraction.
  const bool after_dot = token.offset > 0 && text_[token.offset - 1] == '.';
  if (!after_dot && peek() == '.' && is_digit(peek(1))) {
    token.kind = Tok::real;
    token.text += '.';
    ++at_;
    digits(10);
  }
  const size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
  if (!after_dot && (peek() | 0x20) == 'e' && is_digit(peek(1 + sign))) {
    token.kind = Tok::real;
    token.text += text_.substr(at_, 1 + sign);
    at_ += 1 + sign;
    digits(10);
  }
  if (token.kind == Tok::integer && token.text.size() > 1 && token.text.front() == '0' &&
      token.text.find_first_not_of('0') != std::string::npos) {
    return wrong(token.offset, "a whole number does not start with 0", "leave the zero out");
  }
  return token;
}

Lexer::Lexed Lexer::lex_name() {
  Token token{.kind = Tok::name, .offset = at_, .text = {}};
  size_t after = at_;
  while (after < text_.size() && is_word(next_point(text_, after))) {
    at_ = after;
  }
  token.text = text_.substr(token.offset, at_ - token.offset);
  return token;
}

Lexer::Lexed Lexer::lex_string() {
  Token token{.kind = Tok::string, .offset = at_, .text = {}};
  const char quote = peek();
  for (++at_; at_ < text_.size();) {
    const char c = peek();
    if (c == quote) {
      ++at_;
      return token;
    }
    if (c == '\\') {
      if (auto escape = lex_escape(token.text); !escape) {
        return std::unexpected(escape.error());
      }
      continue;
    }
    if (c == '\r') {
      token.text += '\n';
      at_ += peek(1) == '\n' ? 2 : 1;
      continue;
    }
    token.text += c;
    ++at_;
  }
  return wrong(token.offset, "a string is opened and never closed",
               fmt::format("end it with {}", quote));
}

std::expected<void, Problem> Lexer::lex_escape(std::string& out) {
  constexpr std::string_view from = "\\'\"abfnrtv\n";
  constexpr std::string_view to = "\\'\"\a\b\f\n\r\t\v";
  const size_t start = at_;
  const char c = peek(1);
  at_ += 2;
  if (const size_t simple = from.find(c); simple != std::string_view::npos && c != '\0') {
    if (c != '\n') {
      out += to[simple];
    }
    return {};
  }
  if (c == '\r') {
    at_ += peek() == '\n' ? 1 : 0;
    return {};
  }
  const bool octal = c >= '0' && c <= '7';
  const size_t width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 0;
  if (c == 'N') {
    return wrong(start, "\\N{...} is not supported", "write the character itself or \\uXXXX");
  }
  if (width == 0) {
    out += '\\';
    at_ = start + 1;
    return {};
  }
  at_ = octal ? start + 1 : at_;
  char32_t point = 0;
  size_t read = 0;
  for (; read < width && digit_of(peek()) < (octal ? 8 : 16); ++read, ++at_) {
    point = point * (octal ? 8 : 16) + static_cast<char32_t>(digit_of(peek()));
  }
  if ((!octal && read < width) || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
    return wrong(start, fmt::format("\\{} does not name a character", c),
                 "\\x takes 2 hexadecimal digits, \\u 4 and \\U 8");
  }
  append_point(out, point);
  return {};
}

Lexer::Lexed Lexer::lex_operator() {
  constexpr std::array<std::string_view, 26> operators{
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  for (std::string_view op : operators) {
    if (!starts_with(op)) {
      continue;
    }
    const std::string_view opening = "([{";
    const std::string_view closing = ")]}";
    if (const size_t open = opening.find(op[0]); open != std::string_view::npos) {
      brackets_ += closing[open];
    } else if (closing.contains(op[0])) {
      if (brackets_.empty() || brackets_.back() != op[0]) {
        return wrong(at_, fmt::format("unexpected '{}'", op),
                     brackets_.empty() ? "nothing is open here"
                                       : fmt::format("'{}' is due first", brackets_.back()));
      }
      brackets_.pop_back();
    }
    Token token{.kind = Tok::op, .offset = at_, .text = std::string(op)};
    at_ += op.size();
    return token;
  }
  size_t after = at_;
  next_point(text_, after);
  const bool shell = peek() == '&' || peek() == '!';
  return wrong(at_, fmt::format("unexpected character '{}'", text_.substr(at_, after - at_)),
               shell ? "the words are `and`, `or`, `not`" : "");
}

}  // namespace tutti::expr
