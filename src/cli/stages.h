// SPDX-License-Identifier: Apache-2.0
// --compress, --encrypt and the reverse of tutti cp.
#pragma once

#include <vector>

#include "cli/commands.h"
#include "cli/data_side.h"
#include "xfer/stage/spec.h"

namespace tutti::cli {

// In their order: decrypt, decompress, compress, encrypt. Reads the key where one is needed.
// bad_input: an option without the other it needs.
Result<std::vector<xfer::stage::Spec>> stages_of(Invocation& call, const DataSide& side,
                                                 const StageArgs& args);

}  // namespace tutti::cli
