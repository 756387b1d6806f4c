// SPDX-License-Identifier: Apache-2.0
// The members of each struct of control.h, once, for encoding and decoding: `fields(visit, object)`
// calls visit("name", member) for each. Inside of wire.cc.
#pragma once

#include "control/wire.h"

namespace tutti::control {

// A struct, const or not.
template <class T, class Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

void fields(auto& visit, Is<RunRef> auto& o) { visit("text", o.text); }

void fields(auto& visit, Is<StartRun> auto& o) {
  visit("id", o.id);
  visit("workflow", o.workflow);
  visit("files", o.files);
  visit("profile", o.profile);
  visit("project", o.project);
  visit("params", o.params);
  visit("vars", o.vars);
  visit("connections", o.connections);
  visit("date", o.date);
}

void fields(auto& visit, Is<RunView> auto& o) {
  visit("id", o.id);
  visit("run_no", o.run_no);
  visit("workflow", o.workflow);
  visit("profile", o.profile);
  visit("version", o.version);
  visit("logical_date", o.logical_date);
  visit("interval_start", o.interval_start);
  visit("interval_end", o.interval_end);
  visit("state", o.state);
  visit("reason", o.reason);
  visit("problem", o.problem);
  visit("attention", o.attention);
  visit("created", o.created);
  visit("started", o.started);
  visit("ended", o.ended);
  visit("tasks", o.tasks);
  visit("succeeded", o.succeeded);
  visit("failed", o.failed);
  visit("skipped", o.skipped);
}

void fields(auto& visit, Is<Error> auto& o) {
  visit("code", o.code);
  visit("what", o.what);
  visit("where", o.where);
  visit("remedy", o.remedy);
  visit("retry_after", o.retry_after);
  visit("provider_code", o.provider_code);
}

void fields(auto& visit, Is<TaskView> auto& o) {
  visit("no", o.no);
  visit("name", o.name);
  visit("action", o.action);
  visit("needs", o.needs);
  visit("state", o.state);
  visit("reason", o.reason);
  visit("attempt", o.attempt);
  visit("attempts_max", o.attempts_max);
  visit("started", o.started);
  visit("ended", o.ended);
  visit("next_try", o.next_try);
  visit("error", o.error);
  visit("bytes_done", o.bytes_done);
  visit("bytes_total", o.bytes_total);
  visit("items_done", o.items_done);
  visit("items_total", o.items_total);
  visit("output", o.output);
}

void fields(auto& visit, Is<AttemptView> auto& o) {
  visit("task", o.task);
  visit("task_name", o.task_name);
  visit("attempt", o.attempt);
  visit("state", o.state);
  visit("reason", o.reason);
  visit("started", o.started);
  visit("ended", o.ended);
  visit("error", o.error);
}

void fields(auto& visit, Is<RunChanges> auto& o) {
  visit("revision", o.revision);
  visit("run", o.run);
  visit("tasks", o.tasks);
}

void fields(auto& visit, Is<Watch> auto& o) {
  visit("run", o.run);
  visit("since", o.since);
  visit("wait", o.wait);
  visit("outputs", o.outputs);
}

void fields(auto& visit, Is<RunsQuery> auto& o) {
  visit("workflow", o.workflow);
  visit("state", o.state);
  visit("date", o.date);
  visit("before_run_no", o.before_run_no);
  visit("rows_max", o.rows_max);
}

void fields(auto& visit, Is<LogQuery> auto& o) {
  visit("run", o.run);
  visit("task", o.task);
  visit("attempt", o.attempt);
  visit("cursor", o.cursor);
  visit("wait", o.wait);
  visit("bytes_max", o.bytes_max);
}

void fields(auto& visit, Is<LogLine> auto& o) {
  visit("task", o.task);
  visit("attempt", o.attempt);
  visit("stream", o.stream);
  visit("at", o.at);
  visit("text", o.text);
}

void fields(auto& visit, Is<LogPage> auto& o) {
  visit("lines", o.lines);
  visit("cursor", o.cursor);
  visit("end", o.end);
}

void fields(auto& visit, Is<Mark> auto& o) {
  visit("run", o.run);
  visit("task", o.task);
  visit("state", o.state);
}

void fields(auto& visit, Is<OwnerView> auto& o) {
  visit("pid", o.pid);
  visit("version", o.version);
  visit("started", o.started);
  visit("live_runs", o.live_runs);
  visit("busy_runs", o.busy_runs);
  visit("clients", o.clients);
  visit("problem", o.problem);
}

void fields(auto& visit, Is<CancelRun> auto& o) {
  visit("run", o.run);
  visit("now", o.now);
}

void fields(auto& visit, Is<RetryRun> auto& o) {
  visit("run", o.run);
  visit("what", o.what);
}

void fields(auto& visit, Is<Hello> auto& o) {
  visit("protocol", o.protocol);
  visit("version", o.version);
  visit("pid", o.pid);
  visit("settings", o.settings);
}

}  // namespace tutti::control
