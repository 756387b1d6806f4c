// SPDX-License-Identifier: Apache-2.0
#include "action/check/formats.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/ascii.h"
#include "base/error.h"
#include "base/time.h"

namespace tutti::action {
namespace {

bool is_hex(char c) {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// RFC 3339: with T or space, seconds, and a zone.
bool is_date_time(std::string_view text) {
  if (text.size() < 20 || !parse_date(text.substr(0, 10)).has_value()) {
    return false;
  }
  const char last = text.back();
  const bool has_zone =
      last == 'Z' || last == 'z' ||
      (text.size() >= 25 && (text[text.size() - 6] == '+' || text[text.size() - 6] == '-'));
  std::string upper(text);
  if (upper[10] == 't') {
    upper[10] = 'T';
  }
  if (last == 'z') {
    upper.back() = 'Z';
  }
  return has_zone && text[13] == ':' && text[16] == ':' && parse_instant(upper).has_value();
}

bool is_time(std::string_view text) { return is_date_time("2000-01-01T" + std::string(text)); }

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 253) {
    return false;
  }
  size_t label = 0;
  for (size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    if (c == '.') {
      if (label == 0 || host[i - 1] == '-') {
        return false;
      }
      label = 0;
    } else if (is_ascii_alnum(c) || (c == '-' && label > 0)) {
      if (++label > 63) {
        return false;
      }
    } else {
      return false;
    }
  }
  return label > 0 && host.back() != '-';
}

bool is_email(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at > 64 || !is_host(text.substr(at + 1))) {
    return false;
  }
  const std::string_view local = text.substr(0, at);
  return local.front() != '.' && local.back() != '.' &&
         local.find("..") == std::string_view::npos && std::ranges::all_of(local, [](char c) {
           return is_ascii_alnum(c) ||
                  std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
         });
}

bool is_uri(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_ascii_letter(text.front()) ||
      !std::ranges::all_of(text.substr(0, colon), [](char c) {
        return is_ascii_alnum(c) || c == '+' || c == '-' || c == '.';
      })) {
    return false;
  }
  for (size_t i = colon + 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) {
        return false;
      }
    } else if (c <= ' ' || c > '~' ||
               std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos) {
      return false;
    }
  }
  return colon + 1 < text.size();
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) {
      return false;
    }
  }
  return true;
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  while (true) {
    const size_t end = std::min(text.find('.'), text.size());
    const std::string_view part = text.substr(0, end);
    if (part.empty() || part.size() > 3 || !std::ranges::all_of(part, is_ascii_digit) ||
        (part.size() > 1 && part.front() == '0') || std::stoi(std::string(part)) > 255) {
      return false;
    }
    ++parts;
    if (end == text.size()) {
      return parts == 4;
    }
    text.remove_prefix(end + 1);
  }
}

struct Format {
  std::string_view name;
  bool (*matches)(std::string_view);
};

bool is_date(std::string_view text) { return parse_date(text).has_value(); }

constexpr std::array<Format, 7> formats{{{"date", is_date},
                                         {"date-time", is_date_time},
                                         {"time", is_time},
                                         {"email", is_email},
                                         {"uri", is_uri},
                                         {"uuid", is_uuid},
                                         {"ipv4", is_ipv4}}};

}  // namespace

bool is_known_format(std::string_view format) {
  return std::ranges::find(formats, format, &Format::name) != formats.end();
}

bool has_format(std::string_view text, std::string_view format) {
  const auto found = std::ranges::find(formats, format, &Format::name);
  return found == formats.end() || found->matches(text);
}

}  // namespace tutti::action
