// SPDX-License-Identifier: Apache-2.0
// The action `wait.object` (README.md). Made once in `app`.
#pragma once

#include <memory>

#include "action/objects/objects.h"

namespace tutti::action {

Schema wait_object_schema();
std::unique_ptr<Action> make_wait_object(objects::Services services);

}  // namespace tutti::action
