// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tutti::cli {

extern const std::string_view version_text;  // of the CMake project

}  // namespace tutti::cli
