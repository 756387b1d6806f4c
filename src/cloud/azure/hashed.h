// SPDX-License-Identifier: Apache-2.0
// A body whose bytes are digested on their way, on the CPU pool.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/object_store.h"

namespace tutti::cloud::azure {

// What was found, once all bytes have gone by. Of the last opening.
using Found = std::shared_ptr<std::vector<Digest>>;

// `inner`, which must be opened from its beginning. Its digests_after gives those of `kinds` too.
Body hashed(Body inner, std::vector<DigestKind> kinds, rt::Executor cpu, Found found);

rt::asio::awaitable<std::vector<Digest>> digests_of(rt::Executor cpu,
                                                    std::shared_ptr<const std::string> bytes,
                                                    std::vector<DigestKind> kinds);

}  // namespace tutti::cloud::azure
