// SPDX-License-Identifier: Apache-2.0
// What `call` of a Python task says: MODULE:FUNCTION.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tutti::spec {

// The file of the module, from the project's folder: steps.clean:run -> steps/clean.py. None when
// the text is no MODULE:FUNCTION, or is a template.
std::optional<std::string> module_file(std::string_view call);

}  // namespace tutti::spec
