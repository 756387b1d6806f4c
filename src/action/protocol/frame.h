// SPDX-License-Identifier: Apache-2.0
// Frames of tutti.action/1: a little-endian u32 length, then that many bytes of UTF-8 JSON. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tutti::action {

constexpr size_t frame_bytes_max = 64U << 20U;  // of the JSON

// bad_input when the JSON is larger than a frame may be.
Result<std::string> frame_of(std::string_view json);

// Bytes in, whole frames out, however the bytes were cut. Holds at most one unfinished frame beyond
// what was fed at once. After an error it stays failed: the stream has lost its borders.
class FrameReader {
 public:
  void feed(std::string_view bytes);
  // The next whole frame's JSON; nullopt: more bytes are needed. corrupt: a length that cannot be.
  Result<std::optional<std::string>> next();
  // True between frames: the only place where a stream may end.
  bool at_border() const { return buffer_.size() == start_; }

 private:
  std::string buffer_;
  size_t start_ = 0;  // of the next frame in buffer_
};

}  // namespace tutti::action
