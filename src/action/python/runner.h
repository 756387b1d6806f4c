// SPDX-License-Identifier: Apache-2.0
// The program runner.py, as text.
#pragma once

#include <string_view>

namespace tutti::action {

std::string_view python_runner();

}  // namespace tutti::action
