// SPDX-License-Identifier: Apache-2.0
// The `attribute` argument of filters: "name", "address.city", "0.name", 1.
#pragma once

#include "core/expr/machine.h"

namespace tutti::expr {

struct Attribute {
  std::vector<Val> parts;  // empty: the item itself
  Val fallback;            // none: what is missing stays undefined
  bool ignore_case = false;

  Result<Val> of(Machine& machine, const Val& item) const;
};

// none: the item itself. Parts that are digits are indices.
Result<Attribute> attribute_of(Machine& machine, const Val& attribute, bool ignore_case = false);
// "name,age": one after the other.
Result<std::vector<Attribute>> attributes_of(Machine& machine, const Val& attribute,
                                             bool ignore_case);

}  // namespace tutti::expr
