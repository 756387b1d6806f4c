// SPDX-License-Identifier: Apache-2.0
#include "base/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"

namespace tutti {

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string out(32, '\0');
  unsigned size = 0;
  const char* bytes = key.data() == nullptr ? "" : key.data();  // null would mean an old key
  CHECK(HMAC(EVP_sha256(), bytes, static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(out.data()), &size) != nullptr);
  CHECK(size == out.size());
  return out;
}

}  // namespace tutti
