// SPDX-License-Identifier: Apache-2.0
// Starting one program, in the helper: clone that shares memory until exec, as posix_spawn does,
// with what posix_spawn cannot do (no_new_privs, limits, session, an error that says which step).
#pragma once

#include <string>
#include <vector>

#include "rt/descriptor.h"
#include "rt/process_wire.h"

namespace tutti::rt {

// `descriptors` as in wire::Spawn, all numbered above those the program gets; `mark` is added to
// its environment. The caller is single-threaded.
wire::Started spawn_program(const wire::Spawn& request, const std::vector<Descriptor>& descriptors,
                            const std::string& mark);

}  // namespace tutti::rt
