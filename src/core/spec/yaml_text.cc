// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/spec/yaml.h"

namespace tutti::spec {

namespace {

constexpr size_t block_bytes = 1024;

bool begins_point(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// How many bytes of source and of decoded text one element of a quoted scalar takes.
struct Step {
  size_t source;
  size_t decoded;
};

size_t utf8_size(uint32_t point) {
  if (point < 0x80) {
    return 1;
  }
  if (point < 0x800) {
    return 2;
  }
  return point < 0x10000 ? 3 : 4;
}

Step escape_step(std::string_view source) {
  const char kind = source.size() > 1 ? source[1] : '\0';
  const size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  uint32_t point = 0;
  for (size_t i = 0; i < digits && 2 + i < source.size(); ++i) {
    const char c = source[2 + i];
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    point = point << 4U | static_cast<uint32_t>(digit & 15);
  }
  if (digits > 0) {
    return {2 + digits, utf8_size(point)};
  }
  switch (kind) {
    case 'N':
    case '_':
      return {2, 2};  // U+0085, U+00A0
    case 'L':
    case 'P':
      return {2, 3};  // U+2028, U+2029
    default:
      return {2, 1};
  }
}

// Scalars on one line: the source byte that gave byte `offset` of the decoded text.
size_t offset_on_line(std::string_view source, YamlStyle style, size_t offset) {
  if (style == YamlStyle::plain) {
    return offset;
  }
  size_t at = 1;  // behind the quote
  for (size_t decoded = 0; decoded < offset && at < source.size();) {
    Step step{1, 1};
    if (style == YamlStyle::double_quoted && source[at] == '\\') {
      step = escape_step(source.substr(at));
    } else if (style == YamlStyle::single_quoted && source[at] == '\'') {
      step = {2, 1};
    }
    if (decoded + step.decoded > offset) {
      break;
    }
    at += step.source;
    decoded += step.decoded;
  }
  return std::min(at, source.size());
}

// Scalars over several lines: walk both texts, letting white space differ in amount.
size_t offset_in_lines(std::string_view source, std::string_view decoded, YamlStyle style,
                       size_t offset) {
  size_t at = 0;
  if (style == YamlStyle::literal || style == YamlStyle::folded) {
    at = std::min(source.find('\n'), source.size());  // the header: |, >-, |2 # comment
  } else if (style != YamlStyle::plain) {
    at = 1;
  }
  for (size_t i = 0; i < offset && i < decoded.size() && at < source.size(); ++i) {
    if (is_space(decoded[i])) {
      continue;
    }
    while (at < source.size() && source[at] != decoded[i]) {
      ++at;
    }
    ++at;
  }
  if (offset < decoded.size() && !is_space(decoded[offset])) {
    while (at < source.size() && source[at] != decoded[offset]) {
      ++at;
    }
  }
  return std::min(at, source.size());
}

}  // namespace

YamlText::YamlText(std::string text) : text_(std::move(text)) {
  line_starts_.push_back(0);
  for (size_t i = 0; i < text_.size(); ++i) {
    const bool crlf = text_[i] == '\r' && i + 1 < text_.size() && text_[i + 1] == '\n';
    if (text_[i] == '\n' || (text_[i] == '\r' && !crlf)) {
      line_starts_.push_back(static_cast<uint32_t>(i + 1));
    }
    ascii_ = ascii_ && static_cast<unsigned char>(text_[i]) < 0x80;
  }
  if (ascii_) {
    return;
  }
  uint32_t points = 0;
  for (size_t i = 0; i < text_.size(); ++i) {
    if (i % block_bytes == 0) {
      block_points_.push_back(points);
    }
    points += begins_point(text_[i]) ? 1 : 0;
  }
  block_points_.push_back(points);
}

size_t YamlText::points_before(size_t offset) const {
  if (ascii_) {
    return offset;
  }
  const size_t block = offset / block_bytes;
  size_t points = block_points_[block];
  for (size_t i = block * block_bytes; i < offset; ++i) {
    points += begins_point(text_[i]) ? 1 : 0;
  }
  return points;
}

Mark YamlText::mark_at(size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto after = std::ranges::upper_bound(line_starts_, offset);
  const size_t line = static_cast<size_t>(after - line_starts_.begin());
  const size_t start = line_starts_[line - 1];
  return {.line = static_cast<uint32_t>(line),
          .column = static_cast<uint32_t>(points_before(offset) - points_before(start) + 1)};
}

Mark YamlText::mark_in(const YamlNode& node, size_t offset) const {
  const std::string_view source = std::string_view(text_).substr(node.begin, node.end - node.begin);
  const bool one_line = source.find_first_of("\r\n") == std::string_view::npos;
  const size_t at = one_line ? offset_on_line(source, node.style, offset)
                             : offset_in_lines(source, node.text, node.style, offset);
  return mark_at(node.begin + at);
}

size_t YamlText::byte_of(size_t index, Cursor& from) const {
  if (ascii_) {
    return std::min(index, text_.size());
  }
  if (index < from.point) {
    from = {};
  }
  while (from.point < index && from.byte < text_.size()) {
    ++from.byte;
    while (from.byte < text_.size() && !begins_point(text_[from.byte])) {
      ++from.byte;
    }
    ++from.point;
  }
  return from.byte;
}

}  // namespace tutti::spec
