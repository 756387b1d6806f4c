// SPDX-License-Identifier: Apache-2.0
#include "rt/loop.h"

#include <pthread.h>

#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/check.h"

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

struct Pool::State {
  explicit State(size_t threads) : pool(threads) {}
  asio::thread_pool pool;
};

Pool::Pool(size_t threads) : state_(std::make_unique<State>(threads)) {}

Pool::~Pool() { state_->pool.join(); }

Executor Pool::executor() { return state_->pool.get_executor(); }

}  // namespace tutti::rt
