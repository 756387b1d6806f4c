// SPDX-License-Identifier: Apache-2.0
// What a transfer does with each object, decided from what is known of both ends. Pure; values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "core/transfer/glob.h"

namespace tutti::transfer {

// What an address selects: one object, all below a prefix, or what a pattern matches.
struct Selection {
  enum class Kind : uint8_t { object, prefix, glob } kind = Kind::object;
  std::string key;           // the object, the prefix to list
  std::string base;          // what is cut off a key to name it below a destination
  std::optional<Glob> glob;  // with kind glob

  bool matches(std::string_view candidate) const;
};
// The object of exactly this key, whatever characters it has.
Selection object_selection(std::string_view key);
// A trailing slash, or nothing at all, means a prefix; * ? [ { make a pattern. A key that has these
// characters itself is written with a backslash before them.
Result<Selection> parse_selection(std::string_view key);

// A place below which names lie: it ends with a slash, or is the whole bucket.
bool is_prefix(std::string_view key);

// The destination of each key: a trailing slash (or nothing) keeps names below it; else it is the
// one object's new name. bad_input: many objects to one name.
Result<std::string> destination_of(const Selection& from, std::string_view key,
                                   std::string_view to);
Result<Unit> check_destination(const Selection& from, std::string_view to);

enum class IfExists : uint8_t {
  fail,     // a destination that exists is an error
  skip,     // is left as it is
  replace,  // is replaced
  verify,   // must be equal, byte for byte, and is left as it is
};
std::string_view if_exists_name(IfExists value);
Result<IfExists> parse_if_exists(std::string_view text);

// One end's knowledge of an object.
struct Known {
  std::string key;
  uint64_t size = 0;
  std::vector<Digest> digests = {};
};

enum class Act : uint8_t {
  copy,      // the destination is absent
  replace,   // exists and shall be replaced
  skip,      // exists and shall stay
  equal,     // exists and is proven equal by a digest both ends know
  compare,   // exists with the same size: the bytes decide
  conflict,  // exists and must not, or is different and must not be
  remove,    // only at the destination
};
std::string_view act_name(Act act);

struct Step {
  Act act = Act::copy;
  std::string from;  // key; empty for remove
  std::string to;
  uint64_t bytes = 0;
  std::string why = {};  // with conflict: a sentence
};

// `existing`: null where the destination has no such object.
Step decide(const Known& source, std::string to, const Known* existing, IfExists if_exists);

struct PlanOptions {
  IfExists if_exists = IfExists::fail;
  bool remove_extra = false;  // what only the destination has goes
};
struct Plan {
  std::vector<Step> steps;  // in the order of the destination's keys
  uint64_t objects = 0;     // to copy or replace
  uint64_t bytes = 0;       // of those
  uint64_t skipped = 0;     // skip, equal, compare
  uint64_t conflicts = 0;
  uint64_t removes = 0;
};
// Two listings, each sorted by key. bad_input where a destination is impossible.
Result<Plan> make_plan(const Selection& from, const std::vector<Known>& sources,
                       std::string_view to, const std::vector<Known>& existing,
                       PlanOptions options);

struct PartLimits {
  uint64_t part_bytes_min = 1;
  uint64_t part_bytes_max = UINT64_MAX;
  uint32_t parts_max = 10'000;
};
// The size of every part but the last, the same for the whole object: at least `wanted`, a multiple
// of 1 MiB where the limits allow, within parts_max. bad_input: the object is too big for the
// store.
Result<uint64_t> part_bytes_of(uint64_t object_bytes, uint64_t wanted, PartLimits limits);

}  // namespace tutti::transfer
