// SPDX-License-Identifier: Apache-2.0
// What the targets of the three clouds share: to read what goes over the wire the plain way, apart
// from the code that is under test.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/encode.h"
#include "base/time.h"
#include "base/trim.h"
#include "cloud/sign/request.h"

namespace tutti::fuzz {

// The parts of `text` that have `between` in them, as name and value without blanks around; each
// ends at `end`. A reply's headers, one a line: '\n', ':'. A query: '&', '='.
inline cloud::sign::Pairs pairs_in(std::string_view text, char end, char between) {
  cloud::sign::Pairs pairs;
  while (!text.empty()) {
    const std::string_view each = text.substr(0, text.find(end));
    text.remove_prefix(std::min(text.size(), each.size() + 1));
    if (const size_t at = each.find(between); at != std::string_view::npos) {
      pairs.emplace_back(trimmed(each.substr(0, at)), trimmed(each.substr(at + 1)));
    }
  }
  return pairs;
}

inline cloud::sign::Pairs headers_in(std::string_view text) { return pairs_in(text, '\n', ':'); }

// Tags as a request has them in a header: an encoded query.
inline std::map<std::string, std::string> tags_in(std::string_view header) {
  std::map<std::string, std::string> tags;
  for (const auto& [name, value] : pairs_in(header, '&', '=')) {
    const auto key = percent_decode(name);
    const auto text = percent_decode(value);
    CHECK(key.has_value() && text.has_value());
    CHECK(tags.emplace(*key, *text).second);
  }
  return tags;
}

// A date has four digits for its year. A leap second, or a time zone, at either end of time leads
// out of them.
inline bool has_date(Instant instant) { return is_valid(civil(date_of(instant))); }

// `again`: `instant`, written in whole seconds and read.
inline bool is_same_second(Instant instant, Instant again) {
  return again <= instant && instant - again < seconds(1);
}

}  // namespace tutti::fuzz
