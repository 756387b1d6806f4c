// SPDX-License-Identifier: Apache-2.0
#include "action/process/process_action.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include "action/api/output_log.h"
#include "rt/file.h"

namespace tutti::action {
namespace {

constexpr size_t output_bytes_max = 64u << 20;
constexpr size_t inline_script_bytes_max = 100u << 10;  // the kernel takes 128 KiB an argument

Schema make_schema() {
  return {
      .name = "process",
      .summary = "Runs a program or a bash script on the worker's machine.",
      .params = {{.name = "run",
                  .kind = ParamKind::script,
                  .doc = "A bash script, run with -euo pipefail."},
                 {.name = "argv",
                  .kind = ParamKind::command,
                  .doc = "The program and its arguments, without a shell."},
                 {.name = "stdin",
                  .kind = ParamKind::text,
                  .doc = "What it reads from its standard input.",
                  .secret_ok = true,
                  .fallback = "nothing"},
                 {.name = "cwd",
                  .kind = ParamKind::text,
                  .doc = "The folder it starts in, from the project's folder.",
                  .fallback = "an empty folder, removed afterwards"}},
      .one_of = {{"run", "argv"}},
      .outputs = {{.name = "exit_code", .kind = "integer", .doc = "Of the program."}},
      .outputs_open = true,
      .takes_files = true,
      .takes_env = true,
  };
}

Result<std::vector<std::string>> arguments(const Value& with, const AttemptInfo& info) {
  if (!with["run"].is_null()) {
    const std::string script(with.get_string("run"));
    std::vector<std::string> argv = {"bash", "-euo", "pipefail"};
    if (script.size() <= inline_script_bytes_max) {
      argv.insert(argv.end(), {"-c", script, info.task});  // the name its messages begin with
      return argv;
    }
    const auto path = info.scratch / ".tutti_script";
    TRY_OK(rt::write_file(path, script, {.mode = 0600, .durable = false}));
    argv.push_back(path.string());
    return argv;
  }
  if (!with["argv"].is_list() || with["argv"].as_list().empty()) {
    return fail(Code::bad_input, "a process needs `run` (a script) or `argv` (a list)",
                "give exactly one of them");
  }
  std::vector<std::string> argv;
  for (const Value& each : with["argv"].as_list()) {
    if (each.is_list() || each.is_map() || each.is_null()) {
      return fail(Code::bad_input,
                  fmt::format("argv holds a {}; arguments are texts", kind_name(each.kind())),
                  "quote it, or use the filter tojson");
    }
    argv.push_back(each.is_string() ? each.as_string() : to_json(each));
  }
  return argv;
}

Result<std::filesystem::path> working_folder(const Value& with, const AttemptInfo& info) {
  if (const auto cwd = with.get_string("cwd"); !cwd.empty()) {
    return info.project / cwd;
  }
  const auto folder = info.scratch / "work";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return fail(rt::error_of_errno(error.value(), "making the working folder", folder));
  }
  return folder;
}

Result<rt::ProcessSpec> make_spec(const Value& with, const AttemptInfo& info,
                                  const std::filesystem::path& output, const StagedFiles& staged) {
  rt::ProcessSpec spec;
  TRY(spec.argv, arguments(with, info));
  TRY(spec.cwd, working_folder(with, info));
  spec.env = program_environment(info, staged);
  rt::set_variable(spec.env, "TUTTI_OUTPUT", output.string());
  spec.attempt = to_text(info.id);
  const Value& input = with["stdin"];
  if (!input.is_null()) {
    spec.input = input.is_string() ? input.as_string() : to_json(input);
  }
  return spec;
}

Outcome failed_start(Error error) {
  // A lost helper is the machine's doing; what is wrong with the task stays wrong.
  const bool lost = error.code == Code::unavailable;
  return Failed{.error = std::move(error),
                .reason = lost ? FailReason::infrastructure : FailReason::code,
                .retryable = lost,
                .lost = lost};
}

Outcome failed_exit(const rt::Exit& exit, const std::string& last_line) {
  Error error{.code = Code::internal,
              .what = rt::to_text(exit),
              .remedy = "see the log of the attempt",
              .provider_code =
                  exit.code ? fmt::format("exit {}", *exit.code) : rt::signal_name(exit.signal)};
  if (!last_line.empty()) {
    error.what += ": " + last_line;
  }
  constexpr int signal_base = 128;  // as a shell counts
  const int code = exit.code.value_or(signal_base + exit.signal);
  return Failed{.error = std::move(error),
                .reason = FailReason::code,
                .retryable = true,
                .output = Value::of({{"exit_code", code}})};
}

}  // namespace

Result<ValueMap> read_output_file(const std::filesystem::path& path) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) {
    return ValueMap{};
  }
  const auto wrong = [](std::string what, std::string remedy) {
    return fail(Error{.code = Code::bad_input,
                      .what = std::move(what),
                      .where = "$TUTTI_OUTPUT",
                      .remedy = std::move(remedy)});
  };
  if (!S_ISREG(info.st_mode)) {
    return wrong("it is not a regular file", "write the JSON object into the file itself");
  }
  if (static_cast<uint64_t>(info.st_size) > output_bytes_max) {
    return wrong(fmt::format("the outputs are {} bytes; at most {} MiB are kept", info.st_size,
                             output_bytes_max >> 20U),
                 "write the data to a store and give its address as output");
  }
  TRY(const std::string text, rt::read_file(path, {.bytes_max = output_bytes_max}));
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return ValueMap{};
  }
  auto value = parse_json(text, {.bytes_max = output_bytes_max});
  if (!value.has_value()) {
    return wrong("the outputs are not JSON: " + value.error().what,
                 "write one JSON object, such as {\"rows\": 3}");
  }
  if (!value->is_map()) {
    return wrong(fmt::format("the outputs are a {}, not an object", kind_name(value->kind())),
                 "write one JSON object, such as {\"rows\": 3}");
  }
  return value->as_map();
}

ProcessAction::ProcessAction(rt::Processes& processes, FileStaging& staging)
    : processes_(processes), staging_(staging), schema_(make_schema()) {}

// tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
Task<Preview> ProcessAction::plan(rt::Context&, const AttemptInfo& info, Value with) {
  Preview::Step step{.what = "run a bash script", .detail = std::string(with.get_string("run"))};
  if (with["argv"].is_list()) {
    for (const Value& each : with["argv"].as_list()) {
      step.detail += (step.detail.empty() ? "" : " ");
      step.detail += each.is_string() ? each.as_string() : to_json(each);
    }
    step.what = "run a program";
  }
  Preview preview{.steps = preview_files(info.files)};
  preview.steps.push_back(std::move(step));
  co_return preview;
}

Task<Outcome> ProcessAction::run(rt::Context& ctx, Attempt& attempt, Value with) {
  co_return co_await staging_.run(ctx, attempt, [&](StagedFiles staged) {
    return call(ctx, attempt, with, std::move(staged));
  });
}

Task<Outcome> ProcessAction::call(rt::Context& ctx, Attempt& attempt, Value with,
                                  StagedFiles staged) {
  const auto output = attempt.info().scratch / ".tutti_output.json";
  auto spec = make_spec(with, attempt.info(), output, staged);
  if (!spec.has_value()) {
    co_return failed_start(std::move(spec).error());
  }
  OutputLog log(attempt);
  auto exit = co_await processes_.run(ctx, std::move(*spec), log);
  if (!exit.has_value()) {
    CO_OK(ctx.check());  // cancelled and timed out are for the caller to tell apart
    co_return failed_start(std::move(exit).error());
  }
  if (!exit->ok()) {
    co_return failed_exit(*exit, log.last_line());
  }
  auto outputs = read_output_file(output);
  if (!outputs.has_value()) {
    co_return Failed{.error = std::move(outputs).error(),
                     .reason = FailReason::data,
                     .retryable = true,
                     .output = Value::of({{"exit_code", 0}})};
  }
  outputs->set("exit_code", 0);
  co_return Done{.output = std::move(*outputs)};
}

}  // namespace tutti::action
