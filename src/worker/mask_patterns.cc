// SPDX-License-Identifier: Apache-2.0
#include "worker/mask_patterns.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/value.h"

namespace tutti::worker {
namespace {

constexpr size_t pattern_bytes_min = 4;
constexpr size_t line_bytes_min = 8;  // of a secret of several lines: "}" is no secret

std::string unquoted(const std::string& json) { return json.substr(1, json.size() - 2); }

// JSON as programs write that escape everything beyond ASCII.
std::string ascii_json(std::string_view utf8, bool upper) {
  const std::string json = unquoted(to_json(Value(utf8)));
  std::string out;
  for (size_t i = 0; i < json.size();) {
    const auto lead = static_cast<uint8_t>(json[i]);
    if (lead < 0x80U) {
      out += json[i++];
      continue;
    }
    const size_t length = lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : 2;
    uint32_t code = lead & (0x7FU >> length);
    for (size_t k = 1; k < length && i + k < json.size(); ++k) {
      code = code << 6U | (static_cast<uint8_t>(json[i + k]) & 0x3FU);
    }
    i += length;
    const auto unit = [&](uint32_t value) {
      out += upper ? fmt::format("\\u{:04X}", value) : fmt::format("\\u{:04x}", value);
    };
    if (code >= 0x10000U) {
      unit(0xD800U + ((code - 0x10000U) >> 10U));
      unit(0xDC00U + ((code - 0x10000U) & 0x3FFU));
    } else {
      unit(code);
    }
  }
  return out;
}

struct UrlStyle {
  std::string_view kept;  // beside letters, digits and -_.
  bool upper;
  bool plus;  // for a space
};

std::string url_encode(std::string_view text, const UrlStyle& style) {
  std::string out;
  for (const char c : text) {
    if (is_ascii_alnum(c) || std::string_view("-_.").find(c) != std::string_view::npos ||
        style.kept.find(c) != std::string_view::npos) {
      out += c;
    } else if (c == ' ' && style.plus) {
      out += '+';
    } else {
      const auto byte = static_cast<uint8_t>(c);
      out += style.upper ? fmt::format("%{:02X}", byte) : fmt::format("%{:02x}", byte);
    }
  }
  return out;
}

void add_url(std::vector<std::string>& out, std::string_view secret) {
  for (const std::string_view kept : {"~", "~/", "", "/", "*", "~!*'()", "~!*'();/?:@&=+$,#"}) {
    for (const bool upper : {true, false}) {
      for (const bool plus : {true, false}) {
        out.push_back(url_encode(secret, {.kept = kept, .upper = upper, .plus = plus}));
      }
    }
  }
}

void add_hex(std::vector<std::string>& out, std::string_view secret) {
  std::string hex = hex_encode(secret);
  out.push_back(hex);
  std::ranges::transform(hex, hex.begin(), [](char c) {
    return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  out.push_back(std::move(hex));
}

// Base64 of a text that has the secret somewhere in it: the characters that only the secret
// decides, for each place it may have within a group of three bytes.
void add_base64(std::vector<std::string>& out, std::string_view secret) {
  std::vector<std::string> standard = {base64_encode(secret)};
  for (size_t before = 0; before < 3; ++before) {
    const std::string encoded = base64_encode(std::string(before, '\0') + std::string(secret));
    const size_t first = (8 * before + 5) / 6;
    const size_t last = 8 * (before + secret.size()) / 6;
    standard.push_back(encoded.substr(first, last - first));
  }
  for (std::string& text : standard) {
    out.push_back(text);
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    out.push_back(std::move(text));
  }
}

void add_lines(std::vector<std::string>& out, std::string_view secret) {
  while (true) {
    const size_t end = secret.find('\n');
    std::string_view line = secret.substr(0, end);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    // The frame of a PEM file is no secret.
    if (line.size() >= line_bytes_min && !line.starts_with("-----")) {
      out.emplace_back(line);
    }
    if (end == std::string_view::npos) {
      return;
    }
    secret.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::string> patterns_of(std::string_view secret) {
  std::vector<std::string> out = {std::string(secret), unquoted(to_json(Value(secret))),
                                  ascii_json(secret, true), ascii_json(secret, false)};
  add_url(out, secret);
  add_hex(out, secret);
  add_base64(out, secret);
  if (secret.find('\n') != std::string_view::npos) {
    add_lines(out, secret);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  std::erase_if(out, [](const std::string& each) { return each.size() < pattern_bytes_min; });
  return out;
}

}  // namespace tutti::worker
