// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/key.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "base/check.h"
#include "base/encode.h"
#include "base/hmac.h"
#include "base/trim.h"

namespace tutti::xfer::stage {
Result<Key> Key::parse(std::string_view text) {
  text = trimmed(text);
  std::string bytes =
      text.size() == 2 * size ? hex_decode(text).value_or("") : base64url_decode(text).value_or("");
  if (bytes.size() != size) {
    return fail(Code::bad_input, "the key is not 32 bytes in base64 or hexadecimal digits",
                "make one with `openssl rand -base64 32`");
  }
  Key key;
  std::ranges::copy(bytes, key.bytes_.begin());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

Key::~Key() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        size_t bytes) {
  CHECK(bytes <= 32);
  const std::string extracted = hmac_sha256(salt.empty() ? std::string(32, '\0') : salt, key);
  return hmac_sha256(extracted, std::string(info) + '\x01').substr(0, bytes);
}

}  // namespace tutti::xfer::stage
