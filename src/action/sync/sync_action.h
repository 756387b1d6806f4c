// SPDX-License-Identifier: Apache-2.0
// The action `sync` (README.md). Made once in `app`.
#pragma once

#include <memory>

#include "action/objects/objects.h"

namespace tutti::action {

Schema sync_schema();
std::unique_ptr<Action> make_sync(objects::Services services);

}  // namespace tutti::action
