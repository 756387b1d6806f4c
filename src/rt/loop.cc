// SPDX-License-Identifier: Apache-2.0
#include "rt/loop.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "base/check.h"
#include "rt/posting.h"

namespace tutti::rt {

struct Loop::State {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::thread thread;
};

Loop::Loop() : state_(std::make_unique<State>()) {}

Loop::~Loop() { stop(); }

Executor Loop::executor() { return state_->io.get_executor(); }

void Loop::start(const char* thread_name) {
  CHECK(!state_->thread.joinable());
  state_->thread = std::thread([this] { state_->io.run(); });
  pthread_setname_np(state_->thread.native_handle(), thread_name);
}

void Loop::stop() {
  state_->io.stop();
  if (state_->thread.joinable()) {
    state_->thread.join();
  }
}

void Loop::turn() {
  CHECK(!state_->thread.joinable());
  state_->io.restart();
  state_->io.run();
}

void Loop::finish() { state_->io.stop(); }

// Asio's pool wakes whichever thread the kernel likes, and others with it; here the one that went
// to sleep last is woken, and nobody else.
struct Pool::State : asio::execution_context {
  using Work = std::move_only_function<void()>;
  struct Thread {
    std::condition_variable wake;  // a semaphore of the library would spin first
    bool woken = false;
    std::thread thread;
  };

  explicit State(size_t count) : threads(count) {
    for (Thread& each : threads) {
      each.thread = std::thread([this, &each] { run(each); });
    }
  }
  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      for (Thread& each : threads) {
        each.woken = true;
        each.wake.notify_one();
      }
    }
    for (Thread& each : threads) {
      each.thread.join();
    }
    shutdown();
    destroy();
  }

  void post(Work work) {
    Thread* woken = nullptr;
    {
      const std::lock_guard lock(mutex);
      waiting.push_back(std::move(work));
      if (!idle.empty()) {
        woken = idle.back();
        idle.pop_back();
        woken->woken = true;
      }
    }
    if (woken != nullptr) {
      woken->wake.notify_one();
    }
  }

  void run(Thread& self) {
    std::unique_lock lock(mutex);
    while (true) {
      if (!waiting.empty()) {
        Work work = std::move(waiting.front());
        waiting.pop_front();
        lock.unlock();
        work();
        work = nullptr;  // what it holds goes before the lock is taken
        lock.lock();
      } else if (stopping) {
        return;
      } else {
        idle.push_back(&self);
        self.woken = false;
        self.wake.wait(lock, [&self] { return self.woken; });
      }
    }
  }

  std::mutex mutex;
  std::deque<Work> waiting;
  std::vector<Thread*> idle;  // who went to sleep last is the last
  bool stopping = false;
  std::vector<Thread> threads;
};

Pool::Pool(size_t threads) : state_(std::make_unique<State>(threads)) {}

Pool::~Pool() = default;

Executor Pool::executor() { return PostingExecutor(*state_); }

}  // namespace tutti::rt
