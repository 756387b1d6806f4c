// SPDX-License-Identifier: Apache-2.0
// Zstandard (RFC 8878) and gzip (RFC 1952), both ways. What is written any `zstd -d` and `gzip -d`
// reads. Several frames or members one after the other are one text, as these programs have it;
// anything else behind the end is `corrupt`. Output streams, so that there is no limit to it.
#pragma once

#include <cstdint>
#include <optional>

#include "xfer/stage/stage.h"

namespace tutti::xfer::stage {

constexpr int zstd_level_default = 3;
constexpr int zstd_level_max = 19;  // those above want hundreds of megabytes
constexpr int gzip_level_default = 6;
constexpr int gzip_level_max = 9;

// One frame with a checksum. `size` of the whole input, where it is known: small inputs want less
// memory then; another number of bytes is `corrupt`. At level 3 some 5 MB, at 19 some 90 MB.
StagePtr zstd_encoder(int level = zstd_level_default, std::optional<uint64_t> size = std::nullopt);
// Windows of up to 128 MiB, as `zstd -d`: that much memory where a frame asks for it.
StagePtr zstd_decoder();

// One member, without a name or a time: the same input gives the same bytes.
StagePtr gzip_encoder(int level = gzip_level_default);
StagePtr gzip_decoder();

}  // namespace tutti::xfer::stage
