// SPDX-License-Identifier: Apache-2.0
#include "core/spec/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <utility>

namespace tutti::spec {

namespace {

// ---- scalars of the YAML 1.2 core schema

bool all_digits(std::string_view text, std::string_view digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}

std::string_view without_sign(std::string_view text) {
  return text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
}

bool is_integer(std::string_view text) {
  if (text.starts_with("0o")) {
    return all_digits(text.substr(2), "01234567");
  }
  if (text.starts_with("0x")) {
    return all_digits(text.substr(2), "0123456789abcdefABCDEF");
  }
  return all_digits(without_sign(text), "0123456789");
}

bool is_real(std::string_view text) {
  std::string_view rest = without_sign(text);
  if (rest == ".inf" || rest == ".Inf" || rest == ".INF") {
    return true;
  }
  if (text == ".nan" || text == ".NaN" || text == ".NAN") {
    return true;
  }
  const size_t exponent = rest.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    if (!all_digits(without_sign(rest.substr(exponent + 1)), "0123456789")) {
      return false;
    }
    rest = rest.substr(0, exponent);
  }
  const size_t point = rest.find('.');
  if (point == std::string_view::npos) {
    return all_digits(rest, "0123456789");
  }
  const std::string_view whole = rest.substr(0, point);
  const std::string_view part = rest.substr(point + 1);
  return (!whole.empty() || !part.empty()) && (whole.empty() || all_digits(whole, "0123456789")) &&
         (part.empty() || all_digits(part, "0123456789"));
}

Kind kind_of_plain(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return Kind::null;
  }
  if (text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" ||
      text == "FALSE") {
    return Kind::boolean;
  }
  if (is_integer(text)) {
    return Kind::integer;
  }
  return is_real(text) ? Kind::real : Kind::string;
}

double real_value(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view rest = without_sign(text);
  double value = 0;
  if (rest.starts_with(".i") || rest.starts_with(".I")) {
    value = std::numeric_limits<double>::infinity();
  } else if (rest.starts_with(".n") || rest.starts_with(".N")) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (parsed.ec == std::errc::result_out_of_range) {
      value =
          rest.find('-') == std::string_view::npos ? std::numeric_limits<double>::infinity() : 0;
    }
  }
  return negative ? -value : value;
}

Value integer_value(std::string_view text) {
  int base = 10;
  std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  if (text.starts_with("0x") || text.starts_with("0o")) {
    base = text[1] == 'x' ? 16 : 8;
    digits = text.substr(2);
  }
  int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (parsed.ec != std::errc()) {
    return base == 10 ? Value(real_value(text)) : Value(std::string(text));
  }
  return value;
}

// ---- what the bytes must be before libyaml sees them

struct BadByte {
  size_t offset;
  std::string_view id;
  std::string what;
  std::string remedy;
};

size_t utf8_length(std::string_view rest) {
  for (size_t n = 1; n <= 4 && n <= rest.size(); ++n) {
    if (is_utf8(rest.substr(0, n))) {
      return n;
    }
  }
  return 0;
}

std::optional<BadByte> bad_byte(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return BadByte{0, "yaml_encoding", "the file is UTF-16", "save it as UTF-8"};
  }
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == 0) {
      const bool wide =
          i < 4 || (i % 2 == 1 && text[i - 1] != 0 && text.size() > i + 2 && text[i + 2] == 0);
      return BadByte{i, "yaml_nul", "the file has a NUL byte",
                     wide ? "save it as UTF-8 (it looks like UTF-16)" : "remove it"};
    }
    if (c < 0x80) {
      if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) {
        return BadByte{i, "yaml_control",
                       fmt::format("the file has the control character 0x{:02X}", c),
                       "remove it, or write it as an escape inside double quotes"};
      }
      ++i;
      continue;
    }
    const size_t length = utf8_length(text.substr(i));
    if (length == 0) {
      return BadByte{i, "yaml_encoding", fmt::format("the byte 0x{:02X} is not UTF-8", c),
                     "save the file as UTF-8"};
    }
    i += length;
  }
  return std::nullopt;
}

// ---- libyaml

struct Fatal {
  std::string id;
  size_t offset;
  std::string what;
  std::string remedy;
};

// libyaml's words and what usually lies behind them.
struct Advice {
  std::string_view says;
  std::string_view what;
  std::string_view remedy;
};
constexpr Advice advice[] = {
    {"mapping values are not allowed", "a ':' stands where no key can be",
     "quote the text if it contains ': ', or check the indentation of this line"},
    {"could not find expected ':'", "this line has a key without ':'",
     "write 'key: value'; quote text that goes over several lines"},
    {"did not find expected key", "this does not fit the lines above it",
     "check the indentation; quote text that begins with a quote and goes on behind it"},
    {"did not find expected '-' indicator", "this line is less indented than its list",
     "align the '-' of every item"},
    {"did not find expected ',' or '}'", "a '{' is not closed, or a ',' is missing",
     "close the '{', or quote text that contains '{', '}' or ','"},
    {"did not find expected ',' or ']'", "a '[' is not closed, or a ',' is missing",
     "close the '[', or quote text that contains '[', ']' or ','"},
    {"found unexpected end of stream", "a quote is not closed", "close it with the same quote"},
    {"found unexpected document indicator", "a quote is not closed",
     "close it with the same quote"},
    {"found unknown escape character", "this escape is not known inside double quotes",
     "write '\\\\' for a backslash, or use single quotes"},
    {"block sequence entries are not allowed", "a list cannot begin here",
     "begin the list on a line of its own"},
    {"found character that cannot start any token", "text cannot begin with this character",
     "quote the text"},
};

class Builder {
 public:
  Builder(YamlText& text, std::string_view file, std::vector<Problem>& problems,
          const YamlLimits& limits)
      : text_(text), file_(file), problems_(problems), limits_(limits) {
    yaml_parser_initialize(&parser_);
    const std::string& bytes = text.text();
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(bytes.data()),
                                 bytes.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder() {
    release();
    yaml_parser_delete(&parser_);
  }

  // The root of the only document; none: `problems` has a new entry.
  std::optional<YamlNode> build() {
    std::optional<YamlNode> root = document();
    if (fatal_.has_value()) {
      report(fatal_->id, fatal_->offset, fatal_->what, fatal_->remedy);
      return std::nullopt;
    }
    return root;
  }

 private:
  struct Anchor {
    std::optional<YamlNode> node;  // none while it is being read
    size_t nodes = 0;
    size_t height = 0;
  };

  void report(std::string_view id, size_t offset, std::string what, std::string remedy) {
    problems_.push_back({.id = std::string(id),
                         .file = std::string(file_),
                         .mark = text_.mark_at(offset),
                         .what = std::move(what),
                         .remedy = std::move(remedy)});
  }

  bool stop(std::string_view id, size_t offset, std::string what, std::string remedy) {
    if (!fatal_.has_value()) {
      fatal_ = {std::string(id), offset, std::move(what), std::move(remedy)};
    }
    return false;
  }

  void release() {
    if (has_event_) {
      yaml_event_delete(&event_);
      has_event_ = false;
    }
  }

  size_t begin() { return text_.byte_of(event_.start_mark.index, start_cursor_); }
  size_t end() { return text_.byte_of(event_.end_mark.index, end_cursor_); }

  bool next() {
    release();
    if (yaml_parser_parse(&parser_, &event_) == 0) {
      return syntax_error();
    }
    has_event_ = true;
    return true;
  }

  bool syntax_error() {
    YamlText::Cursor cursor;
    const std::string_view says = parser_.problem == nullptr ? "" : parser_.problem;
    if (parser_.error == YAML_READER_ERROR) {
      return stop("yaml_encoding", parser_.problem_offset, fmt::format("{}", says),
                  "save the file as UTF-8");
    }
    if (parser_.error == YAML_MEMORY_ERROR) {
      return stop("yaml_too_big", 0, "the file needs too much memory", "make it smaller");
    }
    const size_t at = text_.byte_of(parser_.problem_mark.index, cursor);
    const size_t context =
        parser_.context == nullptr ? at : text_.byte_of(parser_.context_mark.index, cursor);
    if (const auto braces = unquoted_braces(context, at); braces.has_value()) {
      return stop_at_braces(*braces);
    }
    if (const auto tab = tab_before(at); tab.has_value()) {
      return stop("yaml_tab", *tab, "a tab is used for indentation", "use spaces");
    }
    if (says.find("undefined alias") != std::string_view::npos) {
      return stop("yaml_alias", at, "this alias has no anchor before it",
                  "write &name before the value that *name repeats");
    }
    for (const Advice& row : advice) {
      if (says.find(row.says) != std::string_view::npos) {
        const bool open = row.what.find("not closed") != std::string_view::npos;
        return stop("yaml_syntax", open ? context : at, std::string(row.what),
                    std::string(row.remedy));
      }
    }
    return stop("yaml_syntax", at, fmt::format("this is not YAML: {}", says),
                "check the indentation and the quotes");
  }

  bool stop_at_braces(size_t offset) {
    return stop("unquoted_template", offset, "a value with '{{' needs quotes",
                R"(quote it: "{{ ... }}")");
  }

  // The first "{{" or "{%" outside quotes on the lines from `from` to `to`.
  std::optional<size_t> unquoted_braces(size_t from, size_t to) const {
    const std::string_view bytes = text_.text();
    size_t line = std::min(from, to);
    line = line == 0 ? 0 : bytes.rfind('\n', line - 1) + 1;
    size_t stop_at = std::min(bytes.find('\n', std::max(from, to)), bytes.size());
    stop_at = std::min(stop_at, line + 4096);
    char quote = '\0';
    for (size_t i = line; i + 1 < stop_at; ++i) {
      if (quote != '\0') {
        quote = bytes[i] == quote ? '\0' : quote;
      } else if (bytes[i] == '{' && (bytes[i + 1] == '{' || bytes[i + 1] == '%')) {
        return i;
      } else if ((bytes[i] == '"' || bytes[i] == '\'') &&
                 (i == 0 ||
                  std::string_view(" \t\n[{,:").find(bytes[i - 1]) != std::string_view::npos)) {
        quote = bytes[i];
      } else if (bytes[i] == '\n') {
        quote = '\0';
      }
    }
    return std::nullopt;
  }

  std::optional<size_t> tab_before(size_t at) const {
    const std::string_view bytes = text_.text();
    const size_t line = at == 0 ? 0 : bytes.rfind('\n', at - 1) + 1;
    for (size_t i = line; i < bytes.size() && (bytes[i] == ' ' || bytes[i] == '\t'); ++i) {
      if (bytes[i] == '\t') {
        return i;
      }
    }
    return std::nullopt;
  }

  std::optional<YamlNode> document() {
    if (!next() || !next()) {  // the stream's start, then the document's
      return std::nullopt;
    }
    if (event_.type == YAML_STREAM_END_EVENT) {
      stop("empty_file", 0, "the file is empty",
           "see docs/workflow-reference.md for what it holds");
      return std::nullopt;
    }
    if (!next()) {
      return std::nullopt;
    }
    YamlNode root;
    if (!node(root, 1) || !next() || !next()) {  // the document's end, then the stream's
      return std::nullopt;
    }
    if (event_.type == YAML_DOCUMENT_START_EVENT) {
      stop("yaml_documents", begin(), "the file has a second document",
           "keep one document a file; remove this '---' or move what follows");
      return std::nullopt;
    }
    if (!root.is_map()) {
      stop("yaml_root", root.begin,
           fmt::format("the file holds a {}, not keys", kind_name(root.kind)),
           "begin with 'workflow: NAME' (or 'project: NAME' in tutti.yaml)");
      return std::nullopt;
    }
    return root;
  }

  bool count(size_t nodes, size_t offset) {
    nodes_ += nodes;
    if (nodes_ > limits_.nodes_max) {
      return stop("yaml_too_many", offset,
                  fmt::format("the file has more than {} values once its aliases are expanded",
                              limits_.nodes_max),
                  "use fewer aliases, or split the workflow");
    }
    return true;
  }

  // Reads the node the current event begins; leaves its last event current.
  bool node(YamlNode& out, size_t depth) {
    const size_t at = begin();
    if (depth > limits_.depth_max) {
      return stop("yaml_too_deep", at,
                  fmt::format("values are nested more than {} deep", limits_.depth_max),
                  "flatten the structure");
    }
    if (!count(1, at)) {
      return false;
    }
    if (event_.type == YAML_ALIAS_EVENT) {
      return alias(out, depth);
    }
    const std::string anchor = anchor_name();
    if (!anchor.empty()) {
      anchors_[anchor] = {};
    }
    const size_t before = nodes_;
    const size_t outer_height = std::exchange(height_, depth);
    if (!content(out, depth)) {
      return false;
    }
    if (!anchor.empty()) {
      const size_t nodes = nodes_ - before + 1;
      if (!count(nodes, at)) {  // the copy kept for its aliases
        return false;
      }
      anchors_[anchor] = {.node = out, .nodes = nodes, .height = height_ - depth};
    }
    height_ = std::max(height_, outer_height);
    return true;
  }

  std::string anchor_name() const {
    const yaml_char_t* name = nullptr;
    if (event_.type == YAML_SCALAR_EVENT) {
      name = event_.data.scalar.anchor;
    } else if (event_.type == YAML_SEQUENCE_START_EVENT) {
      name = event_.data.sequence_start.anchor;
    } else {
      name = event_.data.mapping_start.anchor;
    }
    return name == nullptr ? std::string() : reinterpret_cast<const char*>(name);
  }

  bool alias(YamlNode& out, size_t depth) {
    const std::string name = reinterpret_cast<const char*>(event_.data.alias.anchor);
    const size_t at = begin();
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) {
      return stop("yaml_alias", at, fmt::format("the alias *{} has no anchor before it", name),
                  fmt::format("write &{} before the value it repeats", name));
    }
    const Anchor& anchor = found->second;
    if (!anchor.node.has_value()) {
      return stop("yaml_alias_loop", at,
                  fmt::format("the alias *{} stands inside its own anchor", name),
                  "remove it: a value cannot contain itself");
    }
    if (depth + anchor.height > limits_.depth_max) {
      return stop("yaml_too_deep", at,
                  fmt::format("values are nested more than {} deep once *{} is expanded",
                              limits_.depth_max, name),
                  "flatten the structure");
    }
    if (!count(anchor.nodes, at)) {
      return false;
    }
    height_ = std::max(height_, depth + anchor.height);
    out = *anchor.node;
    out.aliased = true;
    return true;
  }

  bool content(YamlNode& out, size_t depth) {
    out.begin = static_cast<uint32_t>(begin());
    out.end = static_cast<uint32_t>(end());
    switch (event_.type) {
      case YAML_SCALAR_EVENT:
        return scalar(out);
      case YAML_SEQUENCE_START_EVENT:
        return list(out, depth);
      default:
        return map(out, depth);
    }
  }

  bool tag_allowed(const yaml_char_t* tag, std::string_view expected, size_t at) {
    const std::string_view name = tag == nullptr ? "" : reinterpret_cast<const char*>(tag);
    if (name.empty() || name == "!" || name == expected) {
      return true;
    }
    constexpr std::string_view core = "tag:yaml.org,2002:";
    const std::string shown = name.starts_with(core)
                                  ? fmt::format("!!{}", name.substr(core.size(), 64))
                                  : std::string(name.substr(0, 64));
    return stop("yaml_tag", at, fmt::format("the tag {} is not supported", shown),
                "remove it; quote a value to make it a string");
  }

  bool scalar(YamlNode& out) {
    const auto& data = event_.data.scalar;
    if (!tag_allowed(data.tag, "tag:yaml.org,2002:str", out.begin)) {
      return false;
    }
    out.text.assign(reinterpret_cast<const char*>(data.value), data.length);
    switch (data.style) {
      case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        out.style = YamlStyle::single_quoted;
        break;
      case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        out.style = YamlStyle::double_quoted;
        break;
      case YAML_LITERAL_SCALAR_STYLE:
        out.style = YamlStyle::literal;
        break;
      case YAML_FOLDED_SCALAR_STYLE:
        out.style = YamlStyle::folded;
        break;
      default:
        break;
    }
    const bool plain = out.style == YamlStyle::plain && data.tag == nullptr;
    out.kind = plain ? kind_of_plain(out.text) : Kind::string;
    // An anchor or a tag stands before the text: the place is the text's.
    if (data.anchor != nullptr || data.tag != nullptr) {
      skip_properties(out);
    }
    return true;
  }

  void skip_properties(YamlNode& out) const {
    const std::string_view bytes = text_.text();
    while (out.begin < out.end && (bytes[out.begin] == '&' || bytes[out.begin] == '!')) {
      while (out.begin < out.end &&
             std::string_view(" \t\r\n").find(bytes[out.begin]) == std::string_view::npos) {
        ++out.begin;
      }
      while (out.begin < out.end &&
             std::string_view(" \t\r\n").find(bytes[out.begin]) != std::string_view::npos) {
        ++out.begin;
      }
    }
  }

  bool list(YamlNode& out, size_t depth) {
    const auto& data = event_.data.sequence_start;
    if (!tag_allowed(data.tag, "tag:yaml.org,2002:seq", out.begin)) {
      return false;
    }
    out.kind = Kind::list;
    out.style = data.style == YAML_FLOW_SEQUENCE_STYLE ? YamlStyle::flow : YamlStyle::block;
    while (next()) {
      if (event_.type == YAML_SEQUENCE_END_EVENT) {
        out.end = static_cast<uint32_t>(end());
        return true;
      }
      if (!node(out.items.emplace_back(), depth + 1)) {
        return false;
      }
    }
    return false;
  }

  bool map(YamlNode& out, size_t depth) {
    const auto& data = event_.data.mapping_start;
    if (!tag_allowed(data.tag, "tag:yaml.org,2002:map", out.begin)) {
      return false;
    }
    out.kind = Kind::map;
    out.style = data.style == YAML_FLOW_MAPPING_STYLE ? YamlStyle::flow : YamlStyle::block;
    if (std::string_view(text_.text()).substr(out.begin).starts_with("{{")) {
      return stop_at_braces(out.begin);
    }
    std::map<std::string, uint32_t, std::less<>> places;
    while (next()) {
      if (event_.type == YAML_MAPPING_END_EVENT) {
        out.end = static_cast<uint32_t>(end());
        return true;
      }
      YamlMember member;
      if (!node(member.key, depth + 1) || !key_allowed(member.key) || !next() ||
          !node(member.value, depth + 1)) {
        return false;
      }
      const auto [place, fresh] = places.emplace(member.key.text, member.key.begin);
      if (!fresh) {
        report("duplicate_key", member.key.begin,
               fmt::format("the key '{}' is given twice (first on line {})", member.key.text,
                           text_.mark_at(place->second).line),
               "keep one of them");
        continue;
      }
      out.members.push_back(std::move(member));
    }
    return false;
  }

  bool key_allowed(const YamlNode& key) {
    if (!key.is_scalar()) {
      return stop("yaml_key", key.begin, fmt::format("a {} cannot be a key", kind_name(key.kind)),
                  "use a plain name");
    }
    if (key.text == "<<" && key.style == YamlStyle::plain) {
      return stop("yaml_merge_key", key.begin, "merge keys (<<) are not part of YAML 1.2",
                  "put what is shared under 'defaults', or repeat it");
    }
    return true;
  }

  YamlText& text_;
  std::string_view file_;
  std::vector<Problem>& problems_;
  const YamlLimits& limits_;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
  bool has_event_ = false;
  YamlText::Cursor start_cursor_, end_cursor_;
  std::optional<Fatal> fatal_;
  std::map<std::string, Anchor> anchors_;
  size_t nodes_ = 0;
  size_t height_ = 0;  // deepest depth reached by the node being read
};

// %TAG lines cost libyaml the square of their number; no file of ours has any.
std::optional<size_t> first_directive(std::string_view text) {
  for (size_t line = 0; line < text.size();) {
    if (text[line] == '%' && !text.substr(line).starts_with("%YAML ")) {
      return line;
    }
    const size_t end = text.find('\n', line);
    if (end == std::string_view::npos) {
      break;
    }
    line = end + 1;
  }
  return std::nullopt;
}

}  // namespace

const YamlMember* YamlNode::find(std::string_view key) const {
  const auto found = std::ranges::find_if(
      members, [&](const YamlMember& member) { return member.key.text == key; });
  return found == members.end() ? nullptr : &*found;
}

const YamlNode* YamlNode::get(std::string_view key) const {
  const YamlMember* member = find(key);
  return member == nullptr ? nullptr : &member->value;
}

YamlDocument parse_yaml(std::string_view file, std::string text, std::vector<Problem>& problems,
                        const YamlLimits& limits) {
  const auto refuse = [&](std::string_view id, const YamlText& in, size_t offset, std::string what,
                          std::string remedy) {
    problems.push_back({.id = std::string(id),
                        .file = std::string(file),
                        .mark = in.mark_at(offset),
                        .what = std::move(what),
                        .remedy = std::move(remedy)});
    return YamlDocument{.text = YamlText(""), .root = {}};
  };
  if (text.size() > limits.bytes_max) {
    return refuse(
        "yaml_too_big", YamlText(""), 0,
        fmt::format("the file has {} bytes; {} are the limit", text.size(), limits.bytes_max),
        "split it; data belongs in files of its own");
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.erase(0, 3);
  }
  if (const auto bad = bad_byte(text); bad.has_value()) {
    return refuse(bad->id, YamlText(std::move(text)), bad->offset, bad->what, bad->remedy);
  }
  if (const auto directive = first_directive(text); directive.has_value()) {
    return refuse("yaml_directive", YamlText(std::move(text)), *directive,
                  "a line begins with '%', which is a YAML directive",
                  "remove it, or indent the line if it is text");
  }
  YamlDocument document{.text = YamlText(std::move(text)), .root = {}};
  Builder builder(document.text, file, problems, limits);
  if (std::optional<YamlNode> root = builder.build(); root.has_value()) {
    document.root = std::move(*root);
    document.complete = true;
  }
  return document;
}

Value to_value(const YamlNode& node) {
  switch (node.kind) {
    case Kind::null:
      return {};
    case Kind::boolean:
      return node.text.starts_with('t') || node.text.starts_with('T');
    case Kind::integer:
      return integer_value(node.text);
    case Kind::real:
      return real_value(node.text);
    case Kind::string:
      return node.text;
    case Kind::list: {
      ValueList list;
      list.reserve(node.items.size());
      for (const YamlNode& item : node.items) {
        list.push_back(to_value(item));
      }
      return list;
    }
    case Kind::map: {
      ValueMap map;
      for (const YamlMember& member : node.members) {
        map.set(member.key.text, to_value(member.value));
      }
      return map;
    }
  }
  return {};
}

}  // namespace tutti::spec
