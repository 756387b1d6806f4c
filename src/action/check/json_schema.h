// SPDX-License-Identifier: Apache-2.0
// JsonSchema: validates values against JSON Schema draft 2020-12, its commonly used part. Pure.
//
// Known: type enum const, properties required additionalProperties patternProperties propertyNames
// min/maxProperties dependentRequired, items prefixItems contains min/maxContains min/maxItems
// uniqueItems, min/maxLength pattern (RE2) format (date date-time time email uri uuid ipv4),
// minimum maximum exclusiveMinimum exclusiveMaximum multipleOf, allOf anyOf oneOf not if/then/else,
// $ref within the document, $defs, and annotations. A keyword we do not know is refused: ignoring
// it would let pass what it forbids.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace re2 {
class RE2;
}

namespace tutti::action {

struct Violation {
  std::string at;        // JSON pointer into the value; empty: the whole
  std::string expected;  // "a number of at least 0"
  std::string seen;      // "-1", shortened
  std::string text() const;
};

// Immutable and cheap to copy.
class JsonSchema {
 public:
  // Errors: bad_input, `where` a JSON pointer into the schema.
  static Result<JsonSchema> compile(Value schema);

  // The first `violations_max` places where the value is not as the schema wants it; none: it is
  // valid. bad_input when the schema refers to itself too deeply.
  Result<std::vector<Violation>> validate(const Value& value, size_t violations_max = 10) const;

 private:
  struct Compiled;
  class Validation;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace tutti::action
