// SPDX-License-Identifier: Apache-2.0
#include "cli/version.h"

namespace tutti::cli {

const std::string_view version_text = TUTTI_VERSION;

}  // namespace tutti::cli
