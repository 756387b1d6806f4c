// SPDX-License-Identifier: Apache-2.0
#include "core/expr/allocations.h"

#include <cstdlib>
#include <new>

static size_t allocated = 0;

namespace tutti::expr {
size_t allocated_bytes() { return allocated; }
}  // namespace tutti::expr

void* operator new(size_t size) {
  allocated += size;
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) {
    std::abort();
  }
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
