// SPDX-License-Identifier: Apache-2.0
#include "core/spec/context.h"

#include <algorithm>

namespace tutti::spec {

namespace {

const std::vector<ContextRoot> roots = {
    {.name = "ds", .doc = "logical date, 2026-02-28", .in_params = true},
    {.name = "ds_nodash", .doc = "logical date, 20260228", .in_params = true},
    {.name = "ts", .doc = "logical date and time, 2026-02-28T00:00:00+00:00", .in_params = true},
    {.name = "ts_nodash", .doc = "logical date and time, 20260228T000000", .in_params = true},
    {.name = "logical_date", .doc = "as ts", .in_params = true},
    {.name = "data_interval_start", .doc = "first instant of the data interval", .in_params = true},
    {.name = "data_interval_end", .doc = "first instant behind it", .in_params = true},
    {.name = "prev_ds", .doc = "date of the interval before", .in_params = true},
    {.name = "prev_ds_nodash", .doc = "the same without dashes", .in_params = true},
    {.name = "next_ds", .doc = "date of the interval after", .in_params = true},
    {.name = "next_ds_nodash", .doc = "the same without dashes", .in_params = true},
    {.name = "run",
     .doc = "this run",
     .in_params = true,
     .members = {{"id", "26 characters, unique"}, {"profile", "the profile it runs in"}}},
    {.name = "workflow",
     .doc = "its workflow",
     .in_params = true,
     .members = {{"name", ""}, {"version", "hash of what it runs"}, {"tags", "map of tags"}}},
    {.name = "task",
     .doc = "the task that is rendered",
     .members = {{"name", ""},
                 {"attempt", "1 for the first try; not in `when`"},
                 {"tags", "map of tags"}}},
    {.name = "params", .doc = "the run's parameters: params.NAME"},
    {.name = "tasks", .doc = "tasks upstream: tasks.NAME.outputs.KEY, tasks.NAME.state"},
    {.name = "files",
     .doc = "files.NAME: the path of a file of the task's `files`, only in that task and while it "
            "runs"},
    {.name = "vars", .doc = "`vars` of the project", .in_params = true},
    {.name = "secrets", .doc = "secrets.NAME, where secrets are allowed"},
    {.name = "connections", .doc = "connections.NAME.type and its settings"},
    {.name = "assets", .doc = "", .later = true},
    {.name = "partition", .doc = "", .later = true},
    {.name = "event", .doc = "", .later = true},
    {.name = "events", .doc = "", .later = true},
    {.name = "item", .doc = "", .later = true},
};

}  // namespace

std::span<const ContextRoot> context_roots() { return roots; }

const ContextRoot* find_context_root(std::string_view name) {
  const auto found = std::ranges::find(roots, name, &ContextRoot::name);
  return found == roots.end() ? nullptr : &*found;
}

}  // namespace tutti::spec
