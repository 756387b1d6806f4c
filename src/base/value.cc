// SPDX-License-Identifier: Apache-2.0
#include "base/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/check.h"

namespace tutti {
namespace {

constexpr size_t linear_search_max = 8;  // below it an index costs more than it saves

const Value& null_value() {
  static const Value value;
  return value;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, 7> names{"null",   "boolean", "integer", "number",
                                                  "string", "list",    "map"};
  return names[static_cast<size_t>(kind)];
}

Value::Value(ValueList list) : data_(std::make_shared<ValueList>(std::move(list))) {}
Value::Value(ValueMap map) : data_(std::make_shared<ValueMap>(std::move(map))) {}

Value Value::of(std::initializer_list<std::pair<std::string, Value>> members) {
  return Value(ValueMap(members));
}

Kind Value::kind() const { return static_cast<Kind>(data_.index()); }

bool Value::as_bool() const {
  CHECK(is_bool());
  return std::get<bool>(data_);
}

int64_t Value::as_int() const {
  CHECK(is_int());
  return std::get<int64_t>(data_);
}

double Value::as_real() const {
  CHECK(is_number());
  return is_int() ? static_cast<double>(std::get<int64_t>(data_)) : std::get<double>(data_);
}

const std::string& Value::as_string() const {
  CHECK(is_string());
  return std::get<std::string>(data_);
}

const ValueList& Value::as_list() const {
  CHECK(is_list());
  return *std::get<std::shared_ptr<ValueList>>(data_);
}

const ValueMap& Value::as_map() const {
  CHECK(is_map());
  return *std::get<std::shared_ptr<ValueMap>>(data_);
}

ValueList& Value::edit_list() {
  CHECK(is_list());
  auto& list = std::get<std::shared_ptr<ValueList>>(data_);
  if (list.use_count() != 1) {
    list = std::make_shared<ValueList>(*list);
  }
  return *list;
}

ValueMap& Value::edit_map() {
  CHECK(is_map());
  auto& map = std::get<std::shared_ptr<ValueMap>>(data_);
  if (map.use_count() != 1) {
    map = std::make_shared<ValueMap>(*map);
  }
  return *map;
}

const Value& Value::operator[](std::string_view key) const {
  if (!is_map()) {
    return null_value();
  }
  const Value* member = as_map().find(key);
  return member == nullptr ? null_value() : *member;
}

std::string_view Value::get_string(std::string_view key, std::string_view fallback) const {
  const Value& member = (*this)[key];
  return member.is_string() ? std::string_view(member.as_string()) : fallback;
}

int64_t Value::get_int(std::string_view key, int64_t fallback) const {
  const Value& member = (*this)[key];
  return member.is_int() ? member.as_int() : fallback;
}

bool Value::get_bool(std::string_view key, bool fallback) const {
  const Value& member = (*this)[key];
  return member.is_bool() ? member.as_bool() : fallback;
}

bool Value::operator==(const Value& other) const {
  if (kind() != other.kind()) {
    return is_number() && other.is_number() && as_real() == other.as_real();
  }
  switch (kind()) {
    case Kind::list:
      return as_list() == other.as_list();
    case Kind::map:
      return as_map() == other.as_map();
    default:
      return data_ == other.data_;
  }
}

ValueMap::ValueMap(std::initializer_list<Member> members) {
  members_.reserve(members.size());
  for (const Member& member : members) {
    set(member.first, member.second);
  }
}

size_t ValueMap::index_of(std::string_view key) const {
  if (sorted_.empty()) {
    for (size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].first == key) {
        return i;
      }
    }
    return members_.size();
  }
  auto at = std::ranges::lower_bound(
      sorted_, key, {}, [this](uint32_t i) -> std::string_view { return members_[i].first; });
  return at != sorted_.end() && members_[*at].first == key ? *at : members_.size();
}

const Value* ValueMap::find(std::string_view key) const {
  const size_t i = index_of(key);
  return i == members_.size() ? nullptr : &members_[i].second;
}

Value* ValueMap::find(std::string_view key) {
  const size_t i = index_of(key);
  return i == members_.size() ? nullptr : &members_[i].second;
}

void ValueMap::set(std::string key, Value value) {
  const size_t i = index_of(key);
  if (i != members_.size()) {
    members_[i].second = std::move(value);
    return;
  }
  members_.emplace_back(std::move(key), std::move(value));
  const auto by_key = [this](uint32_t n) -> std::string_view { return members_[n].first; };
  if (!sorted_.empty()) {
    auto at = std::ranges::lower_bound(sorted_, members_[i].first, {}, by_key);
    sorted_.insert(at, static_cast<uint32_t>(i));
  } else if (members_.size() > linear_search_max) {
    for (uint32_t n = 0; n < members_.size(); ++n) {
      sorted_.push_back(n);
    }
    std::ranges::sort(sorted_, {}, by_key);
  }
}

bool ValueMap::erase(std::string_view key) {
  const size_t i = index_of(key);
  if (i == members_.size()) {
    return false;
  }
  std::erase_if(sorted_, [i](uint32_t n) { return n == i; });
  for (uint32_t& n : sorted_) {
    n -= n > i ? 1 : 0;
  }
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
  return true;
}

bool ValueMap::operator==(const ValueMap& other) const {
  if (size() != other.size()) {
    return false;
  }
  return std::ranges::all_of(members_, [&other](const Member& member) {
    const Value* theirs = other.find(member.first);
    return theirs != nullptr && *theirs == member.second;
  });
}

std::string float_text(double d) {
  if (std::isnan(d)) {
    return "nan";
  }
  if (std::isinf(d)) {
    return d < 0 ? "-inf" : "inf";
  }
  // Python switches to an exponent below 1e-4 and from 1e16; to_chars gives the shortest digits.
  std::array<char, 40> buffer{};
  auto sci =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), d, std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<size_t>(sci.ptr - buffer.data()));
  const size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(),
                  exponent);
  if (d == 0 || (exponent >= -4 && exponent < 16)) {
    std::string out = fmt::format("{}", d);
    if (out.find_first_of("e") != std::string::npos) {  // fmt's own switch point differs
      auto fixed =
          std::to_chars(buffer.data(), buffer.data() + buffer.size(), d, std::chars_format::fixed);
      out.assign(buffer.data(), fixed.ptr);
    }
    return out.find('.') == std::string::npos ? out + ".0" : out;
  }
  return std::string(text);
}

}  // namespace tutti
