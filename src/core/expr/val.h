// SPDX-License-Identifier: Apache-2.0
// Val: a value while a template runs. Beside what Value holds it knows undefined, tuples, ranges,
// the loop and namespaces of Jinja2, and which secrets it depends on. Cheap to copy: all but
// scalars is shared. Lists and maps of the context stay Values and are wrapped part by part as they
// are read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/value.h"

namespace tutti::expr {

// One bit for each secret read so far; the last one stands for all beyond the 63rd.
using Taint = uint64_t;

class Val;
using Vals = std::vector<Val>;
struct Seq;
struct Members;
struct Loop;
struct Range {
  int64_t start, stop, step;
  size_t size() const;
};

enum class Type : uint8_t {
  undefined,
  null,
  boolean,
  integer,
  real,
  string,
  list,
  tuple,
  map,
  range,
  loop,
  space,   // namespace(): the one thing that can be changed
  opaque,  // a value nobody may know here: a secret while redacting, an output before the run
};

struct Opaque {
  std::string label;  // secret:name, or the path of what is unknown
  bool secret = false;
};

// A list or map of the context, and what of it is unknown (Context::unknown, a subtree).
struct Outside {
  Value value;
  Value unknown;
  std::shared_ptr<const Opaque> hidden;  // not null when `unknown` is a map; the label is the path
};

struct Undefined {
  std::string what;
  std::string remedy;
  size_t offset = SIZE_MAX;  // in the template's text, where the name stands
  bool blank = false;        // see Val::blank()
};

class Val {
 public:
  Val() : type_(Type::null) {}
  Val(bool b) : type_(Type::boolean), data_(b) {}
  Val(int64_t n) : type_(Type::integer), data_(n) {}
  Val(double d) : type_(Type::real), data_(d) {}
  Val(std::string s)
      : type_(Type::string), data_(std::make_shared<const std::string>(std::move(s))) {}
  Val(const char*) = delete;
  static Val undefined(std::string what, std::string remedy = {}, size_t offset = SIZE_MAX);
  // What an inline `if` without `else` gives when its condition is false: undefined, but it prints
  // as nothing, is false and has no items. What needs more of it than that fails.
  static Val blank();
  static Val list(Vals items);
  static Val tuple(Vals items);
  static Val map(std::vector<std::pair<std::string, Val>> members);  // the last of equal keys wins
  static Val range(Range range);
  static Val loop(std::shared_ptr<Loop> loop);
  static Val space(std::shared_ptr<Members> members);
  static Val opaque(std::string label, bool secret);
  static Val of(const Value& value);
  // A map of the context, some of whose members are unknown; `path` is the way to it.
  static Val of_partly_unknown(const Value& value, const Value& unknown, std::string path);

  Type type() const { return type_; }
  bool is(Type type) const { return type_ == type; }
  bool is_null() const { return type_ == Type::null; }
  bool is_blank() const { return type_ == Type::undefined && as_undefined().blank; }
  // Undefined, and an error wherever it is used.
  bool is_strict() const { return type_ == Type::undefined && !as_undefined().blank; }
  bool is_string() const { return type_ == Type::string; }
  bool is_integral() const { return type_ == Type::integer || type_ == Type::boolean; }
  bool is_number() const { return is_integral() || type_ == Type::real; }
  bool is_listlike() const { return type_ == Type::list || type_ == Type::tuple; }
  // The type must match: CHECKed by the variant's own access.
  bool as_bool() const { return std::get<bool>(data_); }
  int64_t as_int() const;  // of integer and boolean
  double as_real() const;  // of any number
  const std::string& as_string() const {
    return *std::get<std::shared_ptr<const std::string>>(data_);
  }
  const Range& as_range() const { return *std::get<std::shared_ptr<const Range>>(data_); }
  Loop& as_loop() const { return *std::get<std::shared_ptr<Loop>>(data_); }
  Members& as_space() const { return *std::get<std::shared_ptr<Members>>(data_); }
  const Opaque& as_opaque() const { return *std::get<std::shared_ptr<const Opaque>>(data_); }
  const Undefined& as_undefined() const {
    return *std::get<std::shared_ptr<const Undefined>>(data_);
  }

  // Of list, tuple, range and map.
  size_t size() const;
  // Of list, tuple and range; 0 <= i < size(). Carries the container's own taint too.
  Val item(size_t i) const;
  // Of map: the i-th key and value, or the value of a key (false when absent).
  std::string_view key(size_t i) const;
  Val member(size_t i) const;
  bool find(std::string_view key, Val& out) const;
  // The value as it came from the context, if this is such a list or map.
  const Value* outside() const;
  // Of a tuple: what groupby yields, which also has the members `grouper` and `list`.
  bool is_group() const;
  static Val group(Val grouper, Val items);

  // Secrets that this value itself depends on, and those of everything in it.
  Taint taint() const { return taint_; }
  Taint deep_taint() const;
  Val with_taint(Taint taint) const&;
  Val with_taint(Taint taint) &&;
  // The first opaque value in it, or null.
  const Opaque* hidden() const;
  // 0 for scalars, 1 + the deepest part for containers made by the template.
  size_t depth() const;

  // For messages: "an integer", "a string", "a list" ...
  std::string_view type_name() const;

 private:
  Type type_;
  Taint taint_ = 0;
  std::variant<std::monostate, bool, int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const Seq>, std::shared_ptr<const Outside>,
               std::shared_ptr<const Range>, std::shared_ptr<Members>, std::shared_ptr<Loop>,
               std::shared_ptr<const Opaque>, std::shared_ptr<const Undefined>>
      data_;
};

// What holds of all the parts of a container, kept so that nobody has to walk it.
struct Parts {
  Taint taint = 0;
  size_t depth = 1;
  std::shared_ptr<const Opaque> hidden;
  void add(const Val& part);
};

struct Seq {
  Vals items;
  Parts parts;
  bool group = false;
};

struct Members {
  std::vector<std::pair<std::string, Val>> items;
  std::map<std::string, size_t, std::less<>> index;
  Parts parts;
  void set(std::string key, Val value);
  const Val* find(std::string_view key) const;
};

struct Loop {
  Vals items;  // empty when `range` is looped over
  Range range{0, 0, 1};
  size_t index = 0;
  size_t size = 0;
  Taint taint = 0;
  bool has_last_changed = false;
  Vals last_changed;
  Val at(size_t i) const;
};

}  // namespace tutti::expr
