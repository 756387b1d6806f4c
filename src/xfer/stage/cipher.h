// SPDX-License-Identifier: Apache-2.0
// OpenSSL's ciphers as this folder uses them. Inside of xfer/stage.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <openssl/evp.h>

namespace tutti::xfer::stage {

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

enum class Way : uint8_t { decrypt = 0, encrypt = 1 };

// AES-128-CBC with PKCS7, byte after byte.
CipherPtr start_cbc(Way way, std::string_view key, std::string_view iv);
// Appends what it gives for `in`.
void add_cbc(EVP_CIPHER_CTX& cipher, std::string_view in, std::string& out);
// False: the padding is not what it must be.
bool end_cbc(EVP_CIPHER_CTX& cipher, std::string& out);

// One message of AES-256-GCM, appended to `out` with its tag of 16 bytes behind.
void seal_gcm(EVP_CIPHER_CTX& cipher, std::string_view key, std::string_view nonce,
              std::string_view plain, std::string& out);
// The reverse; false, and nothing appended, where the tag does not fit.
bool open_gcm(EVP_CIPHER_CTX& cipher, std::string_view key, std::string_view nonce,
              std::string_view sealed, std::string& out);

constexpr size_t gcm_tag_bytes = 16;

}  // namespace tutti::xfer::stage
