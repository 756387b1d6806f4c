// SPDX-License-Identifier: Apache-2.0
#include "rt/process_client.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>

#include "base/check.h"
#include "rt/file.h"
#include "rt/process_find.h"
#include "rt/scope.h"

namespace tutti::rt {
namespace {

constexpr int child_socket = 3;
constexpr int child_lock = 4;

Error lost_error() {
  return {.code = Code::unavailable,
          .what = "the process helper ended, and the program with it",
          .remedy = "it is started again by itself; look for who killed it (out of memory?)"};
}

// The helper in a fresh image of its program, with an empty environment.
Result<int> spawn_helper(const std::vector<std::string>& program, int socket_fd, int lock_fd) {
  const Descriptor socket(fcntl(socket_fd, F_DUPFD_CLOEXEC, child_lock + 1));
  const Descriptor lock(fcntl(lock_fd, F_DUPFD_CLOEXEC, child_lock + 1));
  std::vector<std::string> words = program;
  words.push_back(std::to_string(child_socket));
  words.push_back(std::to_string(child_lock));
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  char* env[] = {nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket.get(), child_socket);
  posix_spawn_file_actions_adddup2(&actions, lock.get(), child_lock);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  int pid = 0;
  const int error_number =
      posix_spawn(&pid, words.front().c_str(), &actions, &attributes, argv.data(), env);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error_number != 0) {
    return fail(error_of_errno(error_number, "starting the process helper", words.front()));
  }
  return pid;
}

Result<Descriptor> memory_packet(const std::string& bytes) {
  Descriptor fd(memfd_create("tutti-spawn", MFD_CLOEXEC));
  size_t at = 0;
  while (fd.is_open() && at < bytes.size()) {
    const ssize_t n = write(fd.get(), bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno != EINTR) {
      break;
    }
    at += n > 0 ? static_cast<size_t>(n) : 0;
  }
  if (at < bytes.size()) {
    return fail(error_of_errno(errno, "sending to the process helper", {}));
  }
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

}  // namespace

Task<Unit> Processes::State::open(Context& ctx) {
  if (alive_) {
    co_return Unit{};
  }
  CO_OK(co_await opening_.acquire(ctx));
  auto result = Result<Unit>(Unit{});
  if (!alive_) {
    result = co_await guarded(start_helper(ctx));
  }
  opening_.release();
  co_return result;
}

Task<Unit> Processes::State::start_helper(Context& ctx) {
  while (serving_) {  // the last one and what it started are still being ended
    served_ = Waiter::make();
    auto ended = served_;
    CO_OK(co_await ended->wait(ctx));
  }
  if (!lock_.fd.is_open()) {
    CO_TRY(lock_, co_await await_old_processes_dead(ctx, options.lock, options.patience));
  }
  lock_pin_ = Descriptor(
      ::open(fmt::format("/proc/self/fd/{}", lock_.fd.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock_pin_.is_open()) {
    co_return fail(error_of_errno(errno, "opening the lock of the processes again", options.lock));
  }
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    co_return fail(error_of_errno(errno, "making the process helper's socket", {}));
  }
  Descriptor ours(fds[0]);
  const Descriptor theirs(fds[1]);
  CO_TRY(const int pid, spawn_helper(options.helper, theirs.get(), lock_.fd.get()));
  lock_.fd.reset();  // from now on the helper and what it starts hold it
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    co_return fail(error_of_errno(errno, "watching the process helper", {}));
  }
  helper_ = std::make_unique<ByteStream>(loop, Descriptor(pidfd));
  socket_ = std::make_unique<ByteStream>(loop, std::move(ours));
  alive_ = true;
  serving_ = true;
  closing_ = false;
  asio::co_spawn(loop, serve(shared_from_this(), ctx.uncancellable()),
                 [](std::exception_ptr, Result<Unit>) {});
  co_return Unit{};
}

Task<Unit> Processes::State::close(Context& ctx) {
  Context own = ctx.uncancellable();
  CO_OK(co_await opening_.acquire(own));
  closing_ = true;
  if (alive_) {
    shutdown(socket_->fd(), SHUT_RDWR);
  }
  while (serving_) {
    served_ = Waiter::make();
    auto ended = served_;
    CO_OK(co_await ended->wait(own));
  }
  lock_.fd.reset();
  lock_pin_.reset();
  opening_.release();
  co_return Unit{};
}

Task<Unit> Processes::State::serve(std::shared_ptr<State> self, Context ctx) {
  co_await guarded(self->receive(ctx));
  self->alive_ = false;
  co_await guarded(self->recover(ctx));
  self->serving_ = false;
  if (auto waiter = std::exchange(self->served_, nullptr)) {
    waiter->complete();
  }
  co_return Unit{};
}

Task<Unit> Processes::State::receive(Context& ctx) {
  while (true) {
    char buffer[1024];
    const ssize_t n = recv(socket_->fd(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
      co_return Unit{};
    }
    if (n > 0) {
      if (const auto message = wire::decode({buffer, static_cast<size_t>(n)})) {
        take(*message);
      }
      continue;
    }
    int error_number = 0;
    while (!unsent_.empty() && try_send(unsent_.front(), {}, error_number)) {
      unsent_.pop_front();
    }
    Context turn = unsent_.empty() ? ctx : ctx.with_timeout(milliseconds(10));
    co_await socket_->readable(turn);
  }
}

void Processes::State::take(const wire::Message& message) {
  const uint64_t id = message.started ? message.started->id : message.ended ? message.ended->id : 0;
  const auto found = records.find(id);
  if (found == records.end()) {
    return;
  }
  const auto record = found->second;
  if (message.started) {
    record->started = message.started;
    if (message.started->error_number != 0) {
      records.erase(found);
    }
  } else {
    const wire::Ended& ended = *message.ended;
    Exit exit{.cpu = Duration{ended.cpu_us}, .memory_bytes_max = ended.memory_bytes_max};
    if (WIFEXITED(ended.status)) {
      exit.code = WEXITSTATUS(ended.status);
    } else {
      exit.signal = WTERMSIG(ended.status);
    }
    record->end = exit;
    records.erase(found);
  }
  record->changed.notify();
}

// After the helper: nothing is reported as ended before it is proven dead.
Task<Unit> Processes::State::recover(Context& ctx) {
  const Error reason =
      closing_ ? cancelled_error("the owner is closing; the program was ended") : lost_error();
  // Tells a helper that only closed its end to finish; one that was killed does not hear it.
  shutdown(socket_->fd(), SHUT_RDWR);
  Context patient = ctx.with_timeout(options.patience);
  siginfo_t info{};
  while (waitid(P_PIDFD, static_cast<id_t>(helper_->fd()), &info, WEXITED | WNOHANG) == 0 &&
         info.si_pid == 0) {
    if (auto ended = co_await helper_->readable(patient); !ended.has_value()) {
      syscall(SYS_pidfd_send_signal, helper_->fd(), SIGKILL, nullptr, 0);
      patient = ctx;
    }
  }
  while (true) {
    auto lock = co_await await_old_processes_dead(ctx, options.lock, options.patience);
    if (lock.has_value()) {
      lock_ = std::move(*lock);
      break;
    }
    // With the project's folder gone nobody can take the lock, nor start anything: looking is
    // proof.
    if (lock.error().code == Code::not_found && !kill_processes_of_lock(lock_.identity)) {
      break;
    }
    CO_OK(
        co_await delay(ctx, lock.error().code == Code::not_found ? milliseconds(20) : seconds(1)));
  }
  CO_OK(co_await sending_.acquire(ctx));  // whoever waited for room has been woken by the end
  helper_.reset();
  socket_.reset();
  sending_.release();
  unsent_.clear();
  for (auto& [id, record] : std::exchange(records, {})) {
    record->end = fail(reason);
    record->changed.notify();
  }
  co_return Unit{};
}

bool Processes::State::try_send(const std::string& bytes, const std::vector<int>& fds,
                                int& error_number) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (wire::descriptors_max + 1))];
  std::memset(control, 0, sizeof(control));
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(c), fds.data(), sizeof(int) * fds.size());
  }
  while (sendmsg(socket_->fd(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    error_number = errno;
    if (error_number != EINTR) {
      return false;
    }
  }
  return true;
}

void Processes::State::send_soon(wire::Message message) {
  int error_number = 0;
  std::string bytes = wire::encode(message);
  if (alive_ && !try_send(bytes, {}, error_number) && error_number == EAGAIN) {
    unsent_.push_back(std::move(bytes));
  }
}

Task<Unit> Processes::State::send(Context& ctx, wire::Message message, std::vector<int> fds) {
  std::string bytes = wire::encode(message);
  Descriptor packet;
  if (bytes.size() > wire::message_bytes_max) {
    co_return fail(Code::bad_input, "the program's arguments and environment are over 16 MiB",
                   "pass data through stdin or a file");
  }
  if (bytes.size() > wire::packet_bytes_max) {
    CO_TRY(packet, memory_packet(bytes));
    bytes = "M";
    fds.insert(fds.begin(), packet.get());
  }
  CO_OK(co_await sending_.acquire(ctx));
  auto result = Result<Unit>(Unit{});
  int error_number = 0;
  while (result.has_value()) {
    if (!alive_) {
      result = fail(lost_error());
    } else if (try_send(bytes, fds, error_number)) {
      break;
    } else if (error_number == EAGAIN || error_number == ETOOMANYREFS) {
      result = co_await socket_->writable(ctx);
    } else {
      result = fail(lost_error());
    }
  }
  sending_.release();
  co_return result;
}

}  // namespace tutti::rt
