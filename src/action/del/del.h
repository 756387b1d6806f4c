// SPDX-License-Identifier: Apache-2.0
// The action `delete` (README.md). Made once in `app`.
#pragma once

#include <memory>

#include "action/objects/objects.h"

namespace tutti::action {

Schema delete_schema();
std::unique_ptr<Action> make_delete(objects::Services services);

}  // namespace tutti::action
