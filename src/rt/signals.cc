// SPDX-License-Identifier: Apache-2.0
#include "rt/signals.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "base/check.h"

namespace tutti::rt {
namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR2);  // only to end the thread
  return set;
}

}  // namespace

struct Signals::State {
  std::move_only_function<void(int, int)> on_signal;
  std::atomic<bool> ending{false};
  std::thread thread;

  void watch() {
    const sigset_t set = watched();
    for (int count = 1;;) {
      int number = 0;
      CHECK(sigwait(&set, &number) == 0);
      if (ending) {
        return;
      }
      if (number != SIGUSR2) {
        on_signal(number, count++);
      }
    }
  }
};

Signals::Signals(std::move_only_function<void(int, int)> on_signal)
    : state_(std::make_unique<State>()) {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = watched();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  state_->on_signal = std::move(on_signal);
  state_->thread = std::thread([this] { state_->watch(); });
}

Signals::~Signals() {
  state_->ending = true;
  pthread_kill(state_->thread.native_handle(), SIGUSR2);
  state_->thread.join();
}

}  // namespace tutti::rt
