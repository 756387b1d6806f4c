// SPDX-License-Identifier: Apache-2.0
// Filters that make text.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ascii.h"
#include "core/expr/registry.h"
#include "core/expr/strings.h"
#include "core/expr/unicode.h"

namespace tutti::expr {
namespace {

Result<std::string> need_string(const Args& a, std::string_view filter) {
  if (a.input.is(Type::undefined)) {
    return Machine::undefined(a.input);
  }
  if (!a.input.is_string()) {
    return wrong(fmt::format("'{}' takes a string, not {}", filter, a.input.type_name()),
                 "convert it with `string`");
  }
  return a.input.as_string();
}

Result<Val> upper_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  return m.text(text_of_points(upper(points_of(text))));
}

Result<Val> lower_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  return m.text(text_of_points(lower(points_of(text))));
}

Result<Val> capitalize_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  return m.text(text_of_points(capitalize(points_of(text))));
}

bool begins_word(char32_t c) { return is_space(c) || std::u32string_view(U"-({[<").contains(c); }

// Words begin behind runs of white space, -, (, {, [ and <.
Result<Val> title_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  const std::u32string points = points_of(text);
  std::u32string out;
  for (size_t at = 0; at < points.size();) {
    const bool between = begins_word(points[at]);
    size_t end = at;
    while (end < points.size() && begins_word(points[end]) == between) {
      ++end;
    }
    const std::u32string_view item = std::u32string_view(points).substr(at, end - at);
    out += upper(item.substr(0, 1));
    out += lower(item.substr(1));
    at = end;
  }
  return m.text(text_of_points(out));
}

Result<Val> trim_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  std::optional<std::string> chars;
  if (a.some(0)) {
    TRY(chars, a.text(0, ""));
  }
  return m.text(strip(text, chars, Side::both));
}

Result<Val> replace_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  TRY(const std::string from, m.str(a[0]));
  TRY(const std::string to, m.str(a[1]));
  int64_t count = -1;
  if (a.some(2)) {
    TRY(count, a.integer(2, -1));
  }
  TRY_OK(m.spend_text(text.size()));
  TRY_OK(m.spend_text(replaced_bytes(text, from, to, count)));
  return Val(replaced(text, from, to, count));
}

Result<Val> center_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  TRY(const int64_t asked, a.integer(0, 80));
  const int64_t width = std::clamp<int64_t>(asked, 0, INT64_MAX / 2);
  const int64_t pad = width - static_cast<int64_t>(point_count(text));
  if (pad <= 0) {
    return m.text(text);
  }
  TRY_OK(m.spend_text(text.size() + static_cast<size_t>(pad)));
  const int64_t left = pad / 2 + (pad & width & 1);
  return Val(std::string(static_cast<size_t>(left), ' ') + text +
             std::string(static_cast<size_t>(pad - left), ' '));
}

Result<Val> indent_filter(Machine& m, const Args& a) {
  TRY(const std::string text, need_string(a, "indent"));
  std::string indention;
  if (a.has(0) && a[0].is_string()) {
    indention = a[0].as_string();
  } else {
    TRY(const int64_t width, a.integer(0, 4));
    TRY_OK(m.spend_text(static_cast<size_t>(std::max<int64_t>(width, 0))));
    indention.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  TRY(const bool first, a.boolean(m, 1, false));
  TRY(const bool blank, a.boolean(m, 2, false));
  const std::vector<std::string> lines = split_lines(text + "\n");
  TRY_OK(m.spend_items(lines.size()));
  TRY_OK(m.spend_text(text.size() + lines.size() * indention.size()));
  std::string out = first ? indention : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    out += i == 0 ? "" : "\n";
    out += i > 0 && (blank || !lines[i].empty()) ? indention : "";
    out += lines[i];
  }
  return Val(std::move(out));
}

Result<Val> truncate_filter(Machine& m, const Args& a) {
  TRY(const std::string text, a.input.is_blank() ? m.str(a.input) : need_string(a, "truncate"));
  TRY(const int64_t length, a.integer(0, 255));
  TRY(const bool kill_words, a.boolean(m, 1, false));
  TRY(const std::string end, a.text(2, "..."));
  int64_t leeway = 5;
  if (a.some(3)) {
    TRY(leeway, a.integer(3, 5));
  }
  const int64_t end_size = static_cast<int64_t>(point_count(end));
  if (length < end_size || leeway < 0) {
    return wrong("'truncate' needs a length of at least that of its end, and no leeway below 0");
  }
  TRY_OK(m.spend_text(text.size()));
  const std::u32string points = points_of(text);
  if (static_cast<int64_t>(points.size()) - leeway <= length) {
    return a.input;
  }
  std::u32string kept = points.substr(0, static_cast<size_t>(length - end_size));
  if (const size_t space = kept.rfind(U' '); !kill_words && space != std::u32string::npos) {
    kept.resize(space);
  }
  return m.text(text_of_points(kept) + end);
}

Result<Val> wordwrap_filter(Machine& m, const Args& a) {
  TRY(const std::string text, need_string(a, "wordwrap"));
  Wrap wrap;
  TRY(wrap.width, a.integer(0, 79));
  TRY(wrap.break_long_words, a.boolean(m, 1, true));
  TRY(wrap.break_on_hyphens, a.boolean(m, 3, true));
  std::string between = "\n";
  if (a.some(2)) {
    TRY(between, a.text(2, "\n"));
  }
  const std::vector<std::string> paragraphs = split_lines(text);
  if (wrap.width <= 0 && !paragraphs.empty()) {
    return wrong("'wordwrap' needs a width of at least 1");
  }
  TRY_OK(m.spend(text.size() + 1));
  std::string out;
  for (size_t i = 0; i < paragraphs.size(); ++i) {
    out += i == 0 ? "" : between;
    const std::vector<std::u32string> lines = wrap_line(points_of(paragraphs[i]), wrap);
    for (size_t n = 0; n < lines.size(); ++n) {
      out += n == 0 ? "" : between;
      out += text_of_points(lines[n]);
    }
    TRY_OK(m.spend_text(out.size() / paragraphs.size()));
  }
  return m.text(std::move(out));
}

Result<Val> wordcount_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  TRY_OK(m.spend_text(text.size()));
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const bool word = is_word(next_point(text, at));
    words += word && !inside ? 1 : 0;
    inside = word;
  }
  return Val(words);
}

Result<Val> string_filter(Machine& m, const Args& a) {
  TRY(std::string text, m.str(a.input));
  return Val(std::move(text));
}

Result<Val> format_filter(Machine& m, const Args& a) {
  TRY(const std::string text, m.str(a.input));
  if (!a.rest.empty() && !a.named.empty()) {
    return wrong("'format' takes values in order or by name, not both");
  }
  if (a.named.empty()) {
    TRY(const Val values, m.tuple(a.rest));
    return format_text(m, text, values);
  }
  TRY(const Val values, m.map(a.named));
  return format_text(m, text, values);
}

// urllib.parse.quote: what is not a letter, digit, _.-~ or `also` becomes %XX.
std::string quote(std::string_view text, bool query) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        is_ascii_alnum(c) || std::string_view("_.-~").contains(c) || (!query && c == '/');
    if (plain) {
      out += c;
    } else if (query && c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Result<std::string> query_pair(Machine& m, const Val& key, const Val& value) {
  TRY(const std::string name, m.str(key));
  TRY(const std::string text, m.str(value));
  return quote(name, true) + "=" + quote(text, true);
}

Result<Val> urlencode_filter(Machine& m, const Args& a) {
  const bool pairs = a.input.is_listlike() || a.input.is(Type::map);
  if (!pairs) {
    TRY(const std::string text, m.str(a.input));
    return m.text(quote(text, false));
  }
  std::string out;
  for (size_t i = 0; i < a.input.size(); ++i) {
    out += i == 0 ? "" : "&";
    std::string pair;
    if (a.input.is(Type::map)) {
      TRY(pair, query_pair(m, Val(std::string(a.input.key(i))), a.input.member(i)));
    } else {
      TRY(const Vals two, m.items(a.input.item(i)));
      if (two.size() != 2) {
        return wrong("'urlencode' takes a string, a map or pairs");
      }
      TRY(pair, query_pair(m, two[0], two[1]));
    }
    out += pair;
    TRY_OK(m.spend_text(pair.size()));
  }
  return m.text(std::move(out));
}

constexpr std::array filters{
    Callable{"upper", "", upper_filter},
    Callable{"lower", "", lower_filter},
    Callable{"capitalize", "", capitalize_filter},
    Callable{"title", "", title_filter},
    Callable{"trim", "chars=none", trim_filter},
    Callable{"replace", "old new count=none", replace_filter},
    Callable{"center", "width=80", center_filter},
    Callable{"indent", "width=4 first=false blank=false", indent_filter},
    Callable{"truncate", "length=255 killwords=false end='...' leeway=5", truncate_filter},
    Callable{"wordwrap", "width=79 break_long_words=true wrapstring=none break_on_hyphens=true",
             wordwrap_filter},
    Callable{"wordcount", "", wordcount_filter},
    Callable{"string", "", string_filter},
    Callable{"format", "* **", format_filter},
    Callable{"urlencode", "", urlencode_filter},
    Callable{"regex_replace", "pattern replacement='' ignorecase=false count=0", regex_replace},
};

}  // namespace

std::span<const Callable> text_filters() { return filters; }

}  // namespace tutti::expr
