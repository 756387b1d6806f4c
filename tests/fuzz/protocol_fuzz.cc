// SPDX-License-Identifier: Apache-2.0
// What a program that speaks tutti.action/1 may write: the first byte says in which pieces the
// bytes arrive. A message that is accepted is written and read back.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "action/protocol/frame.h"
#include "action/protocol/message.h"
#include "base/check.h"

namespace {

using namespace tutti;

// One frame after the other, until bytes are missing or the stream is broken.
bool read_frames(action::FrameReader& reader) {
  while (true) {
    auto frame = reader.next();
    if (!frame.has_value() || !frame->has_value()) {
      return frame.has_value();
    }
    if (const auto message = action::parse_message(**frame); message.has_value()) {
      const auto written = action::to_value(*message);
      const auto again = action::parse_message(to_json(written));
      CHECK(again.has_value());
      CHECK(to_json(action::to_value(*again)) == to_json(written));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t piece = 1 + static_cast<uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  // Once as the bare JSON of a message, which new input reaches far more easily than a framed one.
  if (const auto framed = action::frame_of(bytes); !bytes.empty() && framed.has_value()) {
    action::FrameReader reader;
    reader.feed(*framed);
    CHECK(read_frames(reader));
    CHECK(reader.at_border());
  }
  action::FrameReader reader;
  while (!bytes.empty()) {
    const size_t n = std::min(piece, bytes.size());
    reader.feed(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (!read_frames(reader)) {
      break;
    }
  }
  return 0;
}
