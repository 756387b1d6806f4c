// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/cipher.h"

#include "base/check.h"

namespace tutti::xfer::stage {
namespace {

constexpr int block_bytes = 16;

const unsigned char* in_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* room(std::string& out, size_t bytes) {
  out.resize(out.size() + bytes);
  return reinterpret_cast<unsigned char*>(out.data() + out.size() - bytes);
}

}  // namespace

CipherPtr start_cbc(Way way, std::string_view key, std::string_view iv) {
  CHECK(key.size() == block_bytes && iv.size() == block_bytes);
  CipherPtr cipher(EVP_CIPHER_CTX_new());
  CHECK(cipher != nullptr &&
        EVP_CipherInit_ex(cipher.get(), EVP_aes_128_cbc(), nullptr, in_bytes(key), in_bytes(iv),
                          static_cast<int>(way)) == 1);
  return cipher;
}

void add_cbc(EVP_CIPHER_CTX& cipher, std::string_view in, std::string& out) {
  const size_t before = out.size();
  int given = 0;
  unsigned char* to = room(out, in.size() + block_bytes);
  CHECK(EVP_CipherUpdate(&cipher, to, &given, in_bytes(in), static_cast<int>(in.size())) == 1);
  out.resize(before + static_cast<size_t>(given));
}

bool end_cbc(EVP_CIPHER_CTX& cipher, std::string& out) {
  const size_t before = out.size();
  int given = 0;
  const bool good = EVP_CipherFinal_ex(&cipher, room(out, block_bytes), &given) == 1;
  out.resize(before + (good ? static_cast<size_t>(given) : 0));
  return good;
}

void seal_gcm(EVP_CIPHER_CTX& cipher, std::string_view key, std::string_view nonce,
              std::string_view plain, std::string& out) {
  int given = 0;
  CHECK(EVP_EncryptInit_ex(&cipher, EVP_aes_256_gcm(), nullptr, in_bytes(key), in_bytes(nonce)) ==
        1);
  unsigned char* to = room(out, plain.size() + gcm_tag_bytes);
  CHECK(EVP_EncryptUpdate(&cipher, to, &given, in_bytes(plain), static_cast<int>(plain.size())) ==
        1);
  CHECK(static_cast<size_t>(given) == plain.size());
  unsigned char* tag = to + plain.size();
  CHECK(EVP_EncryptFinal_ex(&cipher, tag, &given) == 1 && given == 0);
  CHECK(EVP_CIPHER_CTX_ctrl(&cipher, EVP_CTRL_GCM_GET_TAG, gcm_tag_bytes, tag) == 1);
}

bool open_gcm(EVP_CIPHER_CTX& cipher, std::string_view key, std::string_view nonce,
              std::string_view sealed, std::string& out) {
  if (sealed.size() < gcm_tag_bytes) {
    return false;
  }
  const std::string_view bytes = sealed.substr(0, sealed.size() - gcm_tag_bytes);
  std::string tag(sealed.substr(bytes.size()));
  const size_t before = out.size();
  int given = 0;
  CHECK(EVP_DecryptInit_ex(&cipher, EVP_aes_256_gcm(), nullptr, in_bytes(key), in_bytes(nonce)) ==
        1);
  unsigned char* to = room(out, bytes.size());
  CHECK(EVP_DecryptUpdate(&cipher, to, &given, in_bytes(bytes), static_cast<int>(bytes.size())) ==
        1);
  CHECK(EVP_CIPHER_CTX_ctrl(&cipher, EVP_CTRL_GCM_SET_TAG, gcm_tag_bytes, tag.data()) == 1);
  unsigned char none[block_bytes];
  const bool good = EVP_DecryptFinal_ex(&cipher, none, &given) == 1;
  out.resize(before + (good ? bytes.size() : 0));
  return good;
}

}  // namespace tutti::xfer::stage
