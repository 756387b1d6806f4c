// SPDX-License-Identifier: Apache-2.0
// The action `list` (README.md). Made once in `app`.
#pragma once

#include <memory>

#include "action/objects/objects.h"

namespace tutti::action {

Schema list_schema();
std::unique_ptr<Action> make_list(objects::Services services);

}  // namespace tutti::action
