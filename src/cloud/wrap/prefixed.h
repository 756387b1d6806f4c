// SPDX-License-Identifier: Apache-2.0
// A store whose keys begin with a fixed text that its users do not see: a connection whose `root`
// is a folder of a bucket.
#pragma once

#include <memory>
#include <string>

#include "cloud/object_store.h"

namespace tutti::cloud::wrap {

// Key K of the new store is `prefix` + K of `inner`. `base`: the address of K is base + K, for
// errors.
std::shared_ptr<ObjectStore> make_prefixed(std::shared_ptr<ObjectStore> inner, std::string prefix,
                                           std::string base);

}  // namespace tutti::cloud::wrap
