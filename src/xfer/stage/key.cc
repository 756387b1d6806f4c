// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/key.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "base/check.h"
#include "base/digest.h"
#include "base/hmac.h"

namespace tutti::xfer::stage {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const size_t from = text.find_first_not_of(spaces);
  return from == std::string_view::npos
             ? std::string_view()
             : text.substr(from, text.find_last_not_of(spaces) - from + 1);
}

int digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

std::string from_hex(std::string_view text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) {
      return {};
    }
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string from_base64(std::string_view text) {
  std::string standard(text);
  std::ranges::replace(standard, '-', '+');
  std::ranges::replace(standard, '_', '/');
  if (standard.size() % 4 == 3) {
    standard += '=';
  }
  auto decoded = base64_decode(standard);
  OPENSSL_cleanse(standard.data(), standard.size());
  return decoded.has_value() ? std::move(*decoded) : std::string();
}

}  // namespace

Result<Key> Key::parse(std::string_view text) {
  text = trimmed(text);
  std::string bytes = text.size() == 2 * size ? from_hex(text) : from_base64(text);
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
