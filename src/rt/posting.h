// SPDX-License-Identifier: Apache-2.0
// What Asio needs to see of a context of ours to run handlers on it: an executor that only posts.
// Executor (task.h) can hold it.
#pragma once

#include <functional>
#include <utility>

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include "rt/task.h"

namespace tutti::rt {

// `Context` is an asio::execution_context with post(move_only_function<void()>), and outlives it.
template <class Context>
class PostingExecutor {
 public:
  explicit PostingExecutor(Context& context) : context_(&context) {}
  asio::execution_context& query(asio::execution::context_t) const { return *context_; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) {
    return asio::execution::blocking.never;
  }
  PostingExecutor require(asio::execution::blocking_t::never_t) const { return *this; }
  template <class F>
  void execute(F handler) const {
    context_->post([handler = std::move(handler)]() mutable { handler(); });
  }
  bool operator==(const PostingExecutor&) const = default;

 private:
  Context* context_;
};

}  // namespace tutti::rt
