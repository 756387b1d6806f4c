// SPDX-License-Identifier: Apache-2.0
#include "action/process/process_action.h"

#include <unistd.h>

#include "action/api/testing.h"
#include "rt/file.h"
#include "rt/testing.h"

#include "action/api/doctest.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;

struct World : rt::TestWorld {
  fs::path folder = make_folder();
  rt::Processes processes{loop.executor(),
                          {.lock = folder / "lock", .helper = {TUTTI_PROCESS_HELPER}}};
  cloud::BufferPool buffers;
  cloud::Connections connections{{}, {}};
  FileStaging staging{
      connections, {.project = "/", .buffers = buffers, .files = loop.executor()}, loop.executor()};
  ProcessAction action{processes, staging};
  RecordingAttempt attempt;

  World() {
    fs::create_directory(folder / "project");
    fs::create_directory(folder / "scratch");
    attempt.info_to_change() = {.id = {.task = {3}, .attempt = 2},
                                .task = "clean",
                                .project = folder / "project",
                                .scratch = folder / "scratch"};
  }
  ~World() {
    CHECK(loop.run(processes.close(ctx)).has_value());
    fs::remove_all(folder);
  }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "tutti_action_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    return name;
  }
  Result<Outcome> run(Value with) { return loop.run(action.run(ctx, attempt, std::move(with))); }
  Result<Outcome> bash(const std::string& script) { return run(Value::of({{"run", script}})); }
};

TEST_CASE("a script's output is logged and its outputs are read") {
  World w;
  const Value output =
      output_of(w.bash("echo hello; echo warn >&2; echo '{\"rows\": 3, \"exit_code\": 9}' > "
                       "$TUTTI_OUTPUT"));
  CHECK(output == Value::of({{"rows", 3}, {"exit_code", 0}}));
  CHECK(w.attempt.out == "hello\n");
  CHECK(w.attempt.err == "warn\n");
}

TEST_CASE("a program gets its arguments as they are, its input and its environment") {
  World w;
  w.attempt.info_to_change().env = {{"A", "1 2"}, {"PATH", "/usr/bin:/bin"}};
  const Value with = Value::of(
      {{"argv", ValueList{Value("bash"), Value("-c"),
                          Value("printf '%s|' \"$@\" \"$A\" \"$PATH\" \"$TUTTI_ATTEMPT\"; cat"),
                          Value("x"), Value("a b"), Value("$A"), Value(7), Value(true)}},
       {"stdin", "in"}});
  CHECK(output_of(w.run(with)) == Value::of({{"exit_code", 0}}));
  CHECK(w.attempt.out == "a b|$A|7|true|1 2|/usr/bin:/bin|" + to_text(w.attempt.info().id) + "|in");
}

TEST_CASE("it starts in an empty folder, or in a folder of the project") {
  World w;
  output_of(w.bash("ls -A; touch x"));
  CHECK(w.attempt.out.empty());
  fs::create_directory(w.folder / "project" / "sub");
  output_of(w.run(Value::of({{"run", "pwd"}, {"cwd", "sub"}})));
  CHECK(w.attempt.out == (w.folder / "project" / "sub").string() + "\n");
}

TEST_CASE("a failure names the exit code and the last line of stderr") {
  World w;
  Failed failed = failure_of(w.bash("echo one >&2; echo 'two words' >&2; echo >&2; exit 3"));
  CHECK(failed.error.what == "exit code 3: two words");
  CHECK(failed.retryable);
  CHECK(failed.reason == FailReason::code);
  CHECK(failed.output == Value::of({{"exit_code", 3}}));
  CHECK(failure_of(w.bash("false; echo not reached")).error.what == "exit code 1");
  CHECK(failure_of(w.bash("false | cat")).output["exit_code"] == Value(1));
  CHECK(failure_of(w.bash("echo $nothing")).error.what ==
        "exit code 1: clean: line 1: nothing: unbound variable");
  failed = failure_of(w.bash("kill -KILL $$"));
  CHECK(failed.error.what == "killed by SIGKILL");
  CHECK(failed.output == Value::of({{"exit_code", 137}}));
}

TEST_CASE("what cannot start is not retried") {
  World w;
  Failed failed = failure_of(w.run(Value::of({{"argv", ValueList{Value("no-such-thing")}}})));
  CHECK(failed.error.what == "the program 'no-such-thing' was not found in PATH");
  CHECK_FALSE(failed.retryable);
  w.attempt.info_to_change().env = {{"PATH", "/nowhere"}};
  CHECK(failure_of(w.bash("true")).error.text() ==
        "the program 'bash' was not found in PATH. install it on this machine, or give its path");
  CHECK(failure_of(w.run(Value::of({{"argv", ValueList{Value(ValueMap{})}}}))).error.code ==
        Code::bad_input);
  CHECK(failure_of(w.run(ValueMap{})).error.code == Code::bad_input);
  w.attempt.info_to_change().env = {};
  failed = failure_of(w.run(Value::of({{"run", "true"}, {"cwd", "none"}})));
  CHECK(failed.error.code == Code::bad_input);
}

TEST_CASE("outputs that are none say what is wrong with them") {
  World w;
  const auto error = [&](const std::string& script) {
    Failed failed = failure_of(w.bash(script));
    CHECK(failed.reason == FailReason::data);
    return failed.error.text();
  };
  CHECK(error("echo '{' > $TUTTI_OUTPUT").find("the outputs are not JSON") != std::string::npos);
  CHECK(error("echo '[1]' > $TUTTI_OUTPUT").find("are a list, not an object") != std::string::npos);
  CHECK(error("truncate -s 65M $TUTTI_OUTPUT").find("at most 64 MiB") != std::string::npos);
  CHECK(error("rm -f $TUTTI_OUTPUT; mkdir $TUTTI_OUTPUT").find("not a regular file") !=
        std::string::npos);
  CHECK(output_of(w.bash("rmdir $TUTTI_OUTPUT; echo > $TUTTI_OUTPUT")) ==
        Value::of({{"exit_code", 0}}));
}

TEST_CASE("a long script runs from a file") {
  World w;
  const std::string script = "# " + std::string(300'000, 'x') + "\necho done\n";
  output_of(w.bash(script));
  CHECK(w.attempt.out == "done\n");
}

TEST_CASE("a time-out ends the program and is the caller's to name") {
  World w;
  w.ctx = w.ctx.with_timeout(milliseconds(200));
  auto outcome = w.bash("sleep 100");
  w.ctx = rt::Context(*w.clock, *w.random);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == Code::timed_out);
}

TEST_CASE("a plan shows the command") {
  World w;
  const Value with = Value::of({{"argv", ValueList{Value("dbt"), Value("run")}}});
  auto preview = w.loop.run(w.action.plan(w.ctx, w.attempt.info(), with));
  REQUIRE_OK(preview);
  CHECK(preview->steps.at(0).what == "run a program");
  CHECK(preview->steps.at(0).detail == "dbt run");
}

}  // namespace
}  // namespace tutti::action
