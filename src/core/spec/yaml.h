// SPDX-License-Identifier: Apache-2.0
// YAML 1.2 core schema into a tree that knows where everything stands in the text.
//
// One document a file, UTF-8. `no`, `on` and `22:30` are strings. Aliases are expanded; merge keys
// (<<), tags other than !!str and further documents are refused. Limits keep hostile files cheap:
// the text, the depth and the number of nodes after aliases are expanded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "core/spec/problem.h"

namespace tutti::spec {

struct YamlLimits {
  size_t bytes_max = 16u << 20;
  size_t depth_max = 64;
  size_t nodes_max = 500'000;
};

enum class YamlStyle : uint8_t {
  plain,
  single_quoted,
  double_quoted,
  literal,
  folded,
  block,
  flow
};

struct YamlMember;

// A node of the tree. Scalars keep their text as it reads after unquoting.
struct YamlNode {
  Kind kind = Kind::null;
  YamlStyle style = YamlStyle::plain;
  bool aliased = false;  // stands where an alias was; its place is the anchor's
  uint32_t begin = 0;    // bytes of the text
  uint32_t end = 0;
  std::string text;                 // of a scalar
  std::vector<YamlNode> items;      // of a list
  std::vector<YamlMember> members;  // of a map, in the order of the file, keys unique

  bool is_scalar() const { return kind != Kind::list && kind != Kind::map; }
  bool is_map() const { return kind == Kind::map; }
  bool is_list() const { return kind == Kind::list; }
  bool is_string() const { return kind == Kind::string; }
  const YamlMember* find(std::string_view key) const;  // null also when this is no map
  const YamlNode* get(std::string_view key) const;
};

struct YamlMember {
  YamlNode key;  // a scalar; the text counts, whatever its kind
  YamlNode value;
};

// The text with its lines; answers where a byte stands. Costs at most 1 KiB of scanning.
class YamlText {
 public:
  explicit YamlText(std::string text);
  const std::string& text() const { return text_; }
  Mark mark_at(size_t offset) const;
  Mark mark_of(const YamlNode& node) const { return mark_at(node.begin); }
  // The place of byte `offset` of node.text. Exact for scalars on one line and literal blocks; in
  // folded text the nearest place that has the same words before it.
  Mark mark_in(const YamlNode& node, size_t offset) const;
  // The byte that begins code point number `index`, asked with rising numbers: `from` is the
  // cursor.
  struct Cursor {
    size_t point = 0;
    size_t byte = 0;
  };
  size_t byte_of(size_t index, Cursor& from) const;

 private:
  size_t points_before(size_t offset) const;

  std::string text_;
  bool ascii_ = true;
  std::vector<uint32_t> line_starts_;
  std::vector<uint32_t> block_points_;  // code points before each KiB; empty when ascii_
};

struct YamlDocument {
  YamlText text;
  YamlNode root;
  bool complete = false;  // false: `problems` tell why the tree is missing
};

// Adds to `problems`; duplicate keys are reported and the first one kept, anything else ends the
// parse. The root is a map, else a problem.
YamlDocument parse_yaml(std::string_view file, std::string text, std::vector<Problem>& problems,
                        const YamlLimits& limits = {});

// The plain value, without places.
Value to_value(const YamlNode& node);

}  // namespace tutti::spec
