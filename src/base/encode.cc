// SPDX-License-Identifier: Apache-2.0
#include "base/encode.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/digest.h"

namespace tutti {

std::string percent_encode(std::string_view text, std::string_view kept) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain =
        is_ascii_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~' || kept.contains(c);
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 0xFU];
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || parsed.ptr != digits.data() + 2) {
      return fail(Code::bad_input, fmt::format("'%{}' is no encoded byte", digits),
                  "write a percent sign as %25");
    }
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::string base64url_encode(std::string_view bytes) {
  std::string out = base64_encode(bytes);
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return out;
}

int base64url_digit(char c) {
  return c >= 'A' && c <= 'Z'   ? c - 'A'
         : c >= 'a' && c <= 'z' ? c - 'a' + 26
         : c >= '0' && c <= '9' ? c - '0' + 52
         : c == '-'             ? 62
         : c == '_'             ? 63
                                : -1;
}

Result<std::string> base64url_decode(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find_last_not_of('=') + 1);
  const size_t padding = text.size() - digits.size();
  if (padding > 2 || (padding > 0 && text.size() % 4 != 0) || digits.size() % 4 == 1) {
    return fail(Code::bad_input, "not base64: its length is not a multiple of 4");
  }
  std::string out;
  out.reserve(digits.size() / 4 * 3 + 3);  // what it decodes may be a key: no copies
  unsigned bits = 0;
  unsigned held = 0;
  for (const char c : digits) {
    const int value = c == '+' ? 62 : c == '/' ? 63 : base64url_digit(c);
    if (value < 0) {
      return fail(Code::bad_input, "not base64: it has a character outside A-Z a-z 0-9 + /");
    }
    bits = bits << 6U | static_cast<unsigned>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 0xFFU);
    }
  }
  return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(high << 4 | low);
  }
  return text.size() % 2 == 0 ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace tutti
