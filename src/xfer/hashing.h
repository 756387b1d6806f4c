// SPDX-License-Identifier: Apache-2.0
// Digests of the bytes that go by, several in one pass.
#pragma once

#include <functional>
#include <memory>

#include "cloud/object_store.h"
#include "rt/task.h"

namespace tutti::xfer {

using OnBytes = std::function<void(uint64_t bytes)>;

// What a body has seen; starts anew when the body is opened again.
struct Seen {
  uint64_t bytes = 0;
  std::vector<Digest> digests = {};  // once the end was reached
};

// `corrupt` where one of `expected` differs from what was seen of the same kind.
Result<Unit> check_source(const std::vector<Digest>& seen, const std::vector<Digest>& expected);

// A body that hashes `inner` on the way, by `kinds`, on `cpu`. The end is `corrupt` when a digest
// in `expected` differs from what went by: nothing that was read wrong becomes visible.
cloud::Body hashing_body(cloud::Body inner, std::vector<DigestKind> kinds,
                         std::vector<Digest> expected, rt::Executor cpu, std::shared_ptr<Seen> seen,
                         OnBytes on_bytes);

// Reads an object to its end for its digests. `corrupt` where its store says others.
Task<Seen> digest_object(rt::Context& ctx, cloud::ObjectStore& store, cloud::Key key,
                         std::string if_match, std::vector<DigestKind> kinds, rt::Executor cpu);

// The same of one that was opened.
Task<Seen> digest_opened(rt::Context& ctx, cloud::Opened opened, std::vector<DigestKind> kinds,
                         rt::Executor cpu);

std::vector<DigestKind> kinds_of(const std::vector<Digest>& digests);

// CRC32C finds every accident and costs next to nothing. SHA-256 beside it, where an object is read
// whole and somebody wants a digest that nobody can forge.
std::vector<DigestKind> whole_kinds(bool sha256);

}  // namespace tutti::xfer
