// SPDX-License-Identifier: Apache-2.0
// Key: 32 secret bytes. A value; its memory is overwritten when it goes, and no error shows it.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti::xfer::stage {

class Key {
 public:
  static constexpr size_t size = 32;
  // As text: 64 hexadecimal digits, or base64 of either alphabet; spaces and line ends around it do
  // not count. bad_input otherwise.
  static Result<Key> parse(std::string_view text);

  Key() = default;
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, size> bytes_{};
};

// RFC 5869 with SHA-256, for at most 32 bytes.
std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        size_t bytes);

}  // namespace tutti::xfer::stage
