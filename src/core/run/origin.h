// SPDX-License-Identifier: Apache-2.0
// Origin: what a run was started with. Never changes; stored once beside the state.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/value.h"

namespace tutti::run {

struct Origin {
  int64_t run_no = 0;
  std::string workflow;                      // name
  Digest version;                            // of the workflow
  Digest frozen;                             // blob: the workflow as spec::freeze wrote it
  std::map<std::string, Digest> files = {};  // blobs: what the workflow names, by path
  std::string profile;
  std::string project;               // folder
  Value params = Value(ValueMap{});  // complete: defaults filled in
  Value vars = Value(ValueMap{});
  Value connections = Value(ValueMap{});  // name -> {type, settings}
  Instant logical_date;
  Instant interval_start;  // equal to the end: an empty interval
  Instant interval_end;
  bool operator==(const Origin&) const = default;
};

}  // namespace tutti::run
