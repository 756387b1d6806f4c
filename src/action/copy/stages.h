// SPDX-License-Identifier: Apache-2.0
// The inputs of `copy` that change bytes on their way.
#pragma once

#include "action/objects/objects.h"
#include "xfer/stage/spec.h"

namespace tutti::action {

enum class Keys : uint8_t { read, leave };  // leave: for a plan, which needs none

// In their order: decrypt, decompress, compress, encrypt. bad_input names the parameter.
Result<std::vector<xfer::stage::Spec>> stages_param(const objects::Services& services,
                                                    const Value& with, Keys keys);
void add_stage_params(Schema& schema);

}  // namespace tutti::action
