// SPDX-License-Identifier: Apache-2.0
// Processes: how Tutti starts, watches and ends other programs.
//
// They are children of one small helper process (process_helper.h), so that they end when their
// owner dies, however it dies. A ProcessLock proves it: it is held as long as the helper or
// anything it started lives, and whoever takes it next may be sure that they are all dead.
//
// Everything here runs on one loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rt/descriptor.h"
#include "rt/wait.h"

namespace tutti::rt {

using Environment = std::vector<std::pair<std::string, std::string>>;

// What a program gets of our own environment when nothing else was said: PATH HOME USER LOGNAME
// SHELL LANG LANGUAGE LC_* TZ TMPDIR and the addresses of proxies. PATH has a default.
Environment default_environment();
// Replaces the variable of this name, or adds it.
void set_variable(Environment& env, std::string_view name, std::string value);

struct ProcessLimits {
  std::optional<Duration> cpu = std::nullopt;          // of each process; then SIGXCPU
  std::optional<int64_t> memory_bytes = std::nullopt;  // address space of each process
};

struct ProcessSpec {
  // argv[0] is looked up in the PATH of `env` when it has no slash.
  std::vector<std::string> argv;
  Environment env = {};  // the whole of it; TUTTI_ATTEMPT and TUTTI_PROCESS are added
  std::filesystem::path cwd = {};
  std::string attempt = {};  // RUN/TASK/ATTEMPT, for TUTTI_ATTEMPT
  ProcessLimits limits = {};
  // Either bytes or a descriptor; neither: /dev/null.
  std::string input = {};
  Descriptor input_fd = {};
  std::vector<Descriptor> extra = {};  // become descriptors 3, 4, ... of the program
  Duration grace = seconds(10);        // between SIGTERM and SIGKILL
};

struct Exit {
  std::optional<int> code = std::nullopt;  // or ended by
  int signal = 0;
  Duration cpu = {};
  int64_t memory_bytes_max = 0;

  bool ok() const { return code == 0; }
};
std::string signal_name(int signal);    // "SIGKILL"
std::string to_text(const Exit& exit);  // "exit code 3", "killed by SIGSEGV"

enum class OutputKind : uint8_t { out, err };

// Takes what a program prints. While write() waits, the program waits on its full pipe; nobody else
// does.
class OutputSink {
 public:
  virtual ~OutputSink() = default;
  virtual Task<Unit> write(Context& ctx, OutputKind kind, std::string bytes) = 0;
};

// The open lock file of a project's processes.
struct ProcessLock {
  Descriptor fd;
  std::string identity;  // DEVICE:INODE, what TUTTI_PROCESS begins with
};
// Waits until nothing that an earlier helper on `lock` started is alive, killing what does not end
// by itself within `patience`, and takes the lock. Only the owner of the project may call it: it
// kills. `timed_out` when something cannot be killed.
Task<ProcessLock> await_old_processes_dead(Context& ctx, std::filesystem::path lock,
                                           Duration patience = seconds(3));

class Processes;

// One running program. Owned by who started it, ended by wait() or stop() before it is destroyed
// (else it is killed). Not thread-safe.
class Process {
 public:
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  int pid() const { return pid_; }
  bool ended() const;
  // Pumps both outputs into `sink` until their ends. Once; may run beside wait().
  Task<Unit> pump(Context& ctx, OutputSink& sink);
  // Ends when the program and everything it started have ended. `unavailable` when the helper was
  // lost: then too they are all dead.
  Task<Exit> wait(Context& ctx);
  // SIGTERM to its group, after `grace` SIGKILL to all of them; then wait(). Cannot be cancelled.
  Task<Exit> stop(Context& ctx, Duration grace);
  void signal(int number);

 private:
  friend class Processes;
  struct Record;
  Process(Processes& owner, std::shared_ptr<Record> record);

  Processes& owner_;
  std::shared_ptr<Record> record_;
  int pid_ = 0;
};

struct ProcessesOptions {
  std::filesystem::path lock;  // .tutti/processes.lock
  // How the helper is started; two descriptor numbers are added. The program must call
  // run_process_helper() with them.
  std::vector<std::string> helper = {"/proc/self/exe", "process-helper"};
  Duration patience = seconds(3);
};

// The service. Made once by `app`; closed before it is destroyed.
class Processes {
 public:
  Processes(Executor loop, ProcessesOptions options);
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  // Waits for the old processes to be dead and starts the helper. Called by the others when there
  // is no helper: after the first start, or after the helper was lost.
  Task<Unit> open(Context& ctx);
  // Ends everything that runs and the helper.
  Task<Unit> close(Context& ctx);

  // Runs a program to its end. Errors: `not_found` (no such program), `denied` (not executable),
  // `bad_input` (working folder, too long arguments), `unavailable` (the helper was lost: the
  // program is dead, how far it came is not known), the sink's, and the context's once the
  // program has been ended (SIGTERM, grace, SIGKILL).
  Task<Exit> run(Context& ctx, ProcessSpec spec, OutputSink& sink);

  // SIGKILL to all that runs with this ProcessSpec::attempt, and to what it started; run() and
  // wait() end as usual.
  void kill(std::string_view attempt);

  // Starts a program and leaves it running.
  Task<std::unique_ptr<Process>> start(Context& ctx, ProcessSpec spec);

 private:
  friend class Process;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tutti::rt
