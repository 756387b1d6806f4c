// SPDX-License-Identifier: Apache-2.0
// The action `copy` (README.md). Made once in `app`.
#pragma once

#include <memory>

#include "action/objects/objects.h"

namespace tutti::action {

Schema copy_schema();
std::unique_ptr<Action> make_copy(objects::Services services);

}  // namespace tutti::action
