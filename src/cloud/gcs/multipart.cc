// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/multipart.h"

#include <utility>

namespace tutti::cloud::gcs {

Task<std::span<const std::byte>> Multipart::next(rt::Context& ctx) {
  if (!std::exchange(begun_, true)) {
    co_return std::as_bytes(std::span(around_.head));
  }
  if (given_ == body_.size()) {
    co_return std::as_bytes(std::span(around_.tail));
  }
  CO_TRY(const std::span<const std::byte> bytes, co_await body_.next(ctx));
  given_ += bytes.size();
  co_return bytes;
}

}  // namespace tutti::cloud::gcs
