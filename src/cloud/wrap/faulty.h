// SPDX-License-Identifier: Apache-2.0
// A store that fails as planned: refused calls, lost replies, cut and damaged reads, slowness. For
// tests and the simulator, around any other store.
#pragma once

#include <functional>
#include <memory>

#include "cloud/object_store.h"

namespace tutti::cloud::wrap {

enum class Operation : uint8_t { head, get, put, begin_upload, part, commit, list, remove, copy };

struct Fault {
  enum class Kind : uint8_t {
    refuse,      // fails with `error`, nothing was done
    lose_reply,  // is done, then fails with `error`
    cut,         // get: ends with `error` before the byte `at`
    flip,        // get, put, part: one bit of the byte `at` is wrong
  } kind = Kind::refuse;
  Error error = {.code = Code::unavailable, .what = "a planned fault"};
  uint64_t at = 0;
  Duration delay = {};  // first
};

// Asked before every call, on the store's loop; nothing: the call goes through. Seeded by whoever
// makes it, so that a story can be told again.
using FaultPlan = std::function<std::optional<Fault>(Operation, const Key&)>;

// An empty plan has no faults.
std::unique_ptr<ObjectStore> make_faulty(std::shared_ptr<ObjectStore> inner, FaultPlan plan);

}  // namespace tutti::cloud::wrap
