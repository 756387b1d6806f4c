// SPDX-License-Identifier: Apache-2.0
// Numbers of bytes as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti {

// NUMBER UNIT, a space allowed between: B, kB MB GB TB (thousands), KiB MiB GiB TiB (1024), K M G T
// as the latter. Decimals allowed ("1.5GiB"); a bare number is bytes. Not negative, below 2^62.
Result<int64_t> parse_size(std::string_view text);

}  // namespace tutti
