// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace tutti {
namespace {
std::atomic<Probe*> probes{nullptr};
}

void check_failed(std::string_view condition, std::source_location where) {
  std::fprintf(stderr, "tutti: bug: %s:%u: CHECK(%.*s) failed in %s\n", where.file_name(),
               where.line(), static_cast<int>(condition.size()), condition.data(),
               where.function_name());
  std::fflush(stderr);
  std::abort();
}

Probe::Probe(const char* probe_name, std::source_location where)
    : name(probe_name), line(where.line()), file(where.file_name()), next(probes.load()) {
  while (!probes.compare_exchange_weak(next, this)) {
  }
}

void Probe::hit() { __atomic_fetch_add(&count, 1UL, __ATOMIC_RELAXED); }

const Probe* first_probe() { return probes.load(); }

}  // namespace tutti
