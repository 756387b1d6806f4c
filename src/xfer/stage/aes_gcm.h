// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM in chunks, so that an object of any size is encrypted and read as a stream and every
// chunk is proven before a byte of it is given. The format, to the byte: docs/encryption.md.
//
// Cut off, reordered, doubled, appended to or changed by a bit: `corrupt`. Encrypted with another
// key: `denied`, told by the key's id in the header, before anything is given. At most 2^32 chunks.
#pragma once

#include <array>

#include "xfer/stage/key.h"
#include "xfer/stage/stage.h"

namespace tutti::xfer::stage {

constexpr std::string_view aes_gcm_magic = "TUTTIGCM";
constexpr size_t aes_gcm_header_bytes = 52;
constexpr size_t aes_gcm_salt_bytes = 32;
constexpr unsigned aes_gcm_chunk_log_min = 16;  // 64 KiB of plain text in a chunk
constexpr unsigned aes_gcm_chunk_log_max = 20;  // 1 MiB

using Salt = std::array<char, aes_gcm_salt_bytes>;

// `salt`: random, another one for each object under a key. `chunk_log`: within the limits above.
StagePtr aes_gcm_encoder(const Key& key, const Salt& salt,
                         unsigned chunk_log = aes_gcm_chunk_log_min);
StagePtr aes_gcm_decoder(const Key& key);

// Eight bytes that tell keys apart and nothing of the key, in hexadecimal digits.
std::string key_id_text(const Key& key);

}  // namespace tutti::xfer::stage
