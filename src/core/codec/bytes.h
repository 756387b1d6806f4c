// SPDX-License-Identifier: Apache-2.0
// Integers as bytes: LEB128, signed ones zigzag. Private to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tutti::codec {

class Writer {
 public:
  void byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void number(uint64_t value) {
    while (value >= 0x80) {
      byte(static_cast<uint8_t>(value | 0x80U));
      value >>= 7U;
    }
    byte(static_cast<uint8_t>(value));
  }
  void integer(int64_t value) {
    number(static_cast<uint64_t>(value) << 1U ^ static_cast<uint64_t>(value >> 63));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// After bytes that are no number, failed() is true and everything reads as 0.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  uint8_t byte() {
    if (bytes_.empty()) {
      failed_ = true;
      return 0;
    }
    const auto value = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  uint64_t number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const uint8_t next = byte();
      if (shift == 63 && next > 1) {
        break;
      }
      value |= static_cast<uint64_t>(next & 0x7fU) << shift;
      if (next < 0x80) {
        return value;
      }
    }
    failed_ = true;
    return 0;
  }
  int64_t integer() {
    const uint64_t value = number();
    return static_cast<int64_t>(value >> 1U ^ (~(value & 1U) + 1U));
  }
  template <class Int>
  Int small() {
    const uint64_t value = number();
    if (value > std::numeric_limits<Int>::max()) {
      failed_ = true;
      return 0;
    }
    return static_cast<Int>(value);
  }
  bool failed() const { return failed_; }
  bool at_end() const { return bytes_.empty() && !failed_; }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

}  // namespace tutti::codec
