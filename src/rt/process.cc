// SPDX-License-Identifier: Apache-2.0
#include "rt/process.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "base/check.h"
#include "rt/file.h"
#include "rt/process_client.h"
#include "rt/scope.h"

namespace tutti::rt {
namespace {

// How long the end of an output is awaited once everything that could write it is dead.
constexpr Duration output_patience = seconds(1);

// Bytes as a file of its own: no need to feed a pipe beside the program.
Result<Descriptor> memory_file(const std::string& bytes) {
  Descriptor fd(memfd_create("tutti-input", MFD_CLOEXEC));
  if (!fd.is_open()) {
    return fail(error_of_errno(errno, "making the program's input", {}));
  }
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = write(fd.get(), bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno != EINTR) {
      return fail(error_of_errno(errno, "writing the program's input", {}));
    }
    at += n > 0 ? static_cast<size_t>(n) : 0;
  }
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

Result<Unit> check_spec(const ProcessSpec& spec) {
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (spec.argv.empty() || spec.argv.front().empty()) {
    return fail(Code::bad_input, "no program was named", "give argv at least one element");
  }
  if (std::ranges::any_of(spec.argv, has_nul) || has_nul(spec.cwd.string())) {
    return fail(Code::bad_input, "an argument of the program contains a NUL byte",
                "pass such data through stdin or a file");
  }
  for (const auto& [name, value] : spec.env) {
    if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value)) {
      return fail(Code::bad_input,
                  fmt::format("'{}' cannot be an environment variable", name.c_str()),
                  "a name has no '=', name and value no NUL byte");
    }
  }
  if (spec.extra.size() + 3 > wire::descriptors_max) {
    return fail(Code::bad_input, "too many descriptors for one program");
  }
  return Unit{};
}

Error start_error(const wire::Started& started, const std::string& program,
                  const std::string& folder) {
  const int number = started.error_number;
  if (started.stage == wire::Stage::folder) {
    Error error = error_of_errno(number, "entering the working folder", folder);
    error.code = error.code == Code::not_found ? Code::bad_input : error.code;
    error.remedy = "check `cwd`";
    return error;
  }
  Error error = error_of_errno(number, fmt::format("starting '{}'", program), {});
  const bool is_path = program.find('/') != std::string::npos;
  switch (number) {
    case ENOENT:
      error.what = is_path ? fmt::format(
                                 "the program '{}' does not exist (or the interpreter its "
                                 "first line names does not)",
                                 program)
                           : fmt::format("the program '{}' was not found in PATH", program);
      error.remedy = is_path ? "check the path" : "install it on this machine, or give its path";
      break;
    case EACCES:
      error.what = fmt::format("the program '{}' may not be executed", program);
      error.remedy = fmt::format("chmod +x '{}', or name its interpreter first", program);
      break;
    case ENOEXEC:
      error.code = Code::bad_input;
      error.what = fmt::format("'{}' is not a program", program);
      error.remedy = "a script needs `#!` and its interpreter in the first line";
      break;
    case E2BIG:
      error.code = Code::bad_input;
      error.what = fmt::format("the arguments and environment of '{}' are too long", program);
      error.remedy = "pass data through stdin or a file";
      break;
    case EAGAIN:
    case ENOMEM:
      error.code = Code::unavailable;
      error.remedy = "the machine is out of processes or memory; see ulimit -u";
      break;
    default:
      break;
  }
  return error;
}

}  // namespace

Environment default_environment() {
  Environment env;
  constexpr std::string_view names[] = {
      "HOME",       "USER",        "LOGNAME",   "SHELL",      "LANG",         "LANGUAGE",
      "TZ",         "TMPDIR",      "LC_ALL",    "LC_CTYPE",   "LC_COLLATE",   "LC_NUMERIC",
      "LC_TIME",    "LC_MESSAGES", "no_proxy",  "http_proxy", "https_proxy",  "NO_PROXY",
      "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",  "SSL_CERT_FILE"};
  const char* path = std::getenv("PATH");
  env.emplace_back("PATH", path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (const std::string_view name : names) {
    if (const char* value = std::getenv(std::string(name).c_str())) {
      env.emplace_back(name, value);
    }
  }
  return env;
}

void set_variable(Environment& env, std::string_view name, std::string value) {
  const auto known = std::ranges::find(env, name, &Environment::value_type::first);
  if (known != env.end()) {
    known->second = std::move(value);
  } else {
    env.emplace_back(name, std::move(value));
  }
}

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

std::string to_text(const Exit& exit) {
  return exit.code ? fmt::format("exit code {}", *exit.code)
                   : fmt::format("killed by {}", signal_name(exit.signal));
}

// ---- Process

Process::Process(Processes& owner, std::shared_ptr<Record> record)
    : owner_(owner), record_(std::move(record)), pid_(record_->pid) {}

Process::~Process() {
  if (!record_->end) {
    signal(SIGKILL);
  }
}

bool Process::ended() const { return record_->end.has_value(); }

void Process::signal(int number) {
  if (!record_->end) {
    owner_.state_->send_soon({.signal = wire::Signal{.id = record_->id, .number = number}});
  }
}

Task<Exit> Process::wait(Context& ctx) {
  while (!record_->end) {
    CO_OK(co_await record_->changed.wait(ctx));
  }
  co_return *record_->end;
}

Task<Exit> Process::stop(Context& ctx, Duration grace) {
  Context own = ctx.uncancellable();
  signal(SIGTERM);
  Context patient = own.with_timeout(grace);
  auto ended = co_await wait(patient);
  if (!ended.has_value() && !record_->end) {
    signal(SIGKILL);
    ended = co_await wait(own);
  }
  co_return ended;
}

namespace {

struct Pump {
  ByteStream* stream;
  OutputKind kind;
  OutputSink* sink;
  CancelSource* stop;  // tripped when no more is to be expected, and when a sink failed
};

// What is in the pipe already, although nobody waits for more.
Task<Unit> pump_rest(Context& ctx, Pump pump) {
  constexpr size_t rest_bytes_max = 1u << 20;  // a pipe's usual largest size
  Context at_once = ctx.with_timeout(milliseconds(1));
  for (size_t bytes = 0; bytes < rest_bytes_max;) {
    auto read = co_await pump.stream->read(at_once);
    if (!read.has_value() || read->empty()) {
      break;
    }
    bytes += read->size();
    CO_OK(co_await pump.sink->write(ctx, pump.kind, std::move(*read)));
    at_once = ctx.with_timeout(milliseconds(1));
  }
  co_return Unit{};
}

Task<Unit> pump_one(Context& ctx, Pump pump) {
  Context reading = ctx.with_token(pump.stop->token());
  while (true) {
    auto bytes = co_await pump.stream->read(reading);
    if (!bytes.has_value()) {
      CO_OK(ctx.check());
      co_return co_await pump_rest(ctx, pump);
    }
    if (bytes->empty()) {
      co_return Unit{};
    }
    auto written = co_await pump.sink->write(ctx, pump.kind, std::move(*bytes));
    if (!written.has_value()) {
      pump.stop->cancel(written.error());
      co_return written;
    }
  }
}

Task<Unit> pump_both(Scope& scope, Pump out, Pump err) {
  CO_OK(co_await scope.spawn(pump_one(scope.context(), out)));
  co_return co_await pump_one(scope.context(), err);
}

}  // namespace

Task<Unit> Process::pump(Context& ctx, OutputSink& sink) {
  CHECK(record_->out != nullptr);  // once
  auto out = std::move(record_->out);
  auto err = std::move(record_->err);
  CancelSource stop(ctx.token());
  const auto link = record_->outputs_over.token().on_cancel(
      [&stop] { stop.cancel(cancelled_error("the program has ended")); });
  const Pump pump_out{out.get(), OutputKind::out, &sink, &stop};
  const Pump pump_err{err.get(), OutputKind::err, &sink, &stop};
  co_return co_await scoped(ctx, {}, pump_both, pump_out, pump_err);
}

// ---- Processes

Processes::Processes(Executor loop, ProcessesOptions options)
    : state_(std::make_shared<State>(std::move(loop), std::move(options))) {}

Processes::~Processes() = default;

Task<Unit> Processes::open(Context& ctx) { co_return co_await state_->open(ctx); }

Task<Unit> Processes::close(Context& ctx) { co_return co_await state_->close(ctx); }

void Processes::kill(std::string_view attempt) {
  for (const auto& [id, record] : state_->records) {
    if (record->attempt == attempt) {
      state_->send_soon({.signal = wire::Signal{.id = id, .number = SIGKILL}});
    }
  }
}

Task<std::unique_ptr<Process>> Processes::start(Context& ctx, ProcessSpec spec) {
  CO_OK(check_spec(spec));
  CO_OK(co_await open(ctx));
  auto record = std::make_shared<Process::Record>();
  record->id = state_->next_id++;
  wire::Spawn request{.id = record->id,
                      .argv = std::move(spec.argv),
                      .cwd = spec.cwd.string(),
                      .memory_bytes = spec.limits.memory_bytes.value_or(0)};
  if (spec.limits.cpu) {
    request.cpu_seconds = std::max<int64_t>(1, spec.limits.cpu->us / 1'000'000);
  }
  for (auto& [name, value] : spec.env) {
    request.env.push_back(name + "=" + value);
  }
  request.env.push_back("TUTTI_ATTEMPT=" + spec.attempt);
  record->attempt = std::move(spec.attempt);
  if (!spec.input.empty()) {
    CO_TRY(spec.input_fd, memory_file(spec.input));
  }
  CO_TRY(auto out, make_pipe());
  CO_TRY(auto err, make_pipe());
  std::vector<int> fds;
  if (spec.input_fd.is_open()) {
    request.has_input = true;
    fds.push_back(spec.input_fd.get());
  }
  fds.push_back(out.second.get());
  fds.push_back(err.second.get());
  for (const Descriptor& extra : spec.extra) {
    fds.push_back(extra.get());
  }
  record->out = std::make_unique<ByteStream>(state_->loop, std::move(out.first));
  record->err = std::make_unique<ByteStream>(state_->loop, std::move(err.first));
  const std::string program = request.argv.front();
  const std::string folder = request.cwd;
  state_->records[record->id] = record;
  auto sent = co_await state_->send(ctx, {.spawn = std::move(request)}, std::move(fds));
  if (!sent.has_value()) {
    state_->records.erase(record->id);
    co_return fail(std::move(sent).error());
  }
  // The helper answers at once or is lost, so this wait needs no cancellation.
  Context own = ctx.uncancellable();
  while (!record->started && !record->end) {
    CO_OK(co_await record->changed.wait(own));
  }
  if (!record->started) {
    co_return fail(record->end->error());
  }
  if (record->started->error_number != 0) {
    co_return fail(start_error(*record->started, program, folder));
  }
  record->pid = record->started->pid;
  co_return std::unique_ptr<Process>(new Process(*this, std::move(record)));
}

// Runs beside the pump: waits for the end, and ends it when the context or the sink says so.
struct RunParts {
  Process& process;
  OutputSink& sink;
  Duration grace;
  CancelSource stop;   // tripped by the context and by a failing sink
  CancelSource& over;  // the process's: no more output is to be expected
  Notify pumped = {};
  bool pump_ended = false;
  std::optional<Error> sink_error = std::nullopt;
  std::optional<Result<Exit>> end = std::nullopt;
};

namespace {

Task<Unit> pump_outputs(Context& ctx, RunParts& parts) {
  auto result = co_await guarded(parts.process.pump(ctx, parts.sink));
  if (!result.has_value()) {
    parts.sink_error = result.error();
    parts.stop.cancel(result.error());
  }
  parts.pump_ended = true;
  parts.pumped.notify();
  co_return Unit{};
}

Task<Unit> pumped_all(Context& ctx, RunParts& parts) {
  if (parts.pump_ended) {
    co_return Unit{};
  }
  co_return co_await parts.pumped.wait(ctx);
}

Task<Unit> watch(Scope& scope, Context* outer, RunParts* parts) {
  Context& own = scope.context();
  CO_OK(co_await scope.spawn(pump_outputs(own, *parts)));
  Context waiting = outer->with_token(parts->stop.token());
  parts->end = co_await parts->process.wait(waiting);
  const auto stopped = waiting.check();
  if (!stopped.has_value() && !parts->process.ended()) {
    auto end = co_await parts->process.stop(own, parts->grace);
    parts->end = end.has_value() ? Result<Exit>(fail(stopped.error())) : std::move(end);
  }
  Context soon = own.with_timeout(output_patience);
  if (auto pumped = co_await pumped_all(soon, *parts); !pumped.has_value()) {
    parts->over.cancel(cancelled_error("the program has ended"));
    if (pumped = co_await pumped_all(*outer, *parts); !pumped.has_value()) {
      // A sink that never takes the rest must not keep a cancelled attempt.
      Context last = own.with_timeout(parts->grace);
      if (pumped = co_await pumped_all(last, *parts); !pumped.has_value()) {
        scope.cancel(cancelled_error("nobody takes the output"));
      }
    }
  }
  co_return Unit{};
}

}  // namespace

Task<Exit> Processes::run(Context& ctx, ProcessSpec spec, OutputSink& sink) {
  const Duration grace = spec.grace;
  CO_TRY(auto process, co_await start(ctx, std::move(spec)));
  Context own = ctx.uncancellable();
  RunParts parts{.process = *process,
                 .sink = sink,
                 .grace = grace,
                 .stop = CancelSource(ctx.token()),
                 .over = process->record_->outputs_over};
  auto done = co_await scoped(own, {}, watch, &ctx, &parts);
  if (!done.has_value() && !parts.end) {
    co_return fail(std::move(done).error());
  }
  if (parts.sink_error && parts.end->has_value()) {
    co_return fail(*parts.sink_error);
  }
  co_return std::move(*parts.end);
}

}  // namespace tutti::rt
