// SPDX-License-Identifier: Apache-2.0
#include "cloud/buffer.h"

#include <deque>
#include <mutex>
#include <new>
#include <vector>

#include "base/check.h"
#include "rt/wait.h"

namespace tutti::cloud {

namespace {

// Whole pages, so that files can be written without the page cache.
constexpr std::align_val_t alignment{4096};

struct FreePages {
  void operator()(std::byte* data) const { operator delete[](data, alignment); }
};
using Pages = std::unique_ptr<std::byte[], FreePages>;

Pages new_pages(size_t bytes) {
  return Pages(static_cast<std::byte*>(operator new[](bytes, alignment)));
}

}  // namespace

struct BufferPool::State {
  std::mutex mutex;
  size_t chunk_bytes = 0;
  size_t buffers_max = 0;
  size_t out = 0;
  std::vector<Pages> free;
  std::deque<std::shared_ptr<rt::Waiter>> waiting;

  // A buffer came back, or its place is free again: the first who still waits gets it.
  void release(Pages data) {
    const std::lock_guard lock(mutex);
    if (data != nullptr) {
      free.push_back(std::move(data));
    }
    while (!waiting.empty()) {
      auto first = std::move(waiting.front());
      waiting.pop_front();
      if (first->complete()) {
        return;  // `out` passes to the waiter
      }
    }
    --out;
  }

  Pages claim() {
    const std::lock_guard lock(mutex);
    if (free.empty()) {
      return new_pages(chunk_bytes);
    }
    auto data = std::move(free.back());
    free.pop_back();
    return data;
  }
};

Chunk::Chunk(Buffer buffer, size_t size) : data_(std::move(buffer.data_)), size_(size) {
  CHECK(size <= buffer.size_);
  if (size_ == 0) {
    data_ = nullptr;
  }
}

Chunk::Chunk(std::shared_ptr<const std::string> text) : size_(text->size()) {
  if (size_ != 0) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text->data());
    data_ = std::shared_ptr<const std::byte[]>(std::move(text), bytes);
  }
}

Chunk Chunk::slice(size_t offset, size_t size) const {
  CHECK(offset + size <= size_);
  Chunk piece;
  piece.data_ = std::shared_ptr<const std::byte[]>(data_, data_.get() + offset);
  piece.size_ = size;
  return size == 0 ? Chunk() : piece;
}

BufferPool::BufferPool(Options options) : state_(std::make_shared<State>()) {
  CHECK(options.chunk_bytes > 0 && options.bytes_max >= options.chunk_bytes);
  state_->chunk_bytes = options.chunk_bytes;
  state_->buffers_max = options.bytes_max / options.chunk_bytes;
}

BufferPool::~BufferPool() = default;

Task<Buffer> BufferPool::take(rt::Context& ctx) {
  std::shared_ptr<rt::Waiter> waiter;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->out < state_->buffers_max) {
      ++state_->out;
    } else {
      waiter = rt::Waiter::make();
      state_->waiting.push_back(waiter);
    }
  }
  if (waiter != nullptr) {
    CO_OK(co_await waiter->wait(ctx));
  }
  Buffer buffer;
  buffer.size_ = state_->chunk_bytes;
  buffer.data_ = std::shared_ptr<std::byte[]>(
      state_->claim().release(),
      [state = state_](std::byte* data) { state->release(Pages(data)); });
  co_return buffer;
}

size_t BufferPool::chunk_bytes() const { return state_->chunk_bytes; }

size_t BufferPool::in_use() const {
  const std::lock_guard lock(state_->mutex);
  return state_->out;
}

}  // namespace tutti::cloud
