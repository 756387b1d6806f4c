// SPDX-License-Identifier: Apache-2.0
#include "core/expr/attributes.h"

#include <algorithm>

#include "core/expr/numbers.h"
#include "core/expr/strings.h"
#include "core/expr/unicode.h"

namespace tutti::expr {

Result<Val> Attribute::of(Machine& machine, const Val& item) const {
  Val at = item;
  for (const Val& part : parts) {
    TRY(at, machine.at(at, part));
    if (at.is(Type::undefined) && !fallback.is_null()) {
      at = fallback;
    }
  }
  if (ignore_case && at.is_string()) {
    return Val(text_of_points(lower(points_of(at.as_string())))).with_taint(at.taint());
  }
  return at;
}

Result<Attribute> attribute_of(Machine& machine, const Val& attribute, bool ignore_case) {
  Attribute out{.parts = {}, .fallback = {}, .ignore_case = ignore_case};
  if (attribute.is_strict()) {
    return Machine::undefined(attribute);
  }
  if (attribute.is_string()) {
    TRY_OK(machine.spend_text(attribute.as_string().size()));
    for (std::string& part : split_at(attribute.as_string(), ".", -1)) {
      const bool digits =
          !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
      const ParsedInt index = digits ? parse_int(part, 10) : ParsedInt{};
      out.parts.push_back(index.value ? Val(*index.value) : Val(std::move(part)));
    }
  } else if (!attribute.is_null()) {
    out.parts.push_back(attribute);
  }
  return out;
}

Result<std::vector<Attribute>> attributes_of(Machine& machine, const Val& attribute,
                                             bool ignore_case) {
  std::vector<Attribute> out;
  if (!attribute.is_string()) {
    TRY(Attribute one, attribute_of(machine, attribute, ignore_case));
    out.push_back(std::move(one));
    return out;
  }
  for (std::string& name : split_at(attribute.as_string(), ",", -1)) {
    TRY(Attribute one, attribute_of(machine, Val(std::move(name)), ignore_case));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace tutti::expr
