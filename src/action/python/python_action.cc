// SPDX-License-Identifier: Apache-2.0
#include "action/python/python_action.h"

#include <algorithm>

#include <fmt/format.h>

#include "action/api/outcome.h"
#include "action/api/output_log.h"
#include "action/protocol/launch.h"
#include "action/python/runner.h"
#include "rt/file.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;

Schema make_schema() {
  return {
      .name = "python",
      .summary = "Calls a Python function of the project.",
      .params = {{.name = "call",
                  .kind = ParamKind::python_call,
                  .doc = "module:function; the module is a file of the project.",
                  .required = true},
                 {.name = "args",
                  .kind = ParamKind::value,
                  .doc = "A map of arguments by name, or a list of them. A function with an "
                         "argument `files` is given the paths of the task's `files`: {in: {NAME: "
                         "PATH}, out: {NAME: PATH}}.",
                  .fallback = "none"}},
      .outputs = {{.name = "value",
                   .kind = "any",
                   .doc = "What the function returned, when it is no mapping."}},
      .outputs_open = true,
      .takes_files = true,
      .takes_env = true,
      .takes_runtime = true,
  };
}

struct Call {
  std::string module;
  std::string path;  // of the module in the project
};

Result<Call> parse_call(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view module = text.substr(0, colon);
  const bool named = colon != std::string_view::npos && colon > 0 && colon + 1 < text.size() &&
                     module.find('/') == std::string_view::npos;
  if (!named) {
    return fail(Code::bad_input, fmt::format("`call` is '{}'", text),
                "write module:function, such as scripts.clean:main for scripts/clean.py");
  }
  Call call{.module = std::string(module), .path = std::string(module)};
  std::ranges::replace(call.path, '.', '/');
  call.path += ".py";
  return call;
}

rt::Environment environment(const AttemptInfo& info, const StagedFiles& staged) {
  rt::Environment env = program_environment(info, staged);
  constexpr std::pair<std::string_view, std::string_view> defaults[] = {
      {"PYTHONUNBUFFERED", "1"},
      {"PYTHONDONTWRITEBYTECODE", "1"},  // the project's folder is only read
      {"PYTHONIOENCODING", "utf-8"}};
  for (const auto& [name, value] : defaults) {
    if (std::ranges::find(env, name, &rt::Environment::value_type::first) == env.end()) {
      env.emplace_back(name, value);
    }
  }
  return env;
}

Failed failed(Error error, FailReason reason, bool retryable) {
  return {.error = std::move(error), .reason = reason, .retryable = retryable};
}

// It ended without an outcome: os._exit, a crash, a signal, memory.
Outcome failed_end(const ProgramEnd& end, const std::string& call, const std::string& words) {
  if (!end.exit.has_value()) {
    Failed lost = failed(end.exit.error(), FailReason::infrastructure, true);
    lost.lost = end.exit.error().code == Code::unavailable;
    return lost;
  }
  if (end.outcome.error().provider_code != "lost") {
    return failed(end.outcome.error(), FailReason::code, true);
  }
  Error error{.code = Code::internal,
              .what = fmt::format("python ended before the function had returned ({})",
                                  rt::to_text(*end.exit)),
              .where = call,
              .remedy = "see the log of the attempt",
              .provider_code = end.exit->code ? fmt::format("exit {}", *end.exit->code)
                                              : rt::signal_name(end.exit->signal)};
  if (!words.empty()) {
    error.what += ": " + words;
  }
  if (end.exit->signal == 9) {
    error.remedy = "somebody killed it; when the system did, it was for memory: let it use less";
  }
  return failed(std::move(error), FailReason::code, true);
}

}  // namespace

PythonAction::PythonAction(rt::Processes& processes, FileStaging& staging,
                           PythonEnvironments& environments)
    : processes_(processes),
      staging_(staging),
      environments_(environments),
      schema_(make_schema()) {}

Task<Preview> PythonAction::plan(rt::Context&, const AttemptInfo& info, Value with) {
  Preview preview;
  std::string detail;
  if (!with["args"].is_null()) {
    detail = "args: " + to_json(with["args"]);
  }
  if (const std::string_view file = info.runtime.get_string("requirements"); !file.empty()) {
    detail += fmt::format("{}environment from {}", detail.empty() ? "" : "\n", file);
  }
  preview.steps = preview_files(info.files);
  preview.steps.push_back(
      {.what = fmt::format("call {}", with.get_string("call")), .detail = std::move(detail)});
  co_return preview;
}

Task<Outcome> PythonAction::run(rt::Context& ctx, Attempt& attempt, Value with) {
  co_return co_await staging_.run(ctx, attempt, [&](StagedFiles staged) {
    return call(ctx, attempt, with, std::move(staged));
  });
}

Task<Outcome> PythonAction::call(rt::Context& ctx, Attempt& attempt, Value with,
                                 StagedFiles staged) {
  const AttemptInfo& info = attempt.info();
  const std::string call_text(with.get_string("call"));
  CO_TRY(const Call call, parse_call(call_text));
  CO_TRY(PythonWish wish, python_wish(info.runtime));
  rt::Environment env = environment(info, staged);
  Result<std::string> python = co_await environments_.prepare(ctx, attempt, std::move(wish), env);
  if (!python.has_value()) {
    co_return outcome_of(ctx, std::move(python).error());
  }
  ValueMap frozen;
  Result<std::string> source = co_await attempt.project_file(ctx, call.path);
  if (source.has_value()) {
    frozen.set(call.module, ValueMap{{"path", (info.project / call.path).string()},
                                     {"source", std::move(*source)}});
  } else if (source.error().code != Code::not_found) {
    co_return outcome_of(ctx, std::move(source).error());
  }
  const fs::path runner = info.scratch / ".tutti_runner.py";
  CO_OK(rt::write_file(runner, python_runner(), {.mode = 0600, .durable = false}));
  const fs::path work = info.scratch / "work";
  std::error_code error;
  fs::create_directories(work, error);
  rt::ProcessSpec spec{.argv = {*python, runner.string()},
                       .env = std::move(env),
                       .cwd = work,
                       .attempt = to_text(info.id)};
  Value request = ValueMap{{"call", call_text},
                           {"args", with["args"]},
                           {"project", info.project.string()},
                           {"files", staged.empty() ? Value() : staged.to_value()},
                           {"frozen", std::move(frozen)}};
  OutputLog log(attempt);
  Result<ProgramEnd> end = co_await run_program(ctx, processes_, std::move(spec), "python",
                                                ValueMap{}, attempt, log, std::move(request));
  CO_OK(ctx.check());  // cancelled and timed out are for the caller to tell apart
  if (!end.has_value()) {
    co_return outcome_of(ctx, std::move(end).error());
  }
  if (!end->outcome.has_value()) {
    co_return failed_end(*end, call_text, log.last_line());
  }
  co_return std::move(*end->outcome);
}

}  // namespace tutti::action
