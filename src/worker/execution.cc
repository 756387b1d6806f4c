// SPDX-License-Identifier: Apache-2.0
#include "worker/execution.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "rt/scope.h"
#include "worker/attempt.h"
#include "worker/render.h"

namespace tutti::worker {
namespace {

Report failed_report(const AttemptId& id, Error error, action::FailReason reason, bool retryable) {
  constexpr std::array<std::string_view, 5> names{"code", "data", "infrastructure", "timeout",
                                                  "policy"};
  return {.id = id,
          .end = error.code == Code::unknown_outcome ? End::unknown : End::failed,
          .error = std::move(error),
          .reason = std::string(names[static_cast<size_t>(reason)]),
          .retryable = retryable};
}

action::FailReason reason_of(Code code) {
  switch (code) {
    case Code::timed_out:
      return action::FailReason::timeout;
    case Code::corrupt:
    case Code::conflict:
      return action::FailReason::data;
    case Code::denied:
      return action::FailReason::policy;
    case Code::unavailable:
    case Code::throttled:
    case Code::internal:
      return action::FailReason::infrastructure;
    default:
      return action::FailReason::code;
  }
}

// What a plain error of an action means for the task: final where only somebody can mend it.
Report report_of_error(const AttemptId& id, Error error) {
  const Code code = error.code;
  const bool final = code == Code::bad_input || code == Code::unsupported || code == Code::denied;
  return failed_report(id, std::move(error), reason_of(code), !final);
}

std::vector<std::string> chosen_of(const Value& output) {
  const Value& chosen = output["chosen"];
  if (chosen.is_string()) {
    return {chosen.as_string()};
  }
  std::vector<std::string> names;
  if (chosen.is_list()) {
    for (const Value& each : chosen.as_list()) {
      if (each.is_string()) {
        names.push_back(each.as_string());
      }
    }
  }
  return names;
}

// Makes an output durable: inline, or as a blob before anybody hears of it.
Task<OutputRef> store_output(rt::Context& ctx, Coordinator& coordinator, Value output) {
  OutputRef ref;
  ref.json = to_json(output);
  ref.bytes = static_cast<int64_t>(ref.json.size());
  if (ref.json.size() > output_bytes_max) {
    co_return fail(Code::bad_input,
                   fmt::format("its output has {} bytes of JSON, the limit is {}", ref.json.size(),
                               output_bytes_max),
                   "write large results to an object and give its address as output");
  }
  if (ref.json.size() > inline_output_bytes_max) {
    ref.blob = sha256(ref.json);
    CO_OK(co_await coordinator.put_blob(ctx, *ref.blob, std::exchange(ref.json, {})));
  }
  co_return ref;
}

// Whether doing it again could write a second time (action/api/schema.h: write_param).
bool may_write_twice(const action::Schema& schema, const Value& with) {
  if (schema.write_param.empty() || !with[schema.key_param].is_null()) {
    return false;
  }
  const auto param = std::ranges::find(schema.params, schema.write_param, &action::Param::name);
  const Value& given = with[schema.write_param];
  const std::string value = given.is_string()              ? given.as_string()
                            : param == schema.params.end() ? std::string()
                                                           : param->fallback;
  return std::ranges::find(schema.safe_values, value) == schema.safe_values.end();
}

// The work is done, but not to be repeated: a person decides whether it counts.
Error done_in_doubt(Error error) {
  error.what =
      fmt::format("it was carried out, but its output could not be stored: {}", error.what);
  error.code = Code::unknown_outcome;
  return error;
}

class Execution {
 public:
  Execution(Services& services, Assignment assignment)
      : services_(services), assignment_(std::move(assignment)) {}

  Task<Report> run(rt::Context& ctx) {
    const auto at = services_.actions.find(assignment_.action);
    if (at == services_.actions.end()) {
      co_return report_of_error(
          id(), {.code = Code::unsupported,
                 .what = fmt::format("this worker has no action '{}'", assignment_.action),
                 .where = assignment_.task,
                 .remedy = "`tutti validate` shows which actions there are"});
    }
    action::Action& action = *at->second;
    context_ = context_of(assignment_, [this](std::string_view name) -> Result<Value> {
      TRY(std::string value, services_.masks.secret(name));
      return Value(std::move(value));
    });
    if (const auto ready = prepare(action.schema()); !ready) {
      remove_scratch();
      co_return report_of_error(id(), services_.masks.current()->mask(ready.error()));
    }
    auto rendered = render_task(assignment_, action.schema(), context_);
    if (!rendered) {
      remove_scratch();
      co_return report_of_error(id(), services_.masks.current()->mask(std::move(rendered).error()));
    }
    LocalAttempt attempt(services_.coordinator, services_.logs, assignment_.run, info_of(*rendered),
                         context_, services_.masks);
    attempt.set_scratch(scratch_);
    Report report = co_await perform(ctx, action, attempt, std::move(rendered->with));
    rt::Context closing = ctx.uncancellable();
    const auto logged = co_await attempt.close_log(closing, report.error);
    if (!logged.has_value() && report.error) {
      report.error->what +=
          fmt::format(" (and its log could not be written: {})", logged.error().text());
    }
    co_return report;
  }

 private:
  const AttemptId& id() const { return assignment_.id; }

  action::AttemptInfo info_of(RenderedTask& rendered) const {
    return {.id = id(),
            .workflow = assignment_.run->workflow,
            .task = assignment_.task,
            .profile = assignment_.run->profile,
            .project = assignment_.run->project,
            .env = std::move(rendered.env),
            .runtime = std::move(rendered.runtime),
            .files = std::move(rendered.files)};
  }

  // The attempt's folder, and the paths in it that templates may name.
  Result<Unit> prepare(const action::Schema& schema) {
    if (!services_.scratch.make || schema.light) {
      return Unit{};
    }
    TRY(scratch_, services_.scratch.make(id()));
    if (schema.takes_files && services_.file_paths) {
      TRY(const Value files, render_files(assignment_, context_));
      TRY(Value paths, services_.file_paths(assignment_.run->profile, files, scratch_));
      context_.set("files", std::move(paths));
    }
    return Unit{};
  }

  void remove_scratch() const {
    if (!scratch_.empty() && services_.scratch.remove) {
      services_.scratch.remove(scratch_);
    }
  }

  // Calls the action within the attempt's folder and time, and tells its end.
  rt::asio::awaitable<Report> perform(rt::Context& ctx, action::Action& action,
                                      LocalAttempt& attempt, Value with) {
    twice_ = may_write_twice(action.schema(), with);
    rt::Context limited = assignment_.timeout ? ctx.with_timeout(*assignment_.timeout) : ctx;
    auto outcome = co_await rt::guarded(action.run(limited, attempt, std::move(with)));
    const bool asked_to_stop = !ctx.check().has_value();
    const bool out_of_time = !limited.check().has_value();
    Report report = co_await report_of(ctx, action.schema(), attempt, std::move(outcome));
    if (report.end == End::failed && asked_to_stop) {
      report.end = End::stopped;
    } else if (report.end == End::failed && out_of_time) {
      report.reason = "timeout";
      report.error = Error{.code = Code::timed_out,
                           .what = fmt::format("it took longer than its timeout of {}",
                                               to_text(*assignment_.timeout)),
                           .where = assignment_.task,
                           .remedy = "raise `timeout` or make the task smaller"};
    }
    remove_scratch();
    co_return report;
  }

  rt::asio::awaitable<Report> report_of(rt::Context& ctx, const action::Schema& schema,
                                        LocalAttempt& attempt, Result<action::Outcome> outcome) {
    if (!outcome) {
      co_return report_of_error(id(), services_.masks.current()->mask(std::move(outcome).error()));
    }
    Report report;
    Value output;
    if (auto* failed = std::get_if<action::Failed>(&*outcome)) {
      report = failed_report(id(), services_.masks.current()->mask(std::move(failed->error)),
                             failed->reason, failed->retryable);
      report.end = failed->lost ? End::lost : report.end;
      output = std::move(failed->output);
    } else {
      report.id = id();
      output = std::move(std::get<action::Done>(*outcome).output);
    }
    if (schema.branches) {
      report.chosen = chosen_of(output);
    }
    if (!output.is_map() || output.as_map().empty()) {
      co_return report;
    }
    // The work is done: its output becomes durable even while the attempt is being cancelled.
    rt::Context closing = ctx.uncancellable();
    auto stored = co_await store_output(closing, services_.coordinator,
                                        services_.masks.current()->mask(std::move(output)));
    if (!stored && report.end != End::succeeded) {
      report.error->what +=
          fmt::format(" (and its output could not be stored: {})", stored.error().text());
      co_return report;
    }
    if (!stored) {
      co_return report_of_error(
          id(), twice_ ? done_in_doubt(std::move(stored).error()) : std::move(stored).error());
    }
    report.output = std::move(*stored);
    co_return report;
  }

  Services& services_;
  Assignment assignment_;
  expr::Context context_;
  bool twice_ = false;             // doing it again could write a second time
  std::filesystem::path scratch_;  // empty: the action needs none
};

}  // namespace

Task<Report> execute(rt::Context& ctx, Services& services, Assignment assignment) {
  const AttemptId id = assignment.id;
  Execution execution(services, std::move(assignment));
  auto report = co_await rt::guarded(execution.run(ctx));
  co_return report ? std::move(*report) : report_of_error(id, std::move(report).error());
}

}  // namespace tutti::worker
