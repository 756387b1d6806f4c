// SPDX-License-Identifier: Apache-2.0
#include "rt/cancel.h"

#include <mutex>
#include <vector>

#include "base/check.h"

namespace tutti::rt {

using Callback = std::move_only_function<void()>;

struct CancelToken::Registration::Entry {
  std::mutex mutex;
  Callback callback;  // empty once called or unregistered

  void call() {
    Callback mine;
    {
      const std::lock_guard lock(mutex);
      mine = std::exchange(callback, nullptr);
    }
    if (mine) {
      mine();
    }
  }
};

struct CancelToken::State {
  std::mutex mutex;
  std::optional<Error> reason;
  std::vector<std::weak_ptr<Registration::Entry>> entries;
  size_t sweep_at = 16;  // expired entries are dropped when the list has grown this long

  void add(const std::shared_ptr<Registration::Entry>& entry) {
    if (entries.size() >= sweep_at) {
      std::erase_if(entries, [](const auto& each) { return each.expired(); });
      sweep_at = std::max<size_t>(16, entries.size() * 2);
    }
    entries.push_back(entry);
  }
};

CancelToken::Registration::Registration(Registration&&) noexcept = default;

CancelToken::Registration& CancelToken::Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    Registration old(std::move(*this));
    entry_ = std::move(other.entry_);
  }
  return *this;
}

CancelToken::Registration::~Registration() {
  if (entry_ != nullptr) {
    const std::lock_guard lock(entry_->mutex);
    entry_->callback = nullptr;
  }
}

bool CancelToken::cancelled() const { return reason().has_value(); }

std::optional<Error> CancelToken::reason() const {
  if (state_ == nullptr) {
    return std::nullopt;
  }
  const std::lock_guard lock(state_->mutex);
  return state_->reason;
}

CancelToken::Registration CancelToken::on_cancel(Callback fn) const {
  Registration registration;
  if (state_ == nullptr) {
    return registration;
  }
  registration.entry_ = std::make_shared<Registration::Entry>();
  registration.entry_->callback = std::move(fn);
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->reason) {
      state_->add(registration.entry_);
      return registration;
    }
  }
  registration.entry_->call();
  return registration;
}

CancelSource::CancelSource() { token_.state_ = std::make_shared<CancelToken::State>(); }

CancelSource::CancelSource(const CancelToken& parent) : CancelSource() {
  link_ = parent.on_cancel([parent, child = token_] {
    CancelSource source;
    source.token_ = child;
    source.cancel(parent.reason().value());
  });
}

CancelToken CancelSource::token() const { return token_; }

void CancelSource::cancel(Error reason) {
  std::vector<std::weak_ptr<CancelToken::Registration::Entry>> entries;
  {
    const std::lock_guard lock(token_.state_->mutex);
    if (token_.state_->reason) {
      return;
    }
    token_.state_->reason = std::move(reason);
    entries.swap(token_.state_->entries);
  }
  for (const auto& weak : entries) {
    if (auto entry = weak.lock()) {
      entry->call();
    }
  }
}

Error cancelled_error(std::string what) {
  return {.code = Code::cancelled, .what = std::move(what)};
}

}  // namespace tutti::rt
