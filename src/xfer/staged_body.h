// SPDX-License-Identifier: Apache-2.0
// A body that gives what a stage makes of another one.
#pragma once

#include <functional>

#include "cloud/object_store.h"
#include "rt/scope.h"
#include "xfer/stage/stage.h"

namespace tutti::xfer {

using MakeStage = std::function<stage::StagePtr()>;

// Each opening begins at the start of `inner`, with a stage of its own: other nonces, so other
// bytes. Its size is not known. The stage runs on `cpu`, a piece at a time, when the next chunk is
// asked for. Ends with the first error of `inner` or the stage; nothing that came before an error
// may count.
//
// Chunks lie outside of the pool, at most 128 KiB each, and the input of a stage is copied out of
// its chunk: so no buffer of the pool is kept while somebody waits for another one.
cloud::Body staged_body(cloud::Body inner, MakeStage make, rt::Executor cpu);

}  // namespace tutti::xfer
