// SPDX-License-Identifier: Apache-2.0
// JSON text in and out of Value. Parsing is Boost.JSON's push parser, writing is ours (Python's
// floats).
#include <cmath>
#include <cstdlib>
#include <numeric>

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>

#include "base/value.h"

namespace tutti {
namespace {

namespace bj = boost::json;

// Builds a Value from the parser's events; the stack holds the open lists and maps.
struct Builder {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  struct Open {
    bool is_map = false;
    ValueList list = {};
    ValueMap map = {};
    std::string key = {};
  };
  std::vector<Open> stack;
  std::string text;  // string or number being gathered
  Value result;

  void add(Value value) {
    if (stack.empty()) {
      result = std::move(value);
    } else if (stack.back().is_map) {
      stack.back().map.set(std::move(stack.back().key), std::move(value));
    } else {
      stack.back().list.push_back(std::move(value));
    }
  }

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) {
    stack.push_back({.is_map = true});
    return true;
  }
  bool on_object_end(std::size_t, bj::error_code&) {
    Value value(std::move(stack.back().map));
    stack.pop_back();
    add(std::move(value));
    return true;
  }
  bool on_array_begin(bj::error_code&) {
    stack.emplace_back();
    return true;
  }
  bool on_array_end(std::size_t, bj::error_code&) {
    Value value(std::move(stack.back().list));
    stack.pop_back();
    add(std::move(value));
    return true;
  }
  bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_key(bj::string_view part, std::size_t, bj::error_code&) {
    text.append(part.data(), part.size());
    stack.back().key = std::exchange(text, {});
    return true;
  }
  bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_string(bj::string_view part, std::size_t, bj::error_code&) {
    text.append(part.data(), part.size());
    add(Value(std::exchange(text, {})));
    return true;
  }
  bool on_number_part(bj::string_view part, bj::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_int64(int64_t n, bj::string_view, bj::error_code&) {
    text.clear();
    add(Value(n));
    return true;
  }
  bool on_uint64(uint64_t n, bj::string_view, bj::error_code&) {
    text.clear();
    add(Value(static_cast<double>(n)));
    return true;
  }
  // The parser's own double may be off by one in the last place, so that a value would not survive
  // being written and read.
  bool on_double(double, bj::string_view part, bj::error_code&) {
    text.append(part.data(), part.size());
    add(Value(std::strtod(std::exchange(text, {}).c_str(), nullptr)));
    return true;
  }
  bool on_bool(bool b, bj::error_code&) {
    add(Value(b));
    return true;
  }
  bool on_null(bj::error_code&) {
    add(Value());
    return true;
  }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }
};

// Length of the UTF-8 sequence at the front of `s`, 0 when it is not valid (RFC 3629).
size_t utf8_length(std::string_view s) {
  const auto byte = [&s](size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto more = [&](size_t i) { return i < s.size() && (byte(i) & 0xC0U) == 0x80U; };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return more(1) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const bool ok = more(1) && more(2) && (first != 0xE0 || byte(1) >= 0xA0) &&
                    (first != 0xED || byte(1) <= 0x9F);
    return ok ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool ok = more(1) && more(2) && more(3) && (first != 0xF0 || byte(1) >= 0x90) &&
                    (first != 0xF4 || byte(1) <= 0x8F);
    return ok ? 4 : 0;
  }
  return 0;
}

class Writer {
 public:
  explicit Writer(JsonStyle style) : style_(style) {}

  void write(const Value& value) {
    switch (value.kind()) {
      case Kind::null:
        out += "null";
        break;
      case Kind::boolean:
        out += value.as_bool() ? "true" : "false";
        break;
      case Kind::integer:
        fmt::format_to(std::back_inserter(out), "{}", value.as_int());
        break;
      case Kind::real:
        out += std::isfinite(value.as_real()) ? float_text(value.as_real()) : "null";
        break;
      case Kind::string:
        write_string(value.as_string());
        break;
      case Kind::list:
        write_list(value.as_list());
        break;
      case Kind::map:
        write_map(value.as_map());
        break;
    }
  }

  std::string out;

 private:
  void write_string(std::string_view s) {
    out += '"';
    while (!s.empty()) {
      size_t n = plain_length(s);
      if (n > 0) {
        out.append(s.substr(0, n));
        s.remove_prefix(n);
        continue;
      }
      n = utf8_length(s);
      if (n == 1) {
        write_escaped(s.front());
      } else if (n == 0) {
        out += "\xEF\xBF\xBD";  // U+FFFD
        n = 1;
      } else {
        out.append(s.substr(0, n));
      }
      s.remove_prefix(n);
    }
    out += '"';
  }

  // How many of the first bytes are ASCII that stands for itself.
  static size_t plain_length(std::string_view s) {
    size_t n = 0;
    while (n < s.size() && s[n] >= 0x20 && s[n] != '"' && s[n] != '\\') {
      ++n;
    }
    return n;
  }

  void write_escaped(char c) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    }
  }

  void line(int depth) {
    if (style_.indent > 0) {
      out += '\n';
      out.append(static_cast<size_t>(depth * style_.indent), ' ');
    }
  }

  void write_list(const ValueList& list) {
    out += '[';
    ++depth_;
    for (size_t i = 0; i < list.size(); ++i) {
      out += i == 0 ? "" : ",";
      line(depth_);
      write(list[i]);
    }
    --depth_;
    if (!list.empty()) {
      line(depth_);
    }
    out += ']';
  }

  void write_map(const ValueMap& map) {
    std::vector<const ValueMap::Member*> members;
    members.reserve(map.size());
    for (const auto& member : map) {
      members.push_back(&member);
    }
    if (style_.sort_keys) {
      std::ranges::sort(members, {},
                        [](const auto* member) -> std::string_view { return member->first; });
    }
    out += '{';
    ++depth_;
    bool first = true;
    for (const auto* member : members) {
      out += first ? "" : ",";
      first = false;
      line(depth_);
      write_string(member->first);
      out += style_.indent > 0 ? ": " : ":";
      write(member->second);
    }
    --depth_;
    if (!map.empty()) {
      line(depth_);
    }
    out += '}';
  }

  JsonStyle style_;
  int depth_ = 0;
};

}  // namespace

Result<Value> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes_max) {
    return fail(Code::bad_input, fmt::format("this JSON has {} bytes, the limit is {}", text.size(),
                                             limits.bytes_max));
  }
  bj::parse_options options;
  options.max_depth = limits.depth_max;
  bj::basic_parser<Builder> parser(options);
  bj::error_code ec;
  const size_t read = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && read < text.size()) {
    ec = bj::error::extra_data;
  }
  if (ec) {
    const std::string_view before = text.substr(0, read);
    const auto lines = static_cast<size_t>(std::ranges::count(before, '\n'));
    const size_t column =
        read - (before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1);
    return fail(Code::bad_input, fmt::format("not JSON: {} at line {}, column {}", ec.message(),
                                             lines + 1, column + 1));
  }
  return std::move(parser.handler().result);
}

std::string to_json(const Value& value, JsonStyle style) {
  Writer writer(style);
  writer.write(value);
  return std::move(writer.out);
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t n = utf8_length(text);
    if (n == 0) {
      return false;
    }
    text.remove_prefix(n);
  }
  return true;
}

}  // namespace tutti
