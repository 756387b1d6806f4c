// SPDX-License-Identifier: Apache-2.0
#include "sql/split.h"

#include <algorithm>
#include <cctype>

namespace tutti::sql {
namespace {

constexpr std::string_view space = " \t\r\n\f\v";

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Behind a closing `quote`; doubled ones belong to the text.
size_t skip_quoted(std::string_view sql, size_t at, char quote, bool backslashes) {
  for (size_t i = at + 1; i < sql.size(); ++i) {
    if (backslashes && sql[i] == '\\') {
      ++i;
    } else if (sql[i] == quote) {
      if (i + 1 < sql.size() && sql[i + 1] == quote) {
        ++i;
      } else {
        return i + 1;
      }
    }
  }
  return sql.size();
}

size_t skip_comment(std::string_view sql, size_t at) {
  int depth = 0;
  for (size_t i = at; i + 1 < sql.size(); ++i) {
    if (sql.substr(i, 2) == "/*") {
      ++depth;
      ++i;
    } else if (sql.substr(i, 2) == "*/") {
      ++i;
      if (--depth == 0) {
        return i + 1;
      }
    }
  }
  return sql.size();
}

// $$...$$ or $tag$...$tag$; `at` + 1 when it is none ($name, $1).
size_t skip_dollar(std::string_view sql, size_t at) {
  size_t end = at + 1;
  while (end < sql.size() && is_word(sql[end])) {
    ++end;
  }
  const bool starts_with_digit =
      at + 1 < sql.size() && std::isdigit(static_cast<unsigned char>(sql[at + 1])) != 0;
  if (end >= sql.size() || sql[end] != '$' || starts_with_digit) {
    return at + 1;
  }
  const std::string_view tag = sql.substr(at, end - at + 1);
  const size_t close = sql.find(tag, end + 1);
  return close == std::string_view::npos ? sql.size() : close + tag.size();
}

// Behind what begins at `at` and hides a semicolon; `at` when nothing does.
size_t skip_hidden(std::string_view sql, size_t at) {
  const char c = sql[at];
  const bool after_word = at > 0 && is_word(sql[at - 1]);
  if (c == '\'') {
    const bool escapes =
        at > 0 && (sql[at - 1] == 'e' || sql[at - 1] == 'E') && (at == 1 || !is_word(sql[at - 2]));
    return skip_quoted(sql, at, c, escapes);
  }
  if (c == '"') {
    return skip_quoted(sql, at, c, false);
  }
  if (c == '$' && !after_word) {
    return skip_dollar(sql, at);
  }
  return at;
}

struct Scan {
  size_t end;    // of the statement: its semicolon, or the end
  size_t begin;  // its first character that is neither space nor comment; end when there is none
};

Scan scan(std::string_view sql, size_t at) {
  Scan out{.end = sql.size(), .begin = std::string_view::npos};
  while (at < sql.size()) {
    if (sql.substr(at, 2) == "--") {
      at = std::min(sql.size(), sql.find('\n', at));
      continue;
    }
    if (sql.substr(at, 2) == "/*") {
      at = skip_comment(sql, at);
      continue;
    }
    if (sql[at] == ';') {
      out.end = at;
      break;
    }
    if (out.begin == std::string_view::npos && !space.contains(sql[at])) {
      out.begin = at;
    }
    at = std::max(at + 1, skip_hidden(sql, at));
  }
  out.begin = std::min(out.begin, out.end);
  return out;
}

}  // namespace

std::vector<Piece> split_statements(std::string_view sql) {
  std::vector<Piece> pieces;
  size_t at = 0;
  size_t counted = 0;
  size_t lines = 0;
  while (at < sql.size()) {
    const Scan found = scan(sql, at);
    if (found.begin < found.end) {
      lines +=
          static_cast<size_t>(std::count(sql.begin() + static_cast<ptrdiff_t>(counted),
                                         sql.begin() + static_cast<ptrdiff_t>(found.begin), '\n'));
      counted = found.begin;
      pieces.push_back({.text = std::string(sql.substr(found.begin, found.end - found.begin)),
                        .line_before = lines});
    }
    at = found.end + 1;
  }
  return pieces;
}

}  // namespace tutti::sql
