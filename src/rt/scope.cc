// SPDX-License-Identifier: Apache-2.0
#include "rt/scope.h"

#include <exception>

#include "base/check.h"

namespace tutti::rt {

Error error_of(std::exception_ptr thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return {.code = Code::internal, .what = std::string("a library failed: ") + e.what()};
  } catch (...) {
    return {.code = Code::internal, .what = "a library failed with an unknown exception"};
  }
}

void Scope::note(Error error) {
  if (!first_error_) {
    first_error_ = error;
  }
  source_.cancel(std::move(error));
}

void Scope::ended() {
  CHECK(running_ > 0);
  if (--running_ == 0 && drained_ != nullptr) {
    drained_->complete();
  }
}

asio::awaitable<void> Scope::drain() {
  if (running_ > 0) {
    drained_ = Waiter::make();
    co_await drained_->wait_uncancelled();
  }
}

}  // namespace tutti::rt
