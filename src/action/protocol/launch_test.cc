// SPDX-License-Identifier: Apache-2.0
// Real programs: the example in another language, and programs that misbehave.
#include "action/protocol/launch.h"

#include <stdlib.h>

#include <csignal>

#include "action/api/testing.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;

struct World : rt::TestWorld {
  fs::path folder = make_folder();
  rt::Processes processes{loop.executor(),
                          {.lock = folder / "lock", .helper = {TUTTI_PROCESS_HELPER}}};
  RecordingAttempt attempt;

  struct Sink final : rt::OutputSink {
    std::string text;
    Task<Unit> write(rt::Context&, rt::OutputKind, std::string bytes) override {
      text += bytes;
      co_return Unit{};
    }
  } sink;

  ~World() {
    (void)loop.run(processes.close(ctx));
    fs::remove_all(folder);
  }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "tutti_launch_XXXXXX").string();
    return mkdtemp(name.data());
  }

  Result<ProgramEnd> run(std::vector<std::string> argv, Value with, rt::Context& within) {
    rt::ProcessSpec spec{.argv = std::move(argv), .env = rt::default_environment(), .cwd = folder};
    return loop.run(run_program(within, processes, std::move(spec), "prog", ValueMap{}, attempt,
                                sink, std::move(with)));
  }
  Result<ProgramEnd> bash(const std::string& script) {
    return run({"bash", "-c", script}, ValueMap{}, ctx);
  }
};

const std::string example = "examples/actions/count_words.py";

TEST_CASE("the example in another language runs") {
  World w;
  w.attempt.files["notes.txt"] = "one two\nthree\n";
  const fs::path program = fs::current_path() / example;
  auto end = w.run({"python3", program.string()}, Value::of({{"path", "notes.txt"}}), w.ctx);
  REQUIRE_OK(end);
  REQUIRE_OK(end->outcome);
  CHECK(std::get<Done>(*end->outcome).output == Value::of({{"words", 3}, {"lines", 2}}));
  CHECK(end->exit->ok());
  CHECK(w.attempt.out == "notes.txt has 3 words\n");
  CHECK(w.attempt.progresses.back().items_done == 3);

  end = w.run({"python3", program.string()}, Value::of({{"path", "none.txt"}}), w.ctx);
  REQUIRE_OK(end);
  const Failed failed = std::get<Failed>(*end->outcome);
  CHECK(failed.error.what == "it cannot be counted: no such file");
  CHECK(!failed.retryable);
}

TEST_CASE("a program that cannot start, ends early or writes noise is told apart") {
  World w;
  const auto missing = w.run({"/no/such/program"}, ValueMap{}, w.ctx);
  REQUIRE(!missing.has_value());
  CHECK(missing.error().code == Code::not_found);

  auto end = w.bash("echo words; exit 3");
  REQUIRE_OK(end);
  CHECK(end->outcome.error().provider_code == "lost");
  CHECK(!end->started);
  CHECK(end->exit->code == 3);
  CHECK(w.sink.text == "words\n");

  end = w.bash("kill -SEGV $$");
  REQUIRE_OK(end);
  CHECK(rt::to_text(*end->exit) == "killed by SIGSEGV");

  end = w.bash("echo 'this is no frame' >&4; sleep 30");
  REQUIRE_OK(end);
  CHECK(end->outcome.error().code == Code::corrupt);
}

TEST_CASE("a program that ignores a cancel is ended") {
  World w;
  rt::Context limited = w.ctx.with_timeout(seconds(1));
  const auto begun = w.clock->boot();
  const auto end =
      w.run({"python3", "-c",
             "import os,struct,json,time,signal\n"
             "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
             "b=json.dumps({'type':'hello','protocol':'tutti.action/1'}).encode()\n"
             "os.write(4, struct.pack('<I',len(b))+b)\n"
             "time.sleep(60)  # tidy: allow sleep, it is the program that does not listen\n"},
            ValueMap{}, limited);
  REQUIRE_OK(end);
  CHECK(end->outcome.error().code == Code::timed_out);
  CHECK(end->exit->signal != 0);  // SIGTERM when it had not come so far as to ignore it
  CHECK(w.clock->boot() - begun < seconds(20));
}

}  // namespace
}  // namespace tutti::action
