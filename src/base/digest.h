// SPDX-License-Identifier: Apache-2.0
// Digests of bytes: SHA-256, MD5 (OpenSSL), CRC32C (ISA-L) and CRC64-NVME. A hasher takes the bytes
// once, in pieces; digests of different algorithms never compare equal.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti {

enum class DigestKind : uint8_t { sha256, md5, crc32c, crc64nvme };
std::string_view digest_name(DigestKind kind);  // "sha256", "md5", "crc32c", "crc64nvme"
size_t digest_size(DigestKind kind);            // bytes

struct Digest {
  DigestKind kind = DigestKind::sha256;
  std::array<uint8_t, 32> bytes{};  // big-endian for the CRCs; what is beyond digest_size is zero
  auto operator<=>(const Digest&) const = default;
};

std::string hex(const Digest& digest);               // lower case
std::string to_text(const Digest& digest);           // "sha256:ab12..."
Result<Digest> parse_digest(std::string_view text);  // what to_text prints

// Streaming; one use. Not thread-safe, cheap to move.
class Hasher {
 public:
  explicit Hasher(DigestKind kind);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(std::span<const std::byte> bytes);
  void update(std::string_view bytes);
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest digest_of(DigestKind kind, std::string_view bytes);
inline Digest sha256(std::string_view bytes) { return digest_of(DigestKind::sha256, bytes); }

// CRC32C of `first` followed by `second`, from their CRCs and the length of the second: parts of an
// object are hashed apart and never read again. Both must be crc32c.
Digest combine_crc32c(const Digest& first, const Digest& second, uint64_t second_bytes);

// The same of two CRC64-NVMEs.
Digest combine_crc64nvme(const Digest& first, const Digest& second, uint64_t second_bytes);

std::string base64_encode(std::string_view bytes);
Result<std::string> base64_decode(std::string_view text);  // RFC 4648 section 4, padding required
std::string hex_encode(std::string_view bytes);

}  // namespace tutti
