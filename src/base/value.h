// SPDX-License-Identifier: Apache-2.0
// Value: a JSON value with Python's number kinds (int64 and double stay apart), the one currency of
// parameters, outputs, action inputs and template results.
//
// A value type: copies are cheap (lists and maps are shared until one of the copies is changed) and
// independent. Maps keep insertion order, as Python's and YAML's do; equality ignores it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace tutti {

class Value;
class ValueMap;
using ValueList = std::vector<Value>;

enum class Kind : uint8_t { null, boolean, integer, real, string, list, map };
std::string_view kind_name(
    Kind kind);  // "null", "boolean", "integer", "number", "string", "list", "map"

class Value {
 public:
  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool b) : data_(b) {}
  Value(int64_t n) : data_(n) {}
  Value(int n) : data_(static_cast<int64_t>(n)) {}
  Value(uint32_t n) : data_(static_cast<int64_t>(n)) {}
  Value(uint64_t n) : data_(static_cast<int64_t>(n)) {}  // the caller knows it fits in 63 bits
  Value(double d) : data_(d) {}
  Value(std::string s) : data_(std::move(s)) {}
  Value(std::string_view s) : data_(std::string(s)) {}
  Value(const char* s) : data_(std::string(s)) {}
  Value(ValueList list);
  Value(ValueMap map);
  // A map from literal pairs: Value::of({{"rows", 3}, {"file", "a.csv"}})
  static Value of(std::initializer_list<std::pair<std::string, Value>> members);

  Kind kind() const;
  bool is_null() const { return kind() == Kind::null; }
  bool is_bool() const { return kind() == Kind::boolean; }
  bool is_int() const { return kind() == Kind::integer; }
  bool is_real() const { return kind() == Kind::real; }
  bool is_number() const { return is_int() || is_real(); }
  bool is_string() const { return kind() == Kind::string; }
  bool is_list() const { return kind() == Kind::list; }
  bool is_map() const { return kind() == Kind::map; }

  // The kind must match: CHECKed, so ask first or use the get_ functions.
  bool as_bool() const;
  int64_t as_int() const;
  double as_real() const;  // an integer is converted
  const std::string& as_string() const;
  const ValueList& as_list() const;
  const ValueMap& as_map() const;
  // For change; a shared container is copied first.
  ValueList& edit_list();
  ValueMap& edit_map();

  // The member, or null when this is no map or has no such member.
  const Value& operator[](std::string_view key) const;
  // The member if it has the kind, else the fallback.
  std::string_view get_string(std::string_view key, std::string_view fallback = {}) const;
  int64_t get_int(std::string_view key, int64_t fallback = 0) const;
  bool get_bool(std::string_view key, bool fallback = false) const;

  // JSON equality: 1 == 1.0, map order does not count.
  bool operator==(const Value& other) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, std::shared_ptr<ValueList>,
               std::shared_ptr<ValueMap>>
      data_;
};

class ValueMap {
 public:
  using Member = std::pair<std::string, Value>;
  ValueMap() = default;
  ValueMap(std::initializer_list<Member> members);

  size_t size() const { return members_.size(); }
  bool empty() const { return members_.empty(); }
  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  // Replaces in place, or appends.
  void set(std::string key, Value value);
  bool erase(std::string_view key);
  bool operator==(const ValueMap& other) const;

 private:
  size_t index_of(std::string_view key) const;  // size() when absent

  std::vector<Member> members_;
  std::vector<uint32_t> sorted_;  // by key; kept once there are more than a few members
};

struct JsonLimits {
  size_t bytes_max = 64u << 20;
  size_t depth_max = 128;
};
// RFC 8259, UTF-8 checked. The last of two equal keys wins; integers beyond int64 become doubles.
Result<Value> parse_json(std::string_view text, JsonLimits limits = {});

struct JsonStyle {
  int indent = 0;  // 0: one line without spaces
  bool sort_keys = false;
};
// Doubles print as Python's repr does (1.0, 1e+16); NaN and infinities, which JSON lacks, as null.
// Strings that are not UTF-8 have each bad byte replaced by U+FFFD.
std::string to_json(const Value& value, JsonStyle style = {});

// Python's repr of a float: the shortest digits that read back, with ".0" or an exponent.
std::string float_text(double d);

bool is_utf8(std::string_view text);

}  // namespace tutti
