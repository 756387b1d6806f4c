// SPDX-License-Identifier: Apache-2.0
// Decoders that look at the first bytes for the format.
#pragma once

#include "xfer/stage/key.h"
#include "xfer/stage/stage.h"

namespace tutti::xfer::stage {

// zstd or gzip; bad_input: neither.
StagePtr decompressor();
// aes-256-gcm of ours, or fernet; bad_input: neither.
StagePtr decrypter(const Key& key);

}  // namespace tutti::xfer::stage
