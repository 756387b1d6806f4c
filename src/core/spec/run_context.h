// SPDX-License-Identifier: Apache-2.0
// What the templates of a run see, apart from tasks and secrets: built once a run by the engine,
// and by `tutti plan` for a run that does not exist yet. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "core/spec/spec.h"

namespace tutti::spec {

struct RunDates {
  Instant logical_date;
  Instant interval_start;
  Instant interval_end;  // equal to the start: an empty interval
};
// A run by hand: of a date, [D, D+1) UTC; else of now, with an empty interval.
RunDates dates_of_manual_run(std::optional<Date> date, Instant now);

struct RunIdentity {
  RunId id;
  std::string profile;
  std::string version;  // of the workflow, as text
  RunDates dates;
  Value vars = Value(ValueMap{});
  Value connections = Value(ValueMap{});  // name -> {type, settings}
};

// What templates see of a profile's connections: RunIdentity::connections.
Value connection_context(const Profile& profile);

// The given parameters, typed and checked, with the defaults of the others. Templates in defaults
// see the dates, run, workflow and vars. bad_input: an unknown one, one missing, a wrong value.
Result<Value> complete_params(const Workflow& workflow, const RunIdentity& run, const Value& given);

// The roots of context.h that are known for the whole run; `params` as complete_params gave them.
Value run_context(const Workflow& workflow, const RunIdentity& run, const Value& params);

// The root `task`; attempt 0: not known (in `when`).
Value task_context(const std::string& name, const Value& tags, AttemptNo attempt);

}  // namespace tutti::spec
