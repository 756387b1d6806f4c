// SPDX-License-Identifier: Apache-2.0
// CHECK aborts, in every build, on a bug of ours or on state we wrote ourselves. What a peer, a
// file, a user or a cloud can cause is an Error, never a CHECK.
// PROBE marks a rare branch; the simulator's soak fails when one was never reached.
//
// doctest has a CHECK of its own: a test includes "base/doctest.h" last.
#pragma once

#include <source_location>
#include <string_view>

namespace tutti {

[[noreturn]] void check_failed(std::string_view condition, std::source_location where);

// Counts a pass through a PROBE; thread-safe, one relaxed add.
struct Probe {
  explicit Probe(const char* name, std::source_location where = std::source_location::current());
  void hit();
  const char* name;
  unsigned line;
  const char* file;
  Probe* next;
  unsigned long count = 0;
};

// Every probe whose code has been reached at least once by this process, newest first.
const Probe* first_probe();

}  // namespace tutti

#define CHECK(condition)        \
  (static_cast<bool>(condition) \
       ? static_cast<void>(0)   \
       : ::tutti::check_failed(#condition, ::std::source_location::current()))

#define PROBE(name)                         \
  do {                                      \
    static ::tutti::Probe probe_here(name); \
    probe_here.hit();                       \
  } while (false)
