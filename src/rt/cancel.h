// SPDX-License-Identifier: Apache-2.0
// Cancellation is a request, then a wait: a source trips its tokens, leaf operations notice and end
// with the reason, and whoever owns the work awaits that end. A frame is never destroyed to stop
// it.
//
// Thread-safe. Asio's own cancellation is not used: one slot, throws by default, not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/error.h"

namespace tutti::rt {

class CancelToken {
 public:
  // Unregisters when destroyed. A callback that has started may still be running then, so it holds
  // what it needs by shared_ptr.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&&) noexcept;
    Registration& operator=(Registration&&) noexcept;
    ~Registration();

   private:
    friend class CancelToken;
    friend class CancelSource;
    struct Entry;
    std::shared_ptr<Entry> entry_;
  };

  CancelToken() = default;  // can never be cancelled
  bool cancelled() const;
  std::optional<Error> reason() const;
  // Calls `fn` once: at once when already cancelled, else from the thread that cancels. Must be
  // quick and may only post.
  [[nodiscard]] Registration on_cancel(std::move_only_function<void()> fn) const;

 private:
  friend class CancelSource;
  struct State;
  std::shared_ptr<State> state_;
};

class CancelSource {
 public:
  CancelSource();
  // Also cancelled, with the same reason, when `parent` is.
  explicit CancelSource(const CancelToken& parent);
  CancelToken token() const;
  // The first reason stays.
  void cancel(Error reason);

 private:
  CancelToken token_;
  CancelToken::Registration link_;
};

Error cancelled_error(std::string what);

}  // namespace tutti::rt
