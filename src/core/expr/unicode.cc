// SPDX-License-Identifier: Apache-2.0
#include "core/expr/unicode.h"

#include <algorithm>
#include <span>

namespace tutti::expr {
namespace {

struct Range {
  char32_t first, last;
};
struct CaseRun {
  char32_t first, last;
  char32_t step;
  int32_t delta;
};
struct CaseSpecial {
  char32_t point;
  char32_t to[3];  // zero: nothing more
};

#include "core/expr/unicode_tables.inc"

bool contains(std::span<const Range> ranges, char32_t c) {
  auto at = std::ranges::upper_bound(ranges, c, {}, &Range::first);
  return at != ranges.begin() && c <= std::prev(at)->last;
}

char32_t mapped(std::span<const CaseRun> runs, char32_t c) {
  auto at = std::ranges::upper_bound(runs, c, {}, &CaseRun::first);
  if (at != runs.begin()) {
    --at;
    if (c <= at->last && (c - at->first) % at->step == 0) {
      return static_cast<char32_t>(static_cast<int32_t>(c) + at->delta);
    }
  }
  return c;
}

void append_mapped(std::u32string& out, std::span<const CaseRun> runs,
                   std::span<const CaseSpecial> special, char32_t c) {
  auto at = std::ranges::lower_bound(special, c, {}, &CaseSpecial::point);
  if (at == special.end() || at->point != c) {
    out += mapped(runs, c);
    return;
  }
  for (char32_t to : at->to) {
    if (to != 0) {
      out += to;
    }
  }
}

constexpr char32_t capital_sigma = 0x3A3;
constexpr char32_t final_sigma = 0x3C2;
constexpr char32_t small_sigma = 0x3C3;

char32_t lower_sigma(std::u32string_view text, size_t at) {
  size_t before = at;
  while (before > 0 && contains(ignorable_ranges, text[before - 1])) {
    --before;
  }
  if (before == 0 || !contains(cased_ranges, text[before - 1])) {
    return small_sigma;
  }
  size_t after = at + 1;
  while (after < text.size() && contains(ignorable_ranges, text[after])) {
    ++after;
  }
  return after < text.size() && contains(cased_ranges, text[after]) ? small_sigma : final_sigma;
}

void append_lower(std::u32string& out, std::u32string_view text, size_t at) {
  const char32_t c = text[at];
  if (c < 0x80) {
    out += c >= 'A' && c <= 'Z' ? c + 32 : c;
  } else if (c == capital_sigma) {
    out += lower_sigma(text, at);
  } else {
    append_mapped(out, to_lower, to_lower_special, c);
  }
}

}  // namespace

char32_t next_point(std::string_view text, size_t& at) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) {
    ++at;
    return first;
  }
  const int length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  char32_t point = length == 0 ? 0 : first & (0x7F >> length);
  for (int i = 1; i < length; ++i) {
    if (at + static_cast<size_t>(i) >= text.size() ||
        (byte(at + static_cast<size_t>(i)) & 0xC0) != 0x80) {
      ++at;
      return 0xFFFD;
    }
    point = point << 6 | (byte(at + static_cast<size_t>(i)) & 0x3F);
  }
  if (length == 0 || point < smallest[length] || point > 0x10FFFF ||
      (point >= 0xD800 && point <= 0xDFFF)) {
    ++at;
    return 0xFFFD;
  }
  at += static_cast<size_t>(length);
  return point;
}

void append_point(std::string& out, char32_t point) {
  const auto tail = [point](int shift) {
    return static_cast<char>(0x80 | ((point >> shift) & 0x3F));
  };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += {static_cast<char>(0xC0 | point >> 6), tail(0)};
  } else if (point < 0x10000) {
    out += {static_cast<char>(0xE0 | point >> 12), tail(6), tail(0)};
  } else {
    out += {static_cast<char>(0xF0 | point >> 18), tail(12), tail(6), tail(0)};
  }
}

std::u32string points_of(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    out += next_point(text, at);
  }
  return out;
}

std::string text_of_points(std::u32string_view points) {
  std::string out;
  out.reserve(points.size());
  for (char32_t point : points) {
    append_point(out, point);
  }
  return out;
}

size_t point_count(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) {
    next_point(text, at);
  }
  return count;
}

bool is_word(char32_t c) { return contains(word_ranges, c); }
bool is_alpha(char32_t c) { return contains(alpha_ranges, c); }
bool is_space(char32_t c) { return contains(space_ranges, c); }
bool is_printable(char32_t c) { return contains(printable_ranges, c); }
bool is_upper(char32_t c) { return contains(upper_ranges, c); }
bool is_lower(char32_t c) { return contains(lower_ranges, c); }
bool is_title(char32_t c) { return contains(title_ranges, c); }

int decimal_value(char32_t c) {
  auto at = std::ranges::upper_bound(decimal_ranges, c, {}, &Range::first);
  // Each range is the zero of a row of ten digits; rows may follow each other as one range.
  for (const Range& zero : std::span(std::begin(decimal_ranges), at)) {
    if (c >= zero.first && c < zero.first + 10) {
      return static_cast<int>(c - zero.first);
    }
  }
  return -1;
}

std::u32string upper(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (char32_t c : text) {
    if (c < 0x80) {
      out += c >= 'a' && c <= 'z' ? c - 32 : c;
    } else {
      append_mapped(out, to_upper, to_upper_special, c);
    }
  }
  return out;
}

std::u32string lower(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    append_lower(out, text, at);
  }
  return out;
}

std::u32string capitalize(std::u32string_view text) {
  std::u32string out;
  if (!text.empty()) {
    append_mapped(out, to_title, to_title_special, text[0]);
  }
  for (size_t at = 1; at < text.size(); ++at) {
    append_lower(out, text, at);
  }
  return out;
}

std::string_view trim_left(std::string_view text) {
  size_t start = 0;
  for (size_t at = 0; at < text.size() && is_space(next_point(text, at));) {
    start = at;
  }
  return text.substr(start);
}

std::string_view trim_right(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;
    while (start > 0 && end - start < 4 &&
           (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) {
      --start;
    }
    size_t at = start;
    if (!is_space(next_point(text, at)) || at != end) {
      break;
    }
    end = start;
  }
  return text.substr(0, end);
}

}  // namespace tutti::expr
