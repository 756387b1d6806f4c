// SPDX-License-Identifier: Apache-2.0
// What every store says in the same words. For implementations.
#pragma once

#include "store/store.h"

namespace tutti::store {

Error fenced_error(Epoch ours, Epoch current);  // conflict
Error no_run_error(RunId run);                  // not_found
Error no_row_error(RunId run);                  // internal: rows of a run that has no run row
Error run_no_error(RunId run, int64_t run_no);  // internal: the number belongs to another run
Error no_blob_error(const Digest& digest);      // not_found
Error spoilt_blob_error(const Digest& digest);  // corrupt
Result<Unit> check_blob(const Digest& digest, std::string_view bytes);  // before it is put

}  // namespace tutti::store
