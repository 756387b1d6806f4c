// SPDX-License-Identifier: Apache-2.0
// Holding: room for bodies that are held whole while they are sent, as the service wants to know
// their digest first. Bounds memory, however many puts there are at once. For one loop; outlives
// its places.
#pragma once

#include <cstdint>
#include <memory>

#include "rt/wait.h"

namespace tutti::cloud::http {

class Holding {
 public:
  static constexpr uint64_t small_bytes_max = 1U << 20U;

  struct Leave {
    void operator()(rt::Semaphore* places) const { places->release(); }
  };
  using Place = std::unique_ptr<rt::Semaphore, Leave>;  // given back when it goes

  // Waits for room; `bytes`: what will be held, at most.
  Task<Place> enter(rt::Context& ctx, uint64_t bytes) {
    rt::Semaphore& places = bytes <= small_bytes_max ? small_ : large_;
    CO_OK(co_await places.acquire(ctx));
    co_return Place(&places);
  }

 private:
  rt::Semaphore small_{16};
  rt::Semaphore large_{3};
};

}  // namespace tutti::cloud::http
