// SPDX-License-Identifier: Apache-2.0
// How the keys of store.h look in state.db.
#pragma once

#include <cstring>
#include <string>

#include "base/digest.h"

namespace tutti::store {

// A page's rowid: its run's number above its own.
constexpr int page_number_bits = 24;
constexpr uint32_t page_number_end = 1u << page_number_bits;
constexpr int64_t run_no_end = int64_t{1} << (62 - page_number_bits);
constexpr int64_t page_key(int64_t run_no, uint32_t number) {
  return (run_no << page_number_bits) | number;
}

inline std::string blob_key(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()};
}
inline Digest digest_of_key(const std::string& key) {
  Digest digest{.kind = DigestKind::sha256};
  std::memcpy(digest.bytes.data(), key.data(), std::min(key.size(), digest.bytes.size()));
  return digest;
}

}  // namespace tutti::store
