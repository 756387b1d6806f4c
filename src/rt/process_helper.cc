// SPDX-License-Identifier: Apache-2.0
#include "rt/process_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "rt/descriptor.h"
#include "rt/process_find.h"
#include "rt/process_spawn.h"
#include "rt/process_wire.h"

namespace tutti::rt {
namespace {

constexpr int64_t shutdown_grace_ms = 1000;
constexpr int look_again_ms = 20;  // for what dies without telling us
constexpr int first_own_fd = 64;   // below: what programs get
constexpr int inherited_fd = 250;  // the lock's, out of the way of scripts

int64_t now_ms() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1000LL + ts.tv_nsec / 1'000'000;
}

struct Running {
  uint64_t id = 0;
  int pid = 0;
  std::string mark;  // TUTTI_PROCESS=...
  bool exited = false;
  wire::Ended ended = {};
};

class Helper {
 public:
  Helper(Descriptor socket, Descriptor lock);
  int run();

 private:
  bool receive();  // false: the owner is gone
  void handle(const wire::Message& message, std::vector<Descriptor> descriptors);
  void spawn(const wire::Spawn& request, const std::vector<Descriptor>& descriptors);
  void signal(const wire::Signal& request);
  void send(const wire::Message& message) const;
  void reap();
  void settle();
  bool something_left(const Running& program) const;
  void shut_down();
  void signal_all(int number) const;
  bool wait_until_childless(int64_t until_ms);

  Descriptor socket_;
  Descriptor lock_;
  Descriptor signals_;
  std::string identity_;
  std::map<int, Running> running_;  // by pid
  size_t exited_ = 0;               // of them, those whose descendants are still awaited
};

Helper::Helper(Descriptor socket, Descriptor lock)
    : socket_(std::move(socket)), lock_(std::move(lock)), identity_(lock_identity(lock_.get())) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  sigaddset(&mask, SIGHUP);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_ = Descriptor(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
}

int Helper::run() {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "tutti-processes");
  while (true) {
    pollfd fds[] = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    poll(fds, 2, exited_ > 0 ? look_again_ms : -1);
    if ((fds[0].revents & POLLHUP) != 0) {
      break;  // requests of a dead owner are not carried out
    }
    if ((fds[1].revents & POLLIN) != 0) {
      signalfd_siginfo info{};
      bool end = false;
      while (read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        end = end || info.ssi_signo != SIGCHLD;
      }
      if (end) {
        break;
      }
      reap();
    }
    settle();
    if ((fds[0].revents & POLLIN) != 0 && !receive()) {
      break;
    }
  }
  shut_down();
  return 0;
}

bool Helper::receive() {
  char buffer[wire::packet_bytes_max];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * wire::descriptors_max)];
  iovec part{buffer, sizeof(buffer)};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  const ssize_t n = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n < 0) {
    return errno == EINTR || errno == EAGAIN || errno == EMFILE;
  }
  if (n == 0) {
    return false;
  }
  std::vector<Descriptor> descriptors;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        descriptors.emplace_back(fd);
      }
    }
  }
  std::string bytes(buffer, static_cast<size_t>(n));
  if (bytes == "M" && !descriptors.empty()) {
    bytes = read_all(descriptors.front().get());
    descriptors.erase(descriptors.begin());
  }
  if (const auto message = wire::decode(bytes)) {
    handle(*message, std::move(descriptors));
  }
  return true;
}

void Helper::handle(const wire::Message& message, std::vector<Descriptor> descriptors) {
  if (message.spawn) {
    spawn(*message.spawn, descriptors);
  } else if (message.signal) {
    signal(*message.signal);
  }
}

void Helper::spawn(const wire::Spawn& request, const std::vector<Descriptor>& descriptors) {
  const std::string mark = fmt::format("{}{}:{}", process_mark, identity_, request.id);
  const wire::Started started = spawn_program(request, descriptors, mark);
  if (started.pid > 0) {
    running_[started.pid] = {.id = request.id, .pid = started.pid, .mark = mark};
  }
  send({.started = started});
}

void Helper::signal(const wire::Signal& request) {
  for (const auto& [pid, program] : running_) {
    // Not yet reaped, so the number cannot have become somebody else's.
    if (program.id == request.id && !program.exited) {
      kill(-pid, request.number);
    }
  }
}

void Helper::send(const wire::Message& message) const {
  const std::string bytes = wire::encode(message);
  while (::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

// Reaps every child that has ended: programs and what they left behind.
void Helper::reap() {
  while (true) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
      return;
    }
    const auto program = running_.find(info.si_pid);
    const bool known = program != running_.end() && !program->second.exited;
    if (known) {
      kill(-info.si_pid, SIGKILL);  // the rest of its group, while the number is still taken
    }
    int status = 0;
    rusage usage{};
    wait4(info.si_pid, &status, 0, &usage);
    if (known) {
      const auto us = [](timeval t) { return t.tv_sec * 1'000'000LL + t.tv_usec; };
      program->second.exited = true;
      program->second.ended = {.id = program->second.id,
                               .status = status,
                               .cpu_us = us(usage.ru_utime) + us(usage.ru_stime),
                               .memory_bytes_max = usage.ru_maxrss * 1024};
      ++exited_;
    }
  }
}

// Tells the owner about programs that have ended with everything they started.
void Helper::settle() {
  if (exited_ == 0) {
    return;
  }
  for (auto it = running_.begin(); it != running_.end();) {
    if (it->second.exited && !something_left(it->second)) {
      send({.ended = it->second.ended});
      it = running_.erase(it);
      --exited_;
    } else {
      ++it;
    }
  }
}

bool Helper::something_left(const Running& program) const {
  bool left = kill(-program.pid, 0) == 0 || errno == EPERM;
  for (const int pid : children_of_self()) {
    const auto known = running_.find(pid);
    if (known != running_.end() && !known->second.exited) {
      continue;
    }
    // Somebody's orphan: it left its group or session.
    const Mark mark = find_mark(pid, program.mark);
    if (mark == Mark::present) {
      kill(pid, SIGKILL);
    }
    left = left || mark != Mark::absent;
  }
  return left;
}

void Helper::signal_all(int number) const {
  for (const int pid : children_of_self()) {
    if (running_.contains(pid)) {
      kill(-pid, number);
    }
    kill(pid, number);
  }
}

bool Helper::wait_until_childless(int64_t until_ms) {
  while (true) {
    int status = 0;
    const int pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == ECHILD) {
      return true;
    }
    if (pid > 0) {
      running_.erase(pid);
      continue;
    }
    const int64_t left = until_ms - now_ms();
    if (left <= 0) {
      return false;
    }
    pollfd fd{signals_.get(), POLLIN, 0};
    poll(&fd, 1, static_cast<int>(std::min<int64_t>(left, look_again_ms)));
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof(info)) > 0) {
    }
  }
}

void Helper::shut_down() {
  socket_.reset();
  reap();  // kills the groups of those that have ended already
  signal_all(SIGTERM);
  if (!wait_until_childless(now_ms() + shutdown_grace_ms)) {
    do {  // whatever is born meanwhile becomes our child and dies in the next round
      signal_all(SIGKILL);
    } while (!wait_until_childless(now_ms() + look_again_ms));
  }
  mark_clean(lock_.get());
}

std::optional<int> number_of(const char* text) {
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, value);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(value) : std::nullopt;
}

}  // namespace

int run_process_helper(int socket_fd, int lock_fd) {
  setsid();  // Ctrl-C in a terminal is the owner's business
  if (chdir("/") != 0) {
    return 2;
  }
  Descriptor socket(fcntl(socket_fd, F_DUPFD_CLOEXEC, first_own_fd));
  // The one descriptor that is inherited by all.
  int lock_number = fcntl(lock_fd, F_DUPFD, inherited_fd);
  if (lock_number < 0) {
    lock_number = fcntl(lock_fd, F_DUPFD, first_own_fd);
  }
  Descriptor lock(lock_number);
  if (!socket.is_open() || !lock.is_open()) {
    return 2;
  }
  close_all_but({socket.get(), lock.get()});
  // Whatever we open or receive gets a number above those that programs see.
  for (int fd = 0; fd < first_own_fd; ++fd) {
    if (open("/dev/null", O_RDWR | O_CLOEXEC) != fd) {
      return 2;
    }
  }
  mark_used(lock.get());
  return Helper(std::move(socket), std::move(lock)).run();
}

int run_process_helper(const char* socket_fd, const char* lock_fd) {
  const auto socket = number_of(socket_fd);
  const auto lock = number_of(lock_fd);
  return socket && lock ? run_process_helper(*socket, *lock) : 2;
}

}  // namespace tutti::rt
