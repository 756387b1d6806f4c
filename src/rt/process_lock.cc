// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "rt/file.h"
#include "rt/process.h"
#include "rt/process_find.h"

namespace tutti::rt {
namespace {

constexpr Duration look_again = milliseconds(10);
constexpr Duration kill_patience = seconds(10);

bool try_lock(int fd) {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

// The helper that wrote its number into the lock still has it open: it ends by itself.
bool helper_is_ending(const ProcessLock& lock) {
  char text[32];
  const ssize_t n = pread(lock.fd.get(), text, sizeof(text), 0);
  int pid = 0;
  if (n > 0) {
    std::from_chars(text, text + n, pid);
  }
  return pid > 0 && has_lock_open(pid, lock.identity);
}

size_t kill_all(const std::vector<int>& pids) {
  for (const int pid : pids) {
    kill(pid, SIGKILL);
  }
  return pids.size();
}

}  // namespace

bool kill_processes_of_lock(std::string_view identity) {
  return kill_all(holders_of_lock(identity)) + kill_all(processes_of_lock(identity)) > 0;
}

Task<ProcessLock> await_old_processes_dead(Context& ctx, std::filesystem::path path,
                                           Duration patience) {
  ProcessLock lock{.fd = Descriptor(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600))};
  if (!lock.fd.is_open()) {
    co_return fail(error_of_errno(errno, "opening the lock of the processes", path));
  }
  lock.identity = lock_identity(lock.fd.get());
  const BootInstant start = ctx.clock().boot();
  while (true) {
    if (try_lock(lock.fd.get())) {
      if (is_marked_clean(lock.fd.get()) || kill_all(processes_of_lock(lock.identity)) == 0) {
        mark_clean(lock.fd.get());
        co_return lock;
      }
    } else if (errno != EAGAIN && errno != EACCES) {
      co_return fail(error_of_errno(errno, "locking the processes of the project", path));
    } else if (ctx.clock().boot() - start > patience || !helper_is_ending(lock)) {
      kill_processes_of_lock(lock.identity);
    }
    if (ctx.clock().boot() - start > patience + kill_patience) {
      co_return fail(Error{.code = Code::timed_out,
                           .what = "processes of an earlier owner of this project cannot be killed",
                           .where = path.string(),
                           .remedy = "see who holds the file (fuser -v), and why it cannot end"});
    }
    CO_OK(co_await delay(ctx, look_again));
  }
}

}  // namespace tutti::rt
