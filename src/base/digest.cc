// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <algorithm>

#include <isa-l/crc.h>
#include <openssl/evp.h>

#include <fmt/format.h>

#include "base/check.h"
#include "base/encode.h"

namespace tutti {
namespace {

constexpr uint32_t crc32c_polynomial = 0x82F63B78;  // reflected; RFC 3720 appendix B.4
constexpr uint64_t crc64nvme_polynomial =
    0x9A6C9329AC4BC9B5;  // reflected; NVMe NVM command set, 5.2.1.3.4

const std::array<std::array<uint64_t, 256>, 8>& crc64_tables() {
  static const auto tables = [] {
    std::array<std::array<uint64_t, 256>, 8> t{};
    for (uint64_t i = 0; i < 256; ++i) {
      uint64_t crc = i;
      for (int bit = 0; bit < 8; ++bit) {
        crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? crc64nvme_polynomial : 0);
      }
      t[0][i] = crc;
    }
    for (size_t n = 1; n < 8; ++n) {
      for (size_t i = 0; i < 256; ++i) {
        t[n][i] = (t[n - 1][i] >> 8U) ^ t[0][t[n - 1][i] & 0xFFU];
      }
    }
    return t;
  }();
  return tables;
}

// Slicing by 8.
uint64_t crc64_update(uint64_t crc, const uint8_t* data, size_t size) {
  const auto& t = crc64_tables();
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word = 0;
    __builtin_memcpy(&word, data, 8);
    crc ^= word;
    uint64_t next = 0;
    for (size_t n = 0; n < 8; ++n) {
      next ^= t[7 - n][(crc >> (8 * n)) & 0xFFU];
    }
    crc = next;
  }
  for (; size > 0; ++data, --size) {
    crc = (crc >> 8U) ^ t[0][(crc ^ *data) & 0xFFU];
  }
  return crc;
}

template <class Int>
Digest crc_digest(DigestKind kind, Int value) {
  Digest digest{.kind = kind};
  for (size_t i = 0; i < sizeof(Int); ++i) {
    digest.bytes[i] = static_cast<uint8_t>(value >> (8 * (sizeof(Int) - 1 - i)));
  }
  return digest;
}

template <class Int>
Int crc_value(const Digest& digest) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) {
    value = value << 8U | digest.bytes.at(i);
  }
  return value;
}

// A square matrix over GF(2) applied to a vector (zlib's crc32_combine, M. Adler).
template <class Int>
using Matrix = std::array<Int, 8 * sizeof(Int)>;
template <class Int>
Int times(const Matrix<Int>& m, Int v) {
  Int sum = 0;
  for (size_t i = 0; v != 0; ++i, v >>= 1U) {
    sum ^= (v & 1U) != 0 ? m[i] : 0;
  }
  return sum;
}
template <class Int>
Matrix<Int> square(const Matrix<Int>& m) {
  Matrix<Int> out{};
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = times(m, m[i]);
  }
  return out;
}

// The CRC of two pieces, of theirs; `polynomial` is reflected.
template <class Int>
Int combine_crc(Int first, Int second, uint64_t second_bytes, Int polynomial) {
  Matrix<Int> one_bit{};
  one_bit[0] = polynomial;
  for (size_t i = 1; i < one_bit.size(); ++i) {
    one_bit[i] = Int{1} << (i - 1);
  }
  Matrix<Int> op = square(square(square(one_bit)));  // one zero byte
  for (uint64_t n = second_bytes; n != 0; n >>= 1U) {
    if ((n & 1U) != 0) {
      first = times(op, first);
    }
    op = square(op);
  }
  return first ^ second;
}

const EVP_MD* evp_of(DigestKind kind) {
  switch (kind) {
    case DigestKind::sha256:
      return EVP_sha256();
    case DigestKind::md5:
      return EVP_md5();
    default:
      return nullptr;
  }
}

}  // namespace

std::string_view digest_name(DigestKind kind) {
  switch (kind) {
    case DigestKind::sha256:
      return "sha256";
    case DigestKind::md5:
      return "md5";
    case DigestKind::crc32c:
      return "crc32c";
    case DigestKind::crc64nvme:
      return "crc64nvme";
  }
  return "";
}

size_t digest_size(DigestKind kind) {
  switch (kind) {
    case DigestKind::sha256:
      return 32;
    case DigestKind::md5:
      return 16;
    case DigestKind::crc32c:
      return 4;
    case DigestKind::crc64nvme:
      return 8;
  }
  return 0;
}

std::string hex_encode(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    out += digits[b >> 4U];
    out += digits[b & 0xFU];
  }
  return out;
}

std::string hex(const Digest& digest) {
  return hex_encode({reinterpret_cast<const char*>(digest.bytes.data()), digest_size(digest.kind)});
}

std::string to_text(const Digest& digest) {
  return std::string(digest_name(digest.kind)) + ":" + hex(digest);
}

Result<Digest> parse_digest(std::string_view text) {
  for (DigestKind kind :
       {DigestKind::sha256, DigestKind::md5, DigestKind::crc32c, DigestKind::crc64nvme}) {
    const std::string_view name = digest_name(kind);
    if (!text.starts_with(name) || text.size() != name.size() + 1 + 2 * digest_size(kind) ||
        text[name.size()] != ':') {
      continue;
    }
    const std::string_view digits = text.substr(name.size() + 1);
    const auto bytes = hex_decode(digits);
    if (bytes.has_value() && digits.find_first_of("ABCDEF") == std::string_view::npos) {
      Digest digest{.kind = kind};
      std::ranges::transform(*bytes, digest.bytes.begin(),
                             [](char c) { return static_cast<uint8_t>(c); });
      return digest;
    }
  }
  return fail(Code::bad_input, fmt::format("'{}' is not a digest", text.substr(0, 80)),
              "write it as sha256:HEX");
}

struct Hasher::State {
  DigestKind kind;
  EVP_MD_CTX* evp = nullptr;
  uint32_t crc32 = 0xFFFFFFFF;
  uint64_t crc64 = ~0ULL;

  explicit State(DigestKind k) : kind(k) {
    if (const EVP_MD* md = evp_of(k)) {
      evp = EVP_MD_CTX_new();
      CHECK(evp != nullptr && EVP_DigestInit_ex(evp, md, nullptr) == 1);
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(evp); }
};

Hasher::Hasher(DigestKind kind) : state_(std::make_unique<State>(kind)) {}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> bytes) {
  update(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void Hasher::update(std::string_view bytes) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  if (state_->evp != nullptr) {
    CHECK(EVP_DigestUpdate(state_->evp, data, bytes.size()) == 1);
    return;
  }
  if (state_->kind == DigestKind::crc64nvme) {
    state_->crc64 = crc64_update(state_->crc64, data, bytes.size());
    return;
  }
  constexpr size_t piece_max = 1U << 30U;  // crc32_iscsi takes an int
  for (size_t at = 0; at < bytes.size(); at += piece_max) {
    const size_t n = std::min(piece_max, bytes.size() - at);
    state_->crc32 =
        crc32_iscsi(const_cast<unsigned char*>(data + at), static_cast<int>(n), state_->crc32);
  }
}

Digest Hasher::finish() {
  switch (state_->kind) {
    case DigestKind::crc32c:
      return crc_digest(DigestKind::crc32c, ~state_->crc32);
    case DigestKind::crc64nvme:
      return crc_digest(DigestKind::crc64nvme, ~state_->crc64);
    default: {
      Digest digest{.kind = state_->kind};
      CHECK(EVP_DigestFinal_ex(state_->evp, digest.bytes.data(), nullptr) == 1);
      return digest;
    }
  }
}

Digest digest_of(DigestKind kind, std::string_view bytes) {
  Hasher hasher(kind);
  hasher.update(bytes);
  return hasher.finish();
}

Digest combine_crc32c(const Digest& first, const Digest& second, uint64_t second_bytes) {
  CHECK(first.kind == DigestKind::crc32c && second.kind == DigestKind::crc32c);
  return crc_digest(DigestKind::crc32c,
                    combine_crc(crc_value<uint32_t>(first), crc_value<uint32_t>(second),
                                second_bytes, crc32c_polynomial));
}

Digest combine_crc64nvme(const Digest& first, const Digest& second, uint64_t second_bytes) {
  CHECK(first.kind == DigestKind::crc64nvme && second.kind == DigestKind::crc64nvme);
  return crc_digest(DigestKind::crc64nvme,
                    combine_crc(crc_value<uint64_t>(first), crc_value<uint64_t>(second),
                                second_bytes, crc64nvme_polynomial));
}

std::string base64_encode(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(bytes.data()),
                                static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.find_first_of("-_") != std::string_view::npos) {
    return fail(Code::bad_input, "not base64: it has a character outside A-Z a-z 0-9 + /");
  }
  if (text.size() % 4 != 0) {
    return fail(Code::bad_input, "not base64: its length is not a multiple of 4");
  }
  return base64url_decode(text);
}

}  // namespace tutti
