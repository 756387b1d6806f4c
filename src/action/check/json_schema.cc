// SPDX-License-Identifier: Apache-2.0
#include "action/check/json_schema.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <re2/re2.h>

#include "action/check/formats.h"
#include "base/time.h"

namespace tutti::action {
namespace {

constexpr size_t depth_max = 200;
constexpr size_t steps_max = 20'000'000;
constexpr size_t seen_bytes_max = 120;

std::string shown(const Value& value) {
  std::string text = to_json(value);
  if (text.size() > seen_bytes_max) {
    text.resize(seen_bytes_max);
    while (!is_utf8(text)) {
      text.pop_back();
    }
    text += "...";
  }
  return text;
}

std::string pointer_part(std::string_view name) {
  std::string out = "/";
  for (const char c : name) {
    out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return out;
}

bool is_integral(const Value& value) {
  return value.is_int() || (value.is_real() && std::isfinite(value.as_real()) &&
                            value.as_real() == std::floor(value.as_real()));
}

bool has_type(const Value& value, std::string_view type) {
  switch (value.kind()) {
    case Kind::null:
      return type == "null";
    case Kind::boolean:
      return type == "boolean";
    case Kind::integer:
    case Kind::real:
      return type == "number" || (type == "integer" && is_integral(value));
    case Kind::string:
      return type == "string";
    case Kind::list:
      return type == "array";
    case Kind::map:
      return type == "object";
  }
  return false;
}

// Equal values have equal texts: 1 and 1.0 are one number, the order of members is none.
std::string canonical(const Value& value) {
  switch (value.kind()) {
    case Kind::real: {
      constexpr double exact_max = 9007199254740992.0;
      const double number = value.as_real();
      return is_integral(value) && std::abs(number) < exact_max
                 ? to_json(Value(static_cast<int64_t>(number)))
                 : to_json(value);
    }
    case Kind::list: {
      std::string out = "[";
      for (const Value& each : value.as_list()) {
        out += canonical(each) + ",";
      }
      return out + "]";
    }
    case Kind::map: {
      std::map<std::string, std::string> members;
      for (const auto& [name, member] : value.as_map()) {
        members[name] = canonical(member);
      }
      std::string out = "{";
      for (const auto& [name, member] : members) {
        out += to_json(Value(name)) + ":" + member + ",";
      }
      return out + "}";
    }
    default:
      return to_json(value);
  }
}

size_t code_points(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

enum class Holds : uint8_t { schema, schemas, named_schemas, number, count, text, other, note };

const std::map<std::string_view, Holds>& keywords() {
  static const std::map<std::string_view, Holds> table = {
      {"type", Holds::other},
      {"enum", Holds::other},
      {"const", Holds::other},
      {"required", Holds::other},
      {"dependentRequired", Holds::other},
      {"properties", Holds::named_schemas},
      {"patternProperties", Holds::named_schemas},
      {"$defs", Holds::named_schemas},
      {"definitions", Holds::named_schemas},
      {"additionalProperties", Holds::schema},
      {"propertyNames", Holds::schema},
      {"items", Holds::schema},
      {"contains", Holds::schema},
      {"not", Holds::schema},
      {"if", Holds::schema},
      {"then", Holds::schema},
      {"else", Holds::schema},
      {"prefixItems", Holds::schemas},
      {"allOf", Holds::schemas},
      {"anyOf", Holds::schemas},
      {"oneOf", Holds::schemas},
      {"minimum", Holds::number},
      {"maximum", Holds::number},
      {"exclusiveMinimum", Holds::number},
      {"exclusiveMaximum", Holds::number},
      {"multipleOf", Holds::number},
      {"minLength", Holds::count},
      {"maxLength", Holds::count},
      {"minItems", Holds::count},
      {"maxItems", Holds::count},
      {"minContains", Holds::count},
      {"maxContains", Holds::count},
      {"minProperties", Holds::count},
      {"maxProperties", Holds::count},
      {"uniqueItems", Holds::other},
      {"pattern", Holds::text},
      {"format", Holds::text},
      {"$ref", Holds::text},
      {"$schema", Holds::note},
      {"$id", Holds::note},
      {"$comment", Holds::note},
      {"title", Holds::note},
      {"description", Holds::note},
      {"default", Holds::note},
      {"examples", Holds::note},
      {"deprecated", Holds::note},
      {"readOnly", Holds::note},
      {"writeOnly", Holds::note},
      {"contentMediaType", Holds::note},
      {"contentEncoding", Holds::note}};
  return table;
}

std::unexpected<Error> wrong(const std::string& at, std::string what, std::string remedy = {}) {
  return fail(Error{.code = Code::bad_input,
                    .what = std::move(what),
                    .where = "schema " + (at.empty() ? std::string("/") : at),
                    .remedy = std::move(remedy)});
}

// The part of the document a reference means, or nullptr.
const Value* resolve(const Value& root, std::string_view reference) {
  if (!reference.starts_with('#')) {
    return nullptr;
  }
  reference.remove_prefix(1);
  const Value* at = &root;
  while (reference.starts_with('/')) {
    reference.remove_prefix(1);
    const size_t end = std::min(reference.find('/'), reference.size());
    std::string name(reference.substr(0, end));
    reference.remove_prefix(end);
    for (const auto& [from, to] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
      for (size_t i = name.find(from); i != std::string::npos; i = name.find(from, i + 1)) {
        name.replace(i, 2, to);
      }
    }
    if (at->is_map()) {
      at = at->as_map().find(name);
    } else if (at->is_list() && !name.empty() &&
               std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }) &&
               name.size() < 9 && std::stoul(name) < at->as_list().size()) {
      at = &at->as_list()[std::stoul(name)];
    } else {
      return nullptr;
    }
    if (at == nullptr) {
      return nullptr;
    }
  }
  return reference.empty() ? at : nullptr;
}

}  // namespace

struct JsonSchema::Compiled {
  Value root;
  std::map<std::string, std::unique_ptr<re2::RE2>> patterns;

  Result<Unit> add_pattern(const std::string& text, const std::string& at) {
    if (patterns.contains(text)) {
      return Unit{};
    }
    auto pattern = std::make_unique<re2::RE2>(text, re2::RE2::Quiet);
    if (!pattern->ok()) {
      return wrong(at, fmt::format("the pattern cannot be used: {}", pattern->error()),
                   "patterns are RE2's: no look-around, no back-references");
    }
    patterns[text] = std::move(pattern);
    return Unit{};
  }

  Result<Unit> check(const Value& schema, const std::string& at, size_t depth) {
    if (schema.is_bool()) {
      return Unit{};
    }
    if (!schema.is_map() || depth > depth_max) {
      return wrong(at, depth > depth_max ? "it is nested too deeply"
                                         : "a schema is an object, true or false");
    }
    for (const auto& [name, value] : schema.as_map()) {
      TRY_OK(check_keyword(name, value, at + pointer_part(name), depth));
    }
    return Unit{};
  }

  Result<Unit> check_keyword(const std::string& name, const Value& value, const std::string& at,
                             size_t depth) {
    const auto known = keywords().find(name);
    if (known == keywords().end()) {
      return name.starts_with("x-") ? Result<Unit>(Unit{})
                                    : wrong(at, fmt::format("the keyword {} is not known", name),
                                            "ignoring it could let pass what it forbids");
    }
    switch (known->second) {
      case Holds::schema:
        return check(value, at, depth + 1);
      case Holds::schemas:
        if (!value.is_list() || value.as_list().empty()) {
          return wrong(at, "it is a list of schemas");
        }
        for (size_t i = 0; i < value.as_list().size(); ++i) {
          TRY_OK(check(value.as_list()[i], fmt::format("{}/{}", at, i), depth + 1));
        }
        return Unit{};
      case Holds::named_schemas:
        return check_named(name, value, at, depth);
      case Holds::number:
        if (!value.is_number() || (name == "multipleOf" && value.as_real() <= 0)) {
          return wrong(at, name == "multipleOf" ? "it is a number above 0" : "it is a number");
        }
        return Unit{};
      case Holds::count:
        return is_integral(value) && value.as_real() >= 0 ? Result<Unit>(Unit{})
                                                          : wrong(at, "it is a count");
      case Holds::text:
        return check_text(name, value, at);
      case Holds::other:
        return check_other(name, value, at);
      case Holds::note:
        return Unit{};
    }
    return Unit{};
  }

  Result<Unit> check_named(const std::string& name, const Value& value, const std::string& at,
                           size_t depth) {
    if (!value.is_map()) {
      return wrong(at, "it is a map of schemas");
    }
    for (const auto& [key, each] : value.as_map()) {
      if (name == "patternProperties") {
        TRY_OK(add_pattern(key, at + pointer_part(key)));
      }
      TRY_OK(check(each, at + pointer_part(key), depth + 1));
    }
    return Unit{};
  }

  Result<Unit> check_text(const std::string& name, const Value& value, const std::string& at) {
    if (!value.is_string()) {
      return wrong(at, "it is a text");
    }
    const std::string& text = value.as_string();
    if (name == "pattern") {
      return add_pattern(text, at);
    }
    if (name == "format" && !is_known_format(text)) {
      return wrong(at, fmt::format("the format {} is not known", text),
                   "known are date, date-time, time, email, uri, uuid, ipv4; or use pattern");
    }
    if (name == "$ref") {
      const Value* target = resolve(root, text);
      if (target == nullptr || (!target->is_map() && !target->is_bool())) {
        return wrong(at, fmt::format("{} is not in this schema", text),
                     "references are to parts of the same document: #/$defs/NAME");
      }
    }
    return Unit{};
  }

  static Result<Unit> check_other(const std::string& name, const Value& value,
                                  const std::string& at) {
    if (name == "type") {
      const ValueList types = value.is_list() ? value.as_list() : ValueList{value};
      constexpr std::string_view known[] = {"null",   "boolean", "integer", "number",
                                            "string", "array",   "object"};
      for (const Value& each : types) {
        if (!each.is_string() || std::ranges::find(known, each.as_string()) == std::end(known)) {
          return wrong(at, fmt::format("{} is no type", shown(each)),
                       "types are null boolean integer number string array object");
        }
      }
    }
    if ((name == "enum" || name == "required") && !value.is_list()) {
      return wrong(at, "it is a list");
    }
    if (name == "required" &&
        !std::ranges::all_of(value.as_list(), [](const Value& each) { return each.is_string(); })) {
      return wrong(at, "it is a list of names");
    }
    if (name == "dependentRequired" && !value.is_map()) {
      return wrong(at, "it is a map of lists of names");
    }
    return Unit{};
  }
};

class JsonSchema::Validation {
 public:
  Validation(const Compiled& compiled, size_t violations_max)
      : compiled_(compiled), violations_max_(violations_max) {}

  void run(const Value& value) { visit(compiled_.root, value, ""); }
  bool exhausted() const { return exhausted_; }
  std::vector<Violation> take() { return std::move(violations_); }

 private:
  // Whether `value` is as `schema` wants it, without noting anything.
  bool matches(const Value& schema, const Value& value) {
    Validation inner(compiled_, 1);
    inner.depth_ = depth_;
    inner.steps_ = steps_;
    inner.visit(schema, value, "");
    steps_ = inner.steps_;
    exhausted_ = exhausted_ || inner.exhausted_;
    return inner.violations_.empty();
  }

  bool full() const { return exhausted_ || violations_.size() >= violations_max_; }

  void note(const std::string& at, std::string expected, const Value& value) {
    if (!full()) {
      violations_.push_back({at, std::move(expected), shown(value)});
    }
  }

  void visit(const Value& schema, const Value& value, const std::string& at) {
    if (full()) {
      return;
    }
    if (++steps_ > steps_max || depth_ >= depth_max) {
      exhausted_ = true;
      return;
    }
    if (schema.is_bool()) {
      if (!schema.as_bool()) {
        note(at, "nothing", value);
      }
      return;
    }
    ++depth_;
    const ValueMap& s = schema.as_map();
    if (const Value* reference = s.find("$ref")) {
      visit(*resolve(compiled_.root, reference->as_string()), value, at);
    }
    any_kind(s, value, at);
    combined(s, value, at);
    if (value.is_string()) {
      text(s, value, at);
    } else if (value.is_number()) {
      number(s, value, at);
    } else if (value.is_list()) {
      list(s, value, at);
    } else if (value.is_map()) {
      map(s, value, at);
    }
    --depth_;
  }

  void any_kind(const ValueMap& s, const Value& value, const std::string& at) {
    if (const Value* type = s.find("type")) {
      const ValueList types = type->is_list() ? type->as_list() : ValueList{*type};
      if (std::ranges::none_of(
              types, [&](const Value& each) { return has_type(value, each.as_string()); })) {
        note(at, fmt::format("type {}", type->is_list() ? to_json(*type) : type->as_string()),
             value);
      }
    }
    if (const Value* choices = s.find("enum")) {
      if (std::ranges::find(choices->as_list(), value) == choices->as_list().end()) {
        note(at, fmt::format("one of {}", shown(*choices)), value);
      }
    }
    if (const Value* fixed = s.find("const"); fixed != nullptr && !(*fixed == value)) {
      note(at, shown(*fixed), value);
    }
  }

  void combined(const ValueMap& s, const Value& value, const std::string& at) {
    if (const Value* all = s.find("allOf")) {
      for (const Value& each : all->as_list()) {
        visit(each, value, at);
      }
    }
    if (const Value* any = s.find("anyOf")) {
      if (std::ranges::none_of(any->as_list(),
                               [&](const Value& each) { return matches(each, value); })) {
        note(at, fmt::format("one of the {} schemas of anyOf", any->as_list().size()), value);
      }
    }
    if (const Value* one = s.find("oneOf")) {
      const auto count = std::ranges::count_if(
          one->as_list(), [&](const Value& each) { return matches(each, value); });
      if (count != 1) {
        note(at,
             fmt::format("exactly one of the {} schemas of oneOf ({} fit)", one->as_list().size(),
                         count),
             value);
      }
    }
    if (const Value* no = s.find("not"); no != nullptr && matches(*no, value)) {
      note(at, fmt::format("not {}", shown(*no)), value);
    }
    if (const Value* condition = s.find("if")) {
      if (const Value* then = s.find(matches(*condition, value) ? "then" : "else")) {
        visit(*then, value, at);
      }
    }
  }

  void bound(const ValueMap& s, const char* name, double size, bool least, const std::string& at,
             const Value& value, std::string_view unit) {
    if (const Value* limit = s.find(name)) {
      if (least ? size < limit->as_real() : size > limit->as_real()) {
        note(at, fmt::format("at {} {} {}", least ? "least" : "most", to_json(*limit), unit),
             value);
      }
    }
  }

  void text(const ValueMap& s, const Value& value, const std::string& at) {
    const std::string& bytes = value.as_string();
    const auto length = static_cast<double>(code_points(bytes));
    bound(s, "minLength", length, true, at, value, "characters");
    bound(s, "maxLength", length, false, at, value, "characters");
    if (const Value* pattern = s.find("pattern")) {
      if (!re2::RE2::PartialMatch(bytes, *compiled_.patterns.at(pattern->as_string()))) {
        note(at, fmt::format("a text that matches {}", pattern->as_string()), value);
      }
    }
    if (const Value* format = s.find("format")) {
      if (!has_format(bytes, format->as_string())) {
        note(at, fmt::format("format {}", format->as_string()), value);
      }
    }
  }

  void number(const ValueMap& s, const Value& value, const std::string& at) {
    const auto compare = [&](const char* name, std::string_view words, auto fails) {
      if (const Value* limit = s.find(name); limit != nullptr && fails(value, *limit)) {
        note(at, fmt::format("a number {} {}", words, to_json(*limit)), value);
      }
    };
    const auto less = [](const Value& a, const Value& b) {
      return a.is_int() && b.is_int() ? a.as_int() < b.as_int() : a.as_real() < b.as_real();
    };
    compare("minimum", "of at least", less);
    compare("maximum", "of at most", [&](const Value& a, const Value& b) { return less(b, a); });
    compare("exclusiveMinimum", "above",
            [&](const Value& a, const Value& b) { return !less(b, a); });
    compare("exclusiveMaximum", "below",
            [&](const Value& a, const Value& b) { return !less(a, b); });
    compare("multipleOf", "that is a multiple of", [](const Value& a, const Value& b) {
      if (a.is_int() && b.is_int()) {
        return a.as_int() % b.as_int() != 0;
      }
      const double times = a.as_real() / b.as_real();
      constexpr double tolerance = 1e-9;
      return std::abs(times - std::round(times)) > tolerance * std::max(1.0, std::abs(times));
    });
  }

  void list(const ValueMap& s, const Value& value, const std::string& at) {
    const ValueList& items = value.as_list();
    bound(s, "minItems", static_cast<double>(items.size()), true, at, value, "items");
    bound(s, "maxItems", static_cast<double>(items.size()), false, at, value, "items");
    const Value* prefix = s.find("prefixItems");
    const Value* rest = s.find("items");
    const size_t prefixed = prefix == nullptr ? 0 : prefix->as_list().size();
    for (size_t i = 0; i < items.size() && !full(); ++i) {
      const Value* schema = i < prefixed ? &prefix->as_list()[i] : rest;
      if (schema != nullptr) {
        visit(*schema, items[i], fmt::format("{}/{}", at, i));
      }
    }
    if (const Value* contains = s.find("contains")) {
      const auto count = static_cast<double>(std::ranges::count_if(
          items, [&](const Value& each) { return matches(*contains, each); }));
      const Value* least = s.find("minContains");
      const Value* most = s.find("maxContains");
      if (count < (least == nullptr ? 1 : least->as_real()) ||
          (most != nullptr && count > most->as_real())) {
        note(at, fmt::format("the right number of items like {} ({} are)", shown(*contains), count),
             value);
      }
    }
    if (const Value* unique = s.find("uniqueItems"); unique != nullptr && *unique == Value(true)) {
      std::set<std::string> seen;
      for (size_t i = 0; i < items.size(); ++i) {
        if (!seen.insert(canonical(items[i])).second) {
          note(fmt::format("{}/{}", at, i), "an item that is not there twice", items[i]);
          break;
        }
      }
    }
  }

  void map(const ValueMap& s, const Value& value, const std::string& at) {
    const ValueMap& members = value.as_map();
    bound(s, "minProperties", static_cast<double>(members.size()), true, at, value, "members");
    bound(s, "maxProperties", static_cast<double>(members.size()), false, at, value, "members");
    if (const Value* required = s.find("required")) {
      need(required->as_list(), members, value, at);
    }
    if (const Value* dependent = s.find("dependentRequired")) {
      for (const auto& [name, names] : dependent->as_map()) {
        if (members.contains(name) && names.is_list()) {
          need(names.as_list(), members, value, at);
        }
      }
    }
    const Value* named = s.find("properties");
    const Value* patterns = s.find("patternProperties");
    const Value* others = s.find("additionalProperties");
    const Value* names = s.find("propertyNames");
    for (const auto& [name, member] : members) {
      if (full()) {
        return;
      }
      const std::string below = at + pointer_part(name);
      if (names != nullptr && !matches(*names, Value(name))) {
        note(at, fmt::format("a name like {}", shown(*names)), Value(name));
      }
      bool known = false;
      if (const Value* schema = named == nullptr ? nullptr : named->as_map().find(name)) {
        known = true;
        visit(*schema, member, below);
      }
      if (patterns != nullptr) {
        for (const auto& [pattern, schema] : patterns->as_map()) {
          if (re2::RE2::PartialMatch(name, *compiled_.patterns.at(pattern))) {
            known = true;
            visit(schema, member, below);
          }
        }
      }
      if (!known && others != nullptr) {
        if (*others == Value(false)) {
          note(below, "no member of that name", member);
        } else {
          visit(*others, member, below);
        }
      }
    }
  }

  void need(const ValueList& names, const ValueMap& members, const Value& value,
            const std::string& at) {
    for (const Value& name : names) {
      if (name.is_string() && !members.contains(name.as_string())) {
        note(at, fmt::format("a member '{}'", name.as_string()), value);
      }
    }
  }

  const Compiled& compiled_;
  size_t violations_max_;
  std::vector<Violation> violations_;
  size_t depth_ = 0;
  size_t steps_ = 0;
  bool exhausted_ = false;
};

std::string Violation::text() const {
  return fmt::format("{}expected {}, saw {}", at.empty() ? "" : "at " + at + ": ", expected, seen);
}

Result<JsonSchema> JsonSchema::compile(Value schema) {
  auto compiled = std::make_shared<Compiled>();
  compiled->root = std::move(schema);
  TRY_OK(compiled->check(compiled->root, "", 0));
  JsonSchema out;
  out.compiled_ = std::move(compiled);
  return out;
}

Result<std::vector<Violation>> JsonSchema::validate(const Value& value,
                                                    size_t violations_max) const {
  Validation validation(*compiled_, violations_max);
  validation.run(value);
  if (validation.exhausted()) {
    return wrong("", "it is too deep or refers to itself without end");
  }
  return validation.take();
}

}  // namespace tutti::action
