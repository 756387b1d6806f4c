// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "rt/file.h"
#include "rt/process.h"
#include "rt/process_find.h"
#include "rt/process_wire.h"
#include "rt/scope.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::rt {
namespace {

struct Collect final : OutputSink {
  std::string out;
  std::string err;
  Task<Unit> write(Context&, OutputKind kind, std::string bytes) override {
    (kind == OutputKind::out ? out : err) += bytes;
    co_return Unit{};
  }
};

std::filesystem::path make_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "tutti_process_XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  return name;
}

struct World : TestWorld {
  std::filesystem::path folder = make_folder();
  Processes processes{loop.executor(), {.lock = folder / "lock", .helper = {TUTTI_PROCESS_HELPER}}};
  Collect sink;

  ~World() {
    CHECK(loop.run(processes.close(ctx)).has_value());
    std::filesystem::remove_all(folder);
  }
  Result<Exit> run(ProcessSpec spec) { return loop.run(processes.run(ctx, std::move(spec), sink)); }
  Result<Exit> bash(std::string script) {
    return run({.argv = {"bash", "-c", std::move(script)},
                .env = default_environment(),
                .attempt = "r/0/1",
                .grace = milliseconds(300)});
  }
};

// A zombie is dead, whoever has to bury it.
bool alive(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const size_t name_end = text.rfind(')');
  return name_end != std::string::npos &&
         std::string_view("ZX").find(text[name_end + 2]) == std::string_view::npos;
}

TEST_CASE("a program's exit code, output and input") {
  World w;
  auto exit = w.run({.argv = {"bash", "-c", "cat; echo oops >&2; exit 3"},
                     .env = default_environment(),
                     .input = "hello\n"});
  REQUIRE_OK(exit);
  CHECK(exit->code == 3);
  CHECK(to_text(*exit) == "exit code 3");
  CHECK(w.sink.out == "hello\n");
  CHECK(w.sink.err == "oops\n");
}

TEST_CASE("death by a signal has the signal's name") {
  World w;
  auto exit = w.bash("kill -SEGV $$");
  REQUIRE_OK(exit);
  CHECK_FALSE(exit->code.has_value());
  CHECK(to_text(*exit) == "killed by SIGSEGV");
}

TEST_CASE("what cannot be started says why and what to do") {
  World w;
  const auto error = [&](ProcessSpec spec) { return w.run(std::move(spec)).error(); };
  Error missing = error({.argv = {"no-such-program"}});
  CHECK(missing.code == Code::not_found);
  CHECK(missing.text().find("'no-such-program' was not found in PATH") != std::string::npos);
  CHECK(error({.argv = {"/no/such"}}).code == Code::not_found);
  CHECK(error({.argv = {}}).code == Code::bad_input);
  const auto script = w.folder / "script";
  REQUIRE_OK(write_file(script, "echo hi\n", {.mode = 0644}));
  Error denied = error({.argv = {script.string()}});
  CHECK(denied.code == Code::denied);
  CHECK(denied.remedy.find("chmod +x") != std::string::npos);
  std::filesystem::permissions(script, std::filesystem::perms::all);
  CHECK(error({.argv = {script.string()}}).remedy.find("#!") != std::string::npos);
  Error folder = error({.argv = {"true"}, .cwd = "/no/such/folder"});
  CHECK(folder.code == Code::bad_input);
  CHECK(folder.where == "/no/such/folder");
  CHECK(error({.argv = {"true", std::string(300'000, 'x')}}).code == Code::bad_input);
  CHECK(error({.argv = {"true", std::string("a\0b", 3)}}).code == Code::bad_input);
  CHECK(error({.argv = {"true"}, .env = {{"A=B", "c"}}}).code == Code::bad_input);
}

TEST_CASE("many arguments travel whole") {
  World w;
  ProcessSpec spec{.argv = {"printf", "%s"}};
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    spec.argv.push_back(std::string(40, static_cast<char>('a' + i % 26)));
    expected += spec.argv.back();
  }
  REQUIRE_OK(w.run(std::move(spec)));
  CHECK(w.sink.out == expected);
}

TEST_CASE("the environment is what was given and nothing else") {
  World w;
  setenv("TUTTI_TEST_LEAK", "secret", 1);
  REQUIRE_OK(w.run({.argv = {"/usr/bin/env"}, .env = {{"A", "1"}}, .attempt = "run/7/2"}));
  unsetenv("TUTTI_TEST_LEAK");
  CHECK(w.sink.out.find("A=1\nTUTTI_ATTEMPT=run/7/2\nTUTTI_PROCESS=") == 0);
  CHECK(std::count(w.sink.out.begin(), w.sink.out.end(), '\n') == 3);
}

TEST_CASE("a program has its own session, no new privileges and no descriptor of ours") {
  World w;
  const int leaked = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  REQUIRE_OK(w.run({.argv = {"ls", "/proc/self/fd"}, .env = default_environment()}));
  CHECK(w.sink.out == "0\n1\n2\n250\n3\n");  // 250: the lock; 3: the folder it reads
  w.sink.out.clear();
  REQUIRE_OK(
      w.bash("grep NoNewPrivs /proc/$$/status; "
             "cut -d' ' -f6 /proc/$$/stat; echo $$; grep SigBlk /proc/$$/status"));
  close(leaked);
  std::istringstream lines(w.sink.out);
  std::string privileges, session, pid, blocked;
  std::getline(lines, privileges);
  std::getline(lines, session);
  std::getline(lines, pid);
  std::getline(lines, blocked);
  CHECK(privileges == "NoNewPrivs:\t1");
  CHECK(session == pid);
  CHECK(blocked == "SigBlk:\t0000000000000000");
}

TEST_CASE("extra descriptors and the folder arrive") {
  World w;
  auto pair = make_socketpair();
  REQUIRE_OK(pair);
  ProcessSpec spec{.argv = {"bash", "-c", "read line <&3; echo \"got $line in $PWD\" >&3"},
                   .env = default_environment(),
                   .cwd = w.folder};
  spec.extra.push_back(std::move(pair->second));
  ByteStream ours(w.loop.executor(), std::move(pair->first));
  REQUIRE_OK(w.loop.run(ours.write(w.ctx, "ping\n")));
  REQUIRE_OK(w.run(std::move(spec)));
  auto reply = w.loop.run(ours.read(w.ctx));
  REQUIRE_OK(reply);
  CHECK(*reply == "got ping in " + w.folder.string() + "\n");
}

struct Count final : OutputSink {
  size_t bytes = 0;
  Task<Unit> write(Context&, OutputKind, std::string chunk) override {
    bytes += chunk.size();
    co_return Unit{};
  }
};

TEST_CASE("a gigabyte of output passes in bounded memory") {
  World w;
  Count count;
  auto exit = w.loop.run(w.processes.run(
      w.ctx, {.argv = {"head", "-c", "1000000000", "/dev/zero"}, .env = default_environment()},
      count));
  REQUIRE_OK(exit);
  CHECK(exit->ok());
  CHECK(count.bytes == 1'000'000'000);
  std::ifstream status("/proc/self/status");
  std::string line;
  long peak_kb = 0;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) {
      peak_kb = std::stol(line.substr(6));
    }
  }
  CHECK(peak_kb < 400'000);
}

struct Blocked final : OutputSink {
  Notify go;
  size_t bytes = 0;
  Task<Unit> write(Context& ctx, OutputKind, std::string chunk) override {
    CO_OK(co_await go.wait(ctx));
    go.notify();
    bytes += chunk.size();
    co_return Unit{};
  }
};

Task<Unit> others_go_on(Scope& scope, World* w, Blocked* blocked) {
  struct Run {
    static Task<Unit> one(Context& ctx, World& world, OutputSink& sink, std::string script) {
      CO_TRY(auto exit,
             co_await world.processes.run(
                 ctx, {.argv = {"bash", "-c", script}, .env = default_environment()}, sink));
      CHECK(exit.ok());
      co_return Unit{};
    }
  };
  CO_OK(co_await scope.spawn(Run::one(scope.context(), *w, *blocked, "yes | head -c 500000")));
  for (int i = 0; i < 5; ++i) {
    CO_OK(co_await Run::one(scope.context(), *w, w->sink, "echo x"));
  }
  CHECK(blocked->bytes == 0);
  blocked->go.notify();
  co_return Unit{};
}

TEST_CASE("a slow consumer blocks its own program only, and loses nothing") {
  World w;
  Blocked blocked;
  REQUIRE_OK(w.loop.run(scoped(w.ctx, {}, others_go_on, &w, &blocked)));
  CHECK(blocked.bytes == 500'000);
  CHECK(w.sink.out == "x\nx\nx\nx\nx\n");
}

struct Refuses final : OutputSink {
  Task<Unit> write(Context&, OutputKind, std::string) override {
    co_return fail(Code::unavailable, "the disk is full");
  }
};

TEST_CASE("a sink that fails ends the program") {
  World w;
  Refuses refuses;
  auto exit = w.loop.run(w.processes.run(w.ctx,
                                         {.argv = {"bash", "-c", "echo x; sleep 100"},
                                          .env = default_environment(),
                                          .grace = milliseconds(200)},
                                         refuses));
  REQUIRE_FALSE(exit.has_value());
  CHECK(exit.error().what == "the disk is full");
}

TEST_CASE("a time-out ends the whole group, also what ignores SIGTERM") {
  World w;
  const auto pids = w.folder / "pids";
  w.ctx = w.ctx.with_timeout(milliseconds(300));
  auto exit = w.bash("trap '' TERM; sleep 100 & echo $! $$ > " + pids.string() +
                     "; while :; do sleep 100; done");
  w.ctx = Context(*w.clock, *w.random);
  REQUIRE_FALSE(exit.has_value());
  CHECK(exit.error().code == Code::timed_out);
  int child = 0;
  int leader = 0;
  std::ifstream(pids) >> child >> leader;
  REQUIRE(child > 0);
  CHECK_FALSE(alive(child));
  CHECK_FALSE(alive(leader));
}

TEST_CASE("cancel lets a program say goodbye") {
  World w;
  std::thread other([&] {
    const auto ready = w.folder / "ready";
    while (!std::filesystem::exists(ready)) {
      std::this_thread::yield();
    }
    w.cancel.cancel(cancelled_error("the user said so"));
  });
  auto exit = w.bash("trap 'echo bye; exit 0' TERM; touch " + (w.folder / "ready").string() +
                     "; sleep 100 & wait");
  other.join();
  w.ctx = Context(*w.clock, *w.random);
  REQUIRE_FALSE(exit.has_value());
  CHECK(exit.error().what == "the user said so");
  CHECK(w.sink.out == "bye\n");
}

Task<Unit> kill_when_ready(Context& ctx, World& w) {
  while (!std::filesystem::exists(w.folder / "ready")) {
    CO_OK(co_await delay(ctx, milliseconds(5)));
  }
  w.processes.kill("another");
  w.processes.kill("r/0/1");
  co_return Unit{};
}

Task<Unit> run_and_kill(Scope& scope, World* w, Result<Exit>* exit) {
  CO_OK(co_await scope.spawn(kill_when_ready(scope.context(), *w)));
  *exit = co_await w->processes.run(
      scope.context(),
      {.argv = {"bash", "-c",
                "trap '' TERM; touch " + (w->folder / "ready").string() + "; sleep 100"},
       .env = default_environment(),
       .attempt = "r/0/1"},
      w->sink);
  co_return Unit{};
}

TEST_CASE("an attempt's programs can be killed at once") {
  World w;
  Result<Exit> exit = Exit{};
  REQUIRE_OK(w.loop.run(scoped(w.ctx, {}, run_and_kill, &w, &exit)));
  REQUIRE_OK(exit);
  CHECK(exit->signal == SIGKILL);
}

TEST_CASE("what a program leaves behind dies with it, setsid or not") {
  World w;
  const auto pids = w.folder / "pids";
  auto exit = w.bash("sleep 100 & echo $! >> " + pids.string() + "; setsid bash -c 'echo $$ >> " +
                     pids.string() + "; sleep 101' & setsid setsid sleep 102 & echo $! >> " +
                     pids.string() + "; while [ $(wc -l < " + pids.string() +
                     ") -lt 3 ]; do :; done; exit 0");
  REQUIRE_OK(exit);
  CHECK(exit->ok());
  std::ifstream in(pids);
  int pid = 0;
  int count = 0;
  while (in >> pid) {
    CHECK_FALSE(alive(pid));
    ++count;
  }
  CHECK(count == 3);
}

TEST_CASE("nor does it escape by starting programs just then") {
  World w;
  // Whoever lives holds the lock it was started with.
  const std::string lock = (w.folder / "held").string();
  const Descriptor held(open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  for (int i = 0; i < 100; ++i) {
    const auto exit = w.bash("exec 9< " + lock +
                             "; flock -s 9; for i in 1 2 3; do "
                             "setsid setsid setsid setsid sleep 100 & done; exit 0");
    REQUIRE_OK(exit);
    REQUIRE(exit->ok());
    REQUIRE(flock(held.get(), LOCK_EX | LOCK_NB) == 0);
    REQUIRE(flock(held.get(), LOCK_UN) == 0);
  }
}

Task<Unit> hundred(Scope& scope, World* w, int* ok) {
  struct Run {
    static Task<Unit> one(Context& ctx, World& world, int& ended) {
      Collect sink;
      CO_TRY(auto exit,
             co_await world.processes.run(
                 ctx, {.argv = {"bash", "-c", "echo $$; exit 7"}, .env = default_environment()},
                 sink));
      ended += exit.code == 7 && !sink.out.empty() ? 1 : 0;
      co_return Unit{};
    }
  };
  for (int i = 0; i < 100; ++i) {
    CO_OK(co_await scope.spawn(Run::one(scope.context(), *w, *ok)));
  }
  co_return Unit{};
}

TEST_CASE("a hundred at once, and no zombie after them") {
  World w;
  int ok = 0;
  REQUIRE_OK(w.loop.run(scoped(w.ctx, {.children_max = 100}, hundred, &w, &ok)));
  CHECK(ok == 100);
  Collect sink;
  // The helper is the parent of the program, which is its only child.
  REQUIRE_OK(w.loop.run(
      w.processes.run(w.ctx,
                      {.argv = {"bash", "-c", "cat /proc/$PPID/task/$PPID/children; echo $$"},
                       .env = default_environment()},
                      sink)));
  std::istringstream pids(sink.out);
  int child = 0;
  int self = 0;
  pids >> child >> self;
  CHECK(child == self);
}

Task<Unit> kill_helper(Context& ctx, World& w) {
  const auto file = w.folder / "helper";
  while (!std::filesystem::exists(file)) {
    CO_OK(co_await delay(ctx, milliseconds(5)));
  }
  int pid = 0;
  std::ifstream(file) >> pid;
  CHECK(kill(pid, SIGKILL) == 0);
  co_return Unit{};
}

Task<Unit> lose_helper(Scope& scope, World* w, Result<Exit>* exit) {
  CO_OK(co_await scope.spawn(kill_helper(scope.context(), *w)));
  const std::string f = w->folder.string();
  *exit = co_await w->processes.run(
      scope.context(),
      {.argv = {"bash", "-c",
                "setsid sleep 100 & echo $! > " + f + "/escaped; echo $$ > " + f +
                    "/leader; echo $PPID > " + f + "/h; mv " + f + "/h " + f +
                    "/helper; sleep 100"},
       .env = default_environment()},
      w->sink);
  co_return Unit{};
}

int pid_in(const std::filesystem::path& path) {
  int pid = 0;
  std::ifstream(path) >> pid;
  return pid;
}

TEST_CASE("a killed helper is noticed: its programs are dead, and the next one starts") {
  World w;
  Result<Exit> exit = Exit{};
  REQUIRE_OK(w.loop.run(scoped(w.ctx, {}, lose_helper, &w, &exit)));
  REQUIRE_FALSE(exit.has_value());
  CHECK(exit.error().code == Code::unavailable);
  CHECK_FALSE(alive(pid_in(w.folder / "leader")));
  CHECK_FALSE(alive(pid_in(w.folder / "escaped")));
  auto next = w.bash("exit 0");
  REQUIRE_OK(next);
  CHECK(next->ok());
}

TEST_CASE("the end comes also when the project's folder has been deleted") {
  World w;
  auto exit = w.bash("rm -r " + w.folder.string() + "; exit 0");
  REQUIRE_OK(exit);
  CHECK(w.loop.run(w.processes.close(w.ctx)).has_value());
}

// Runs `script` in a process of its own as an owner would, until it is killed.
int start_owner(const World& w, const std::string& script) {
  const int pid = fork();
  if (pid == 0) {
    TestWorld own;
    Processes processes(own.loop.executor(),
                        {.lock = w.folder / "owned", .helper = {TUTTI_PROCESS_HELPER}});
    Collect sink;
    (void)own.run(processes.run(
        own.ctx, {.argv = {"bash", "-c", script}, .env = default_environment()}, sink));
    _exit(0);
  }
  return pid;
}

void wait_for(const std::filesystem::path& path) {
  while (!std::filesystem::exists(path)) {
    std::this_thread::yield();
  }
}

std::string escaping_script(const World& w, const std::string& before) {
  const std::string f = w.folder.string();
  return before + "setsid bash -c 'trap \"\" TERM; while :; do sleep 100; done' & echo $! > " + f +
         "/escaped; echo $PPID > " + f + "/h; mv " + f + "/h " + f + "/helper; sleep 100";
}

TEST_CASE("kill -9 of the owner ends its programs before the next owner may start any") {
  World w;
  const int owner = start_owner(w, escaping_script(w, ""));
  wait_for(w.folder / "helper");
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  auto lock = w.loop.run(await_old_processes_dead(w.ctx, w.folder / "owned"));
  REQUIRE_OK(lock);
  CHECK(is_marked_clean(lock->fd.get()));
  CHECK_FALSE(alive(pid_in(w.folder / "escaped")));
  CHECK_FALSE(has_lock_open(pid_in(w.folder / "helper"), lock->identity));
}

TEST_CASE("kill -9 of owner and helper: the successor finds survivors, also without the lock") {
  for (const std::string before : {"", "exec 250>&-; "}) {
    World w;
    const int owner = start_owner(w, escaping_script(w, before));
    wait_for(w.folder / "helper");
    const int helper = pid_in(w.folder / "helper");
    kill(owner, SIGKILL);
    kill(helper, SIGKILL);
    waitpid(owner, nullptr, 0);
    CHECK(alive(pid_in(w.folder / "escaped")));
    auto lock = w.loop.run(await_old_processes_dead(w.ctx, w.folder / "owned"));
    REQUIRE_OK(lock);
    CHECK(processes_of_lock(lock->identity).empty());
  }
}

TEST_CASE("a helper that hangs is killed when patience is over") {
  World w;
  const int owner = start_owner(w, escaping_script(w, ""));
  wait_for(w.folder / "helper");
  kill(pid_in(w.folder / "helper"), SIGSTOP);
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  auto lock = w.loop.run(await_old_processes_dead(w.ctx, w.folder / "owned", milliseconds(200)));
  REQUIRE_OK(lock);
  CHECK(processes_of_lock(lock->identity).empty());
}

TEST_CASE("limits are those asked for") {
  World w;
  REQUIRE_OK(w.run({.argv = {"bash", "-c", "ulimit -t; ulimit -v"},
                    .env = default_environment(),
                    .limits = {.cpu = seconds(5), .memory_bytes = 1LL << 30U}}));
  CHECK(w.sink.out == "5\n1048576\n");
}

Task<Unit> talk(Context& ctx, World& w) {
  auto pair = make_socketpair();
  ProcessSpec spec{.argv = {"bash", "-c", "while read l <&3; do echo \"<$l>\" >&3; done"},
                   .env = default_environment()};
  spec.extra.push_back(std::move(pair->second));
  ByteStream ours(w.loop.executor(), std::move(pair->first));
  CO_TRY(auto process, co_await w.processes.start(ctx, std::move(spec)));
  for (int i = 0; i < 3; ++i) {
    CO_OK(co_await ours.write(ctx, std::to_string(i) + "\n"));
    CO_TRY(auto reply, co_await ours.read(ctx));
    CHECK(reply == "<" + std::to_string(i) + ">\n");
  }
  CO_TRY(auto exit, co_await process->stop(ctx, seconds(5)));
  CHECK(to_text(exit) == "killed by SIGTERM");
  co_return Unit{};
}

TEST_CASE("a service lives beside others and is stopped") {
  World w;
  REQUIRE_OK(w.loop.run(talk(w.ctx, w)));
}

TEST_CASE("messages survive the wire; others are refused") {
  wire::Spawn spawn{.id = 9, .has_input = true, .argv = {"a", ""}, .env = {"X=1"}, .cwd = "/"};
  const auto back = wire::decode(wire::encode({.spawn = spawn}));
  REQUIRE(back.has_value());
  CHECK(back->spawn->argv == spawn.argv);
  CHECK(back->spawn->has_input);
  const std::string bytes = wire::encode({.spawn = spawn});
  for (size_t n = 0; n < bytes.size(); ++n) {
    CHECK_FALSE(wire::decode(std::string_view(bytes).substr(0, n)).has_value());
  }
  CHECK_FALSE(wire::decode(bytes + "x").has_value());
}

}  // namespace
}  // namespace tutti::rt
