// SPDX-License-Identifier: Apache-2.0
// One version of one object, read as if it were the latest.
#pragma once

#include <memory>

#include "cloud/object_store.h"

namespace tutti::cloud::wrap {

// What is asked of `key` without a version means `version`: head, get, its lock, restore, and
// remove, which then takes that version away for ever. The rest is the inner store's, tags too.
std::shared_ptr<ObjectStore> make_pinned(std::shared_ptr<ObjectStore> inner, Key key,
                                         std::string version);

}  // namespace tutti::cloud::wrap
