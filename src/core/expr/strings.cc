// SPDX-License-Identifier: Apache-2.0
#include "core/expr/strings.h"

#include <algorithm>

#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

// The start of the code point that ends right before `end`.
size_t point_before(std::string_view text, size_t end) {
  size_t start = end - 1;
  while (start > 0 && end - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) {
    --start;
  }
  return start;
}

bool ends_before(std::string_view text, size_t end, bool (*wanted)(char32_t)) {
  size_t at = point_before(text, end);
  return wanted(next_point(text, at));
}

}  // namespace

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const char32_t c = next_point(text, at);
    if (!is_line_end(c)) {
      continue;
    }
    if (c == '\r' && at < text.size() && text[at] == '\n') {
      ++at;
    }
    out.emplace_back(text.substr(start, end - start));
    start = at;
  }
  if (start < text.size()) {
    out.emplace_back(text.substr(start));
  }
  return out;
}

std::vector<std::string> split_space(std::string_view text, int64_t max) {
  std::vector<std::string> out;
  text = trim_left(text);
  while (!text.empty()) {
    if (max >= 0 && static_cast<int64_t>(out.size()) == max) {
      out.emplace_back(trim_right(text));
      break;
    }
    size_t end = 0;
    for (size_t at = 0; at < text.size() && !is_space(next_point(text, at));) {
      end = at;
    }
    out.emplace_back(text.substr(0, end));
    text = trim_left(text.substr(end));
  }
  return out;
}

std::vector<std::string> split_space_right(std::string_view text, int64_t max) {
  std::vector<std::string> out;
  text = trim_right(text);
  while (!text.empty()) {
    if (max >= 0 && static_cast<int64_t>(out.size()) == max) {
      out.emplace_back(trim_left(text));
      break;
    }
    size_t start = text.size();
    while (start > 0 && !ends_before(text, start, is_space)) {
      start = point_before(text, start);
    }
    out.emplace_back(text.substr(start));
    text = trim_right(text.substr(0, start));
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<std::string> split_at(std::string_view text, std::string_view separator, int64_t max) {
  std::vector<std::string> out;
  for (size_t found = text.find(separator);
       found != std::string_view::npos && (max < 0 || static_cast<int64_t>(out.size()) < max);
       found = text.find(separator)) {
    out.emplace_back(text.substr(0, found));
    text.remove_prefix(found + separator.size());
  }
  out.emplace_back(text);
  return out;
}

std::vector<std::string> split_at_right(std::string_view text, std::string_view separator,
                                        int64_t max) {
  std::vector<std::string> out;
  for (size_t found = text.rfind(separator);
       found != std::string_view::npos && (max < 0 || static_cast<int64_t>(out.size()) < max);
       found = text.rfind(separator)) {
    out.emplace_back(text.substr(found + separator.size()));
    text = text.substr(0, found);
  }
  out.emplace_back(text);
  std::ranges::reverse(out);
  return out;
}

std::string strip(std::string_view text, const std::optional<std::string>& chars, Side side) {
  const std::u32string set = points_of(chars.value_or(""));
  const auto goes = [&](char32_t c) { return chars ? set.contains(c) : is_space(c); };
  if (side != Side::right) {
    size_t start = 0;
    for (size_t at = 0; at < text.size() && goes(next_point(text, at));) {
      start = at;
    }
    text.remove_prefix(start);
  }
  while (side != Side::left && !text.empty()) {
    const size_t start = point_before(text, text.size());
    size_t at = start;
    if (!goes(next_point(text, at))) {
      break;
    }
    text = text.substr(0, start);
  }
  return std::string(text);
}

namespace {

// Calls `piece` for each part between two matches, `match` for each match.
template <class Piece, class Match>
void each_match(std::string_view text, std::string_view from, int64_t count, Piece piece,
                Match match) {
  int64_t done = 0;
  const auto more = [&] { return count < 0 || done < count; };
  if (from.empty()) {  // before each code point, and at the end
    size_t at = 0;
    while (more()) {
      match();
      ++done;
      if (at >= text.size()) {
        return;
      }
      const size_t start = at;
      next_point(text, at);
      piece(text.substr(start, at - start));
    }
    piece(text.substr(at));
    return;
  }
  size_t at = 0;
  for (size_t found = text.find(from); found != std::string_view::npos && more();
       found = text.find(from, at)) {
    piece(text.substr(at, found - at));
    match();
    ++done;
    at = found + from.size();
  }
  piece(text.substr(at));
}

}  // namespace

size_t replaced_bytes(std::string_view text, std::string_view from, std::string_view to,
                      int64_t count) {
  size_t bytes = 0;
  each_match(
      text, from, count, [&](std::string_view piece) { bytes += piece.size(); },
      [&] { bytes += to.size(); });
  return bytes;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     int64_t count) {
  std::string out;
  each_match(text, from, count, [&](std::string_view piece) { out += piece; }, [&] { out += to; });
  return out;
}

// ---- textwrap

namespace {

using Points = std::u32string_view;

bool is_wrap_space(char32_t c) { return c == ' ' || (c >= 0x09 && c <= 0x0D); }
bool is_letter(char32_t c) { return is_word(c) && decimal_value(c) < 0; }  // [^\d\W]
bool is_word_or_punct(char32_t c) { return is_word(c) || Points(U"!\"'&.,?").contains(c); }

// A dash of two or more before a word character, and behind a word or its punctuation: its length.
size_t em_dash(Points text, size_t at) {
  size_t end = at;
  while (end < text.size() && text[end] == '-') {
    ++end;
  }
  const bool behind = at > 0 && is_word_or_punct(text[at - 1]);
  return behind && end - at >= 2 && end < text.size() && is_word(text[end]) ? end - at : 0;
}

// True where a hyphenated word may be broken behind the hyphen at `at`.
bool breaks_behind(Points text, size_t at) {
  if (text[at] != '-') {
    return false;
  }
  const bool two_letters = at >= 2 && is_letter(text[at - 1]) && is_letter(text[at - 2]);
  const bool letter_dash =
      at >= 3 && is_word_or_punct(text[at - 1]) && text[at - 2] == '-' && is_letter(text[at - 3]);
  if (!two_letters && !letter_dash) {
    return false;
  }
  size_t next = at + 1;
  if (next >= text.size() || !is_letter(text[next])) {
    return false;
  }
  ++next;
  next += next < text.size() && text[next] == '-' ? 1 : 0;
  return next < text.size() && is_letter(text[next]);
}

size_t chunk_end(Points text, size_t at, bool on_hyphens) {
  size_t end = at;
  if (is_wrap_space(text[at])) {
    while (end < text.size() && is_wrap_space(text[end])) {
      ++end;
    }
    return end;
  }
  if (const size_t dash = on_hyphens ? em_dash(text, at) : 0; dash != 0) {
    return at + dash;
  }
  for (end = at + 1; end < text.size() && !is_wrap_space(text[end]); ++end) {
    if (on_hyphens &&
        ((end >= at + 2 && breaks_behind(text, end - 1)) || em_dash(text, end) != 0)) {
      return end;
    }
  }
  return end;
}

std::vector<Points> chunks_of(Points text, bool on_hyphens) {
  std::vector<Points> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = chunk_end(text, at, on_hyphens);
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

bool blank(Points chunk) { return std::ranges::all_of(chunk, is_space); }

// Where a chunk longer than a line is cut.
size_t long_cut(Points chunk, size_t room, const Wrap& wrap) {
  if (wrap.break_on_hyphens && chunk.size() > room) {
    const size_t hyphen = room == 0 ? Points::npos : chunk.substr(0, room).rfind(U'-');
    if (hyphen != Points::npos && hyphen > 0 &&
        std::ranges::any_of(chunk.substr(0, hyphen), [](char32_t c) { return c != '-'; })) {
      return hyphen + 1;
    }
  }
  return room;
}

}  // namespace

std::vector<std::u32string> wrap_line(std::u32string_view text, const Wrap& wrap) {
  const size_t width = static_cast<size_t>(wrap.width);
  std::vector<Points> chunks = chunks_of(text, wrap.break_on_hyphens);
  std::ranges::reverse(chunks);
  std::vector<std::u32string> lines;
  while (!chunks.empty()) {
    std::vector<Points> line;
    size_t length = 0;
    if (!lines.empty() && blank(chunks.back())) {
      chunks.pop_back();
    }
    while (!chunks.empty() && length + chunks.back().size() <= width) {
      length += chunks.back().size();
      line.push_back(chunks.back());
      chunks.pop_back();
    }
    if (!chunks.empty() && chunks.back().size() > width) {
      const size_t room = width < 1 ? 1 : width - length;
      if (wrap.break_long_words) {
        const size_t cut = long_cut(chunks.back(), room, wrap);
        line.push_back(chunks.back().substr(0, cut));
        chunks.back().remove_prefix(cut);
      } else if (line.empty()) {
        line.push_back(chunks.back());
        chunks.pop_back();
      }
    }
    if (!line.empty() && blank(line.back())) {
      line.pop_back();
    }
    if (!line.empty()) {
      std::u32string joined;
      std::ranges::for_each(line, [&joined](Points chunk) { joined += chunk; });
      lines.push_back(std::move(joined));
    }
  }
  return lines;
}

}  // namespace tutti::expr
