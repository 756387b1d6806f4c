// SPDX-License-Identifier: Apache-2.0
#include "rt/process_spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/check.h"

namespace tutti::rt {
namespace {

constexpr size_t stack_bytes = 128u << 10;

// All the child needs, prepared before the clone: it runs in our memory and may not allocate.
struct Plan {
  std::vector<const char*> argv;
  std::vector<const char*> env;
  std::vector<std::string> candidates;  // paths to try
  std::vector<int> sources;             // descriptor i comes from sources[i]; -1: /dev/null
  const char* cwd = "/";
  int64_t cpu_seconds = 0;
  int64_t memory_bytes = 0;
  // Answers of the child.
  int error_number = 0;
  wire::Stage stage = wire::Stage::none;
};

bool set_limit(int resource, int64_t value) {
  const auto limit = static_cast<rlim_t>(value);
  const rlimit both{limit, limit};
  return value == 0 || setrlimit(static_cast<__rlimit_resource>(resource), &both) == 0;
}

bool set_descriptors(const Plan& plan) {
  for (size_t i = 0; i < plan.sources.size(); ++i) {
    int source = plan.sources[i];
    if (source < 0) {
      source = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (source < 0 || dup2(source, static_cast<int>(i)) < 0) {
      return false;
    }
  }
  return true;
}

int exec_first(const Plan& plan) {
  int error_number = ENOENT;
  for (const std::string& path : plan.candidates) {
    execve(path.c_str(), const_cast<char* const*>(plan.argv.data()),
           const_cast<char* const*>(plan.env.data()));
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
      return errno;
    }
    if (errno == EACCES) {
      error_number = EACCES;  // says more than "not found" in a later folder
    }
  }
  return error_number;
}

int child_main(void* argument) {
  Plan& plan = *static_cast<Plan*>(argument);
  const auto failed = [&plan](wire::Stage stage, int error_number) {
    plan.stage = stage;
    plan.error_number = error_number;
    _exit(127);
  };
  setsid();
  ::signal(SIGPIPE, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // if the helper itself is killed
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !set_descriptors(plan)) {
    failed(wire::Stage::setup, errno);
  }
  if (!set_limit(RLIMIT_CPU, plan.cpu_seconds) || !set_limit(RLIMIT_AS, plan.memory_bytes)) {
    failed(wire::Stage::limits, errno);
  }
  if (chdir(plan.cwd) != 0) {
    failed(wire::Stage::folder, errno);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  failed(wire::Stage::exec, exec_first(plan));
  return 127;
}

std::vector<std::string> candidates_for(const wire::Spawn& request) {
  const std::string& program = request.argv.front();
  if (program.find('/') != std::string::npos) {
    return {program};
  }
  std::string_view path = "/usr/local/bin:/usr/bin:/bin";
  for (const std::string& variable : request.env) {
    if (variable.starts_with("PATH=")) {
      path = std::string_view(variable).substr(5);
    }
  }
  std::vector<std::string> candidates;
  while (!program.empty()) {
    const size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    candidates.push_back((folder.empty() ? "." : std::string(folder)) + "/" + program);
    if (colon == std::string_view::npos) {
      break;
    }
    path.remove_prefix(colon + 1);
  }
  return candidates;
}

Plan plan_of(const wire::Spawn& request, const std::vector<Descriptor>& descriptors,
             const std::string& mark) {
  Plan plan;
  for (const std::string& argument : request.argv) {
    plan.argv.push_back(argument.c_str());
  }
  plan.argv.push_back(nullptr);
  for (const std::string& variable : request.env) {
    plan.env.push_back(variable.c_str());
  }
  plan.env.push_back(mark.c_str());
  plan.env.push_back(nullptr);
  plan.candidates = candidates_for(request);
  if (!request.has_input) {
    plan.sources.push_back(-1);
  }
  for (const Descriptor& descriptor : descriptors) {
    plan.sources.push_back(descriptor.get());
  }
  plan.cwd = request.cwd.empty() ? "/" : request.cwd.c_str();
  plan.cpu_seconds = request.cpu_seconds;
  plan.memory_bytes = request.memory_bytes;
  return plan;
}

void* child_stack() {
  static void* const stack = [] {
    void* memory = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
  }();
  return static_cast<char*>(stack) + stack_bytes;
}

}  // namespace

wire::Started spawn_program(const wire::Spawn& request, const std::vector<Descriptor>& descriptors,
                            const std::string& mark) {
  wire::Started started{.id = request.id};
  if (request.argv.empty() || descriptors.size() < 2U + (request.has_input ? 1U : 0U)) {
    started.error_number = EINVAL;
    started.stage = wire::Stage::setup;
    return started;
  }
  Plan plan = plan_of(request, descriptors, mark);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);  // no handler may run in the shared memory
  const int pid = clone(child_main, child_stack(), CLONE_VM | CLONE_VFORK | SIGCHLD, &plan);
  const int error_number = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    started.error_number = error_number;
    started.stage = wire::Stage::setup;
  } else if (plan.stage != wire::Stage::none) {
    started.error_number = plan.error_number;
    started.stage = plan.stage;  // its corpse is reaped as any child's
  } else {
    started.pid = pid;
  }
  return started;
}

}  // namespace tutti::rt
