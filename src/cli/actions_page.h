// SPDX-License-Identifier: Apache-2.0
// docs/actions.md, made from the actions' schemas.
#pragma once

#include <string>

#include "core/spec/catalogue.h"

namespace tutti::cli {

std::string actions_markdown(const spec::Catalogue& catalogue);

}  // namespace tutti::cli
