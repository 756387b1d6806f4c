// SPDX-License-Identifier: Apache-2.0
#include "core/expr/val.h"

#include <algorithm>

#include "base/check.h"

namespace tutti::expr {

size_t Range::size() const {
  const bool up = step > 0;
  if (up ? start >= stop : start <= stop) {
    return 0;
  }
  const uint64_t span = up ? static_cast<uint64_t>(stop) - static_cast<uint64_t>(start)
                           : static_cast<uint64_t>(start) - static_cast<uint64_t>(stop);
  const uint64_t width = up ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  return (span - 1) / width + 1;
}

namespace {

// Wraps on the way, never at the end: the i-th number of a range is between start and stop.
int64_t number_of(const Range& range, size_t i) {
  return static_cast<int64_t>(static_cast<uint64_t>(range.start) +
                              i * static_cast<uint64_t>(range.step));
}

}  // namespace

void Parts::add(const Val& part) {
  taint |= part.deep_taint();
  depth = std::max(depth, part.depth() + 1);
  if (hidden == nullptr && part.hidden() != nullptr) {
    hidden = std::make_shared<const Opaque>(*part.hidden());
  }
}

void Members::set(std::string key, Val value) {
  parts.add(value);
  auto [at, added] = index.try_emplace(key, items.size());
  if (added) {
    items.emplace_back(std::move(key), std::move(value));
  } else {
    items[at->second].second = std::move(value);
  }
}

const Val* Members::find(std::string_view key) const {
  auto at = index.find(key);
  return at == index.end() ? nullptr : &items[at->second].second;
}

Val Loop::at(size_t i) const {
  Val value = items.empty() ? Val(number_of(range, i)) : items[i];
  return std::move(value).with_taint(taint);
}

Val Val::undefined(std::string what, std::string remedy, size_t offset) {
  Val out;
  out.type_ = Type::undefined;
  out.data_ = std::make_shared<const Undefined>(std::move(what), std::move(remedy), offset);
  return out;
}

Val Val::blank() {
  Val out;
  out.type_ = Type::undefined;
  out.data_ = std::make_shared<const Undefined>(
      Undefined{.what = "the inline `if` has no `else`, and its condition is false",
                .remedy = "add an else",
                .blank = true});
  return out;
}

Val Val::list(Vals items) {
  auto seq = std::make_shared<Seq>();
  for (const Val& item : items) {
    seq->parts.add(item);
  }
  seq->items = std::move(items);
  Val out;
  out.type_ = Type::list;
  out.data_ = std::shared_ptr<const Seq>(std::move(seq));
  return out;
}

Val Val::tuple(Vals items) {
  Val out = list(std::move(items));
  out.type_ = Type::tuple;
  return out;
}

Val Val::group(Val grouper, Val items) {
  auto seq = std::make_shared<Seq>();
  seq->group = true;
  seq->parts.add(grouper);
  seq->parts.add(items);
  seq->items = {std::move(grouper), std::move(items)};
  Val out;
  out.type_ = Type::tuple;
  out.data_ = std::shared_ptr<const Seq>(std::move(seq));
  return out;
}

Val Val::map(std::vector<std::pair<std::string, Val>> members) {
  auto made = std::make_shared<Members>();
  for (auto& [key, value] : members) {
    made->set(std::move(key), std::move(value));
  }
  Val out;
  out.type_ = Type::map;
  out.data_ = std::move(made);
  return out;
}

Val Val::range(Range range) {
  Val out;
  out.type_ = Type::range;
  out.data_ = std::make_shared<const Range>(range);
  return out;
}

Val Val::loop(std::shared_ptr<Loop> loop) {
  Val out;
  out.type_ = Type::loop;
  out.taint_ = loop->taint;
  out.data_ = std::move(loop);
  return out;
}

Val Val::space(std::shared_ptr<Members> members) {
  Val out;
  out.type_ = Type::space;
  out.data_ = std::move(members);
  return out;
}

Val Val::opaque(std::string label, bool secret) {
  Val out;
  out.type_ = Type::opaque;
  out.data_ = std::make_shared<const Opaque>(std::move(label), secret);
  return out;
}

Val Val::of_partly_unknown(const Value& value, const Value& unknown, std::string path) {
  if (unknown.is_bool()) {
    return opaque(std::move(path), false);
  }
  Val out;
  out.type_ = Type::map;
  out.data_ = std::make_shared<const Outside>(
      value.is_map() ? value : Value(ValueMap()), unknown,
      std::make_shared<const Opaque>(Opaque{.label = std::move(path)}));
  return out;
}

Val Val::of(const Value& value) {
  switch (value.kind()) {
    case Kind::null:
      return {};
    case Kind::boolean:
      return value.as_bool();
    case Kind::integer:
      return value.as_int();
    case Kind::real:
      return value.as_real();
    case Kind::string:
      return value.as_string();
    default: {
      Val out;
      out.type_ = value.is_list() ? Type::list : Type::map;
      out.data_ = std::make_shared<const Outside>(value, Value(), nullptr);
      return out;
    }
  }
}

int64_t Val::as_int() const {
  return type_ == Type::boolean ? static_cast<int64_t>(as_bool()) : std::get<int64_t>(data_);
}

double Val::as_real() const {
  return type_ == Type::real ? std::get<double>(data_) : static_cast<double>(as_int());
}

const Value* Val::outside() const {
  auto* outside = std::get_if<std::shared_ptr<const Outside>>(&data_);
  return outside == nullptr ? nullptr : &(*outside)->value;
}

size_t Val::size() const {
  if (const Value* value = outside()) {
    return value->is_list() ? value->as_list().size() : value->as_map().size();
  }
  if (type_ == Type::range) {
    return as_range().size();
  }
  return type_ == Type::map ? std::get<std::shared_ptr<Members>>(data_)->items.size()
                            : std::get<std::shared_ptr<const Seq>>(data_)->items.size();
}

Val Val::item(size_t i) const {
  if (type_ == Type::range) {
    return Val(number_of(as_range(), i)).with_taint(taint_);
  }
  if (const Value* value = outside()) {
    return Val::of(value->as_list()[i]).with_taint(taint_);
  }
  return std::get<std::shared_ptr<const Seq>>(data_)->items[i].with_taint(taint_);
}

std::string_view Val::key(size_t i) const {
  if (const Value* value = outside()) {
    return (value->as_map().begin() + static_cast<std::ptrdiff_t>(i))->first;
  }
  return std::get<std::shared_ptr<Members>>(data_)->items[i].first;
}

Val Val::member(size_t i) const {
  if (outside() != nullptr) {
    Val out;
    find(key(i), out);
    return out;
  }
  return std::get<std::shared_ptr<Members>>(data_)->items[i].second.with_taint(taint_);
}

bool Val::find(std::string_view key, Val& out) const {
  if (outside() == nullptr) {
    const Val* found = std::get<std::shared_ptr<Members>>(data_)->find(key);
    if (found != nullptr) {
      out = found->with_taint(taint_);
    }
    return found != nullptr;
  }
  const Outside& from = *std::get<std::shared_ptr<const Outside>>(data_);
  const Value* found = from.value.as_map().find(key);
  const Value& unknown = from.unknown[key];
  if (!unknown.is_null()) {
    out = of_partly_unknown(found == nullptr ? Value() : *found, unknown,
                            from.hidden->label + "." + std::string(key))
              .with_taint(taint_);
    return true;
  }
  if (found != nullptr) {
    out = Val::of(*found).with_taint(taint_);
  }
  return found != nullptr;
}

bool Val::is_group() const {
  auto* seq = std::get_if<std::shared_ptr<const Seq>>(&data_);
  return seq != nullptr && (*seq)->group;
}

namespace {

const Parts* parts_of(const std::shared_ptr<const Seq>* seq, const std::shared_ptr<Members>* map) {
  if (seq != nullptr) {
    return &(*seq)->parts;
  }
  return map != nullptr ? &(*map)->parts : nullptr;
}

}  // namespace

Taint Val::deep_taint() const {
  const Parts* parts = parts_of(std::get_if<std::shared_ptr<const Seq>>(&data_),
                                std::get_if<std::shared_ptr<Members>>(&data_));
  return taint_ | (parts == nullptr ? 0 : parts->taint);
}

Val Val::with_taint(Taint taint) const& {
  Val out = *this;
  out.taint_ |= taint;
  return out;
}

Val Val::with_taint(Taint taint) && {
  taint_ |= taint;
  return std::move(*this);
}

const Opaque* Val::hidden() const {
  if (type_ == Type::opaque) {
    return &as_opaque();
  }
  if (auto* from = std::get_if<std::shared_ptr<const Outside>>(&data_)) {
    return (*from)->hidden.get();
  }
  const Parts* parts = parts_of(std::get_if<std::shared_ptr<const Seq>>(&data_),
                                std::get_if<std::shared_ptr<Members>>(&data_));
  return parts == nullptr ? nullptr : parts->hidden.get();
}

size_t Val::depth() const {
  const Parts* parts = parts_of(std::get_if<std::shared_ptr<const Seq>>(&data_),
                                std::get_if<std::shared_ptr<Members>>(&data_));
  return parts != nullptr ? parts->depth : outside() != nullptr ? 1 : 0;
}

std::string_view Val::type_name() const {
  switch (type_) {
    case Type::undefined:
      return "undefined";
    case Type::null:
      return "none";
    case Type::boolean:
      return "a boolean";
    case Type::integer:
      return "an integer";
    case Type::real:
      return "a float";
    case Type::string:
      return "a string";
    case Type::list:
      return "a list";
    case Type::tuple:
      return "a tuple";
    case Type::map:
      return "a map";
    case Type::range:
      return "a range";
    case Type::loop:
      return "the loop";
    case Type::space:
      return "a namespace";
    case Type::opaque:
      return "a value that is not known here";
  }
  CHECK(false);
}

}  // namespace tutti::expr
