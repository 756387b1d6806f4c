// SPDX-License-Identifier: Apache-2.0
// Listings of versions, for stores whose service gives the versions of a key from the oldest on.
#pragma once

#include <functional>
#include <string>

#include "cloud/object_store.h"

namespace tutti::cloud {

// A page as the service gives it, from its own token on.
using FetchPage = std::function<Task<Page>(rt::Context& ctx, std::string token)>;

// The page of `cursor` with all versions of each of its keys, the newest first. Asks for the page
// behind it, too: only that tells whether the last key goes on.
Task<Page> newest_first(rt::Context& ctx, FetchPage fetch, std::string cursor);

}  // namespace tutti::cloud
